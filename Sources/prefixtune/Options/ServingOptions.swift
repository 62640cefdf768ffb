import ArgumentParser
import Foundation
import Hub
import LanguageModels
import PrefixTuning

/// How the program runs that `convert` writes a prefix for.
struct ServingOptions: ParsableArguments {
    @Option(help: .x("The type of its cache: f32, f16 or bf16."), transform: Self.cacheType)
    var cacheType = ServedCacheType.float16
    @Flag(help: "llama.cpp runs without flash attention (-fa off), and keeps values turned about.")
    var transposedValues = false
    @Option(help: .n("Slots with cells of their own: N of llama-server -np N -no-kvu.")) var streams = 1
    @Option(help: .x("The release of llama.cpp; the newest known by default: 0.5."), transform: Self.llamaVersion)
    var llamaVersion = LlamaCppVersion.newest
    @Option(help: .x("The release of mlx-lm, 0.31 or 0.32; the newest known by default."), transform: Self.mlxVersion)
    var mlxVersion = MLXVersion.newest
    @Option(help: .model("What mlx-lm loads: a folder or name on the hub; --model by default.")) var mlxModel: String?
    @Option(
        help: .text("Token ids that stand for the prefix in prompts, as 3,4,5; chosen by default."),
        transform: Self.tokens)
    var placeholders: [Int32]?
    @Option(help: .text("What every prompt of a session begins with; the canary's first token by default."))
    var anchor: String?
    @Option(help: .text("The prompt of canary.json; one of four by default.")) var canary: String?
    @Option(help: .adapter("A LoRA adapter that the prefix was trained with, and that the server has, too."))
    var lora: ModelReference?
    @Option(help: WeightPrecision.help) var precision = WeightPrecision.float32

    func validate() throws {
        guard (1...1024).contains(streams) else {
            throw ValidationError("--streams is \(streams), but a number from 1 to 1024 is needed.")
        }
    }

    private static func checked<Value>(_ value: @autoclosure () throws -> Value) throws -> Value {
        do {
            return try value()
        } catch {
            throw ValidationError("\(error).")
        }
    }

    private static func cacheType(_ text: String) throws -> ServedCacheType {
        try checked(ServedCacheType(named: text))
    }
    private static func llamaVersion(_ text: String) throws -> LlamaCppVersion {
        try checked(LlamaCppVersion(named: text))
    }
    private static func mlxVersion(_ text: String) throws -> MLXVersion { try checked(MLXVersion(named: text)) }

    private static func tokens(_ text: String) throws -> [Int32] {
        try text.split(separator: ",", omittingEmptySubsequences: false).map { part in
            guard let token = Int32(part.trimmingCharacters(in: .whitespaces)), token >= 0 else {
                throw ValidationError("\"\(part)\" is no token id; write ids with commas between them, as 3,4,5.")
            }
            return token
        }
    }

    /// What the library is told.
    ///
    /// - Parameters:
    ///   - files: The model's.
    ///   - name: The model as it was named.
    ///   - ending: White space that all training prompts ended with.
    func options(_ files: any ModelFiles, name: String, ending: String?) throws -> Deployment.Options {
        var options = Deployment.Options()
        options.settings.cacheType = cacheType
        options.settings.transposesValues = transposedValues
        options.settings.streamCount = streams
        options.settings.llamaVersion = llamaVersion
        options.settings.mlxVersion = mlxVersion
        options.placeholders = placeholders
        options.anchor = anchor
        options.prompts = canary.map { [$0] } ?? Canary.prompts.map { $0 + (ending ?? "") }
        options.chatTemplate = try files.chatTemplate
        options.modelName = mlxModel ?? name
        options.holdsIntegers = files.holdsIntegers
        options.lora = lora.map { "\($0)" }
        return options
    }
}
