import Foundation

/// What the `quantization_config` of a `config.json` says about the weights.
///
/// The keys of the tensors tell how to read them; this tells early, and by name, what cannot be read at all.
public struct QuantizationConfiguration: Equatable, Sendable {
    /// The library: `bitsandbytes`, `awq`.
    public var method: String?
    /// Bits per weight, where the library has a choice.
    public var bits: Int?
    /// The layout of AWQ's tensors: `gemm`.
    public var layout: String?
    /// Inputs that share a scale; -1 for all.
    public var groupSize: Int?

    /// Reads the object.
    init(_ file: ConfigurationReader) throws {
        let isEarly = try file.flag("load_in_4bit", default: false) || file.flag("load_in_8bit", default: false)
        method = try file.optionalString("quant_method")?.lowercased() ?? (isEarly ? "bitsandbytes" : nil)
        bits = try file.optionalInteger("bits", in: Self.anyNumber)
        // AutoAWQ says "version"; later libraries say "format".
        layout = try file.optionalString("version", "format")?.lowercased()
        groupSize = try file.optionalInteger("group_size", in: Self.anyNumber)
    }

    private static let anyNumber = Int.min...Int.max

    /// The object of a `config.json`; nil where it has none.
    ///
    /// - Throws: ``CheckpointError/unreadable(file:reason:)`` or
    ///   ``CheckpointError/invalidConfiguration(file:path:reason:)``.
    public static func read(from url: URL) throws -> QuantizationConfiguration? {
        try ConfigurationReader(url).object("quantization_config").map { try QuantizationConfiguration($0) }
    }

    /// Refuses what cannot be read.
    ///
    /// - Parameter file: For messages.
    /// - Throws: ``CheckpointError/invalidConfiguration(file:path:reason:)``, which names the key.
    public func check(file: String) throws {
        func refusal(_ key: String, _ reason: String) -> CheckpointError {
            .invalidConfiguration(file: file, path: "quantization_config.\(key)", reason: reason)
        }
        switch method {
        case "bitsandbytes": return
        case "awq":
            guard bits ?? 4 == 4 else {
                throw refusal("bits", "AWQ weights of \(bits ?? 4) bits cannot be read, only those of 4")
            }
            guard layout ?? "gemm" == "gemm" else {
                throw refusal("version", "AWQ's \"\(layout ?? "")\" layout cannot be read, only \"gemm\"")
            }
            if let groupSize, groupSize != -1, groupSize <= 0 || groupSize % 32 != 0 {
                throw refusal("group_size", "groups of \(groupSize) cannot be read, only multiples of 32, or -1")
            }
        default:
            throw refusal(
                "quant_method",
                "weights quantised by \"\(method ?? "")\" cannot be read, only those of bitsandbytes and awq; "
                    + "use the model's original weights")
        }
    }
}
