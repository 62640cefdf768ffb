import LanguageModels

/// What must be known of a model to write a prefix for the servers of the field, or to read one of theirs.
public struct ServedModel: Equatable, Sendable {
    /// The architecture, as people write it.
    public let architecture: String
    /// The model's sizes.
    public let shape: ModelShape
    /// How servers keep its keys and values; nil where they do not know the architecture.
    public let form: ServedForm?
    /// W: how many keys a token sees in the layers with a window; nil where all layers see everything, or where servers keep them
    /// all alike.
    public let window: Int?
    /// The layers that servers keep in a cache of their own, from 0.
    public let slidingLayers: [Int]
    /// Columns of a key that are turned by its position.
    public let rotaryWidth: Int

    /// What a model's configuration says.
    public init(_ configuration: any ModelConfiguration) {
        architecture = configuration.architecture
        shape = configuration.shape
        form = configuration.parts.servedForm
        let isApart = form?.keepsWindowsApart ?? false
        slidingLayers = isApart ? (0..<shape.layerCount).filter { configuration.window(ofLayer: $0) != nil } : []
        window = slidingLayers.isEmpty ? nil : configuration.attentionWindow
        rotaryWidth = configuration.rotaryWidth
    }

    /// The layers of each part of llama.cpp's cache: all, or first those that see everything, then those with a window.
    var cacheParts: [[Int]] {
        guard !slidingLayers.isEmpty else { return [Array(0..<shape.layerCount)] }
        let sliding = Set(slidingLayers)
        return [(0..<shape.layerCount).filter { !sliding.contains($0) }, slidingLayers]
    }
}
