import ArgumentParser
import Foundation
import Hub
import LanguageModels
import PrefixTuning

/// How the program runs that `convert` writes a prefix for.
struct ServingOptions: ParsableArguments {
    @Option(help: .x("The type of its cache: f32, f16 or bf16; f16 by default."), transform: Self.cacheType)
    var cacheType: ServedCacheType?
    @Flag(help: "llama.cpp runs without flash attention (-fa off), and keeps values turned about.")
    var transposedValues = false
    @Option(help: .n("Slots with cells of their own: N of llama-server -np N -no-kvu; 1 by default.")) var streams: Int?
    @Option(help: .x("The release of llama.cpp; the newest known by default: 0.5."), transform: Self.llamaVersion)
    var llamaVersion: LlamaCppVersion?
    @Option(help: .x("The release of mlx-lm, 0.31 or 0.32; the newest known by default."), transform: Self.mlxVersion)
    var mlxVersion: MLXVersion?
    @Option(
        help: .model("What mlx-lm loads: a folder or name on the hub; --model by default, unless that is a GGUF file."))
    var mlxModel: String?
    @Option(
        help: .text("Token ids that stand for the prefix in prompts, as 3,4,5; chosen by default."),
        transform: Self.tokens)
    var placeholders: [Int32]?
    @Option(help: .text("What every prompt of a session begins with; the canary's first token by default."))
    var anchor: String?
    @Option(help: .text("The prompt of canary.json; one of four by default.")) var canary: String?
    @Option(help: .adapter("A LoRA adapter that the prefix was trained with, and that the server has, too."))
    var lora: ModelReference?
    @Option(help: WeightPrecision.help) var precision: WeightPrecision?

    func validate() throws {
        if let streams, !(1...1024).contains(streams) {
            throw ValidationError("--streams is \(streams), but a number from 1 to 1024 is needed.")
        }
    }

    /// Refuses what has no meaning for a form.
    ///
    /// - Throws: `ValidationError`.
    func check(for target: PrefixTarget) throws {
        let servers = PrefixTarget.allCases.filter(\.isServed), llama: [PrefixTarget] = [.llamaSlot, .llamaSession]
        let options: [(name: String, isGiven: Bool, targets: [PrefixTarget])] = [
            ("--cache-type", cacheType != nil, servers), ("--transposed-values", transposedValues, llama),
            ("--streams", streams != nil, [.llamaSlot]), ("--llama-version", llamaVersion != nil, llama),
            ("--mlx-version", mlxVersion != nil, [.mlx]), ("--mlx-model", mlxModel != nil, [.mlx]),
            ("--placeholders", placeholders != nil, llama), ("--anchor", anchor != nil, [.llamaSession]),
            ("--canary", canary != nil, servers), ("--lora", lora != nil, servers),
            ("--precision", precision != nil, servers),
        ]
        for (name, isGiven, targets) in options where isGiven && !targets.contains(target) {
            let meant = targets.map(\.rawValue).joined(separator: " or ")
            throw ValidationError(
                "\(name) has no meaning with --to \(target.rawValue), only with \(meant); leave it out.")
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

    /// How the program runs.
    var settings: ServingSettings {
        var settings = ServingSettings()
        settings.cacheType = cacheType ?? settings.cacheType
        settings.transposesValues = transposedValues
        settings.streamCount = streams ?? settings.streamCount
        settings.llamaVersion = llamaVersion ?? settings.llamaVersion
        settings.mlxVersion = mlxVersion ?? settings.mlxVersion
        return settings
    }

    /// A folder from the root on, so that it is found from everywhere; any other name as it is.
    private static func wholePath(_ name: String) -> String {
        let path = UserPath.expanded(name)
        return FileManager.default.fileExists(atPath: path) ? URL(fileURLWithPath: path).standardizedFileURL.path : name
    }

    /// What the library is told.
    ///
    /// - Parameters:
    ///   - files: The model's.
    ///   - name: What mlx-lm is to load, unless that is told: the model as it was named, or its folder as a whole path.
    ///   - record: What the adapter records of its training.
    /// - Throws: ``ConvertError/mlxModelNeeded(model:)``, and what reading the template throws.
    func options(_ files: any ModelFiles, for target: PrefixTarget, name: String, record: TaskRecord?) throws
        -> Deployment.Options
    {
        if target == .mlx, mlxModel == nil, files is GGUFFile { throw ConvertError.mlxModelNeeded(model: name) }
        var options = Deployment.Options()
        options.settings = settings
        options.placeholders = placeholders
        options.anchor = anchor
        options.prompts = canary.map { [$0] } ?? Canary.prompts.map { $0 + (record?.promptEnding ?? "") }
        options.chatTemplate = try record?.chatTemplate ?? files.chatTemplate
        options.modelName = mlxModel.map(Self.wholePath) ?? name
        // Our canary is then rounded where the server's answer is not, or the other way about.
        options.holdsIntegers = files.holdsIntegers || ![nil, .float32, .stored].contains(precision)
        options.lora = lora.map { "\($0)" }
        return options
    }
}
