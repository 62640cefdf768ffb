import Foundation
import LanguageModels

/// What lies beside a prefix that was written for a server, in `canary.json`: which file it is, which tokens stand for it, and what
/// our engine answers with it to one prompt.
///
/// A server that answers the same has the prefix; see ``DeploymentCheck``.
public struct DeploymentFacts: Codable, Equatable, Sendable {
    /// The file that they are kept in.
    public static let fileName = "canary.json"

    /// What it was written as.
    public var target: String
    /// The file of keys and values, in the same folder.
    public var file: String
    /// Positions n of the prefix.
    public var length: Int
    /// The tokens in whose place it stands.
    public var placeholders: [Int32]
    /// What prompts begin with to get them; the token that the server puts before every text is not in it.
    public var placeholderText: String
    /// W of the layers with a window, where servers keep them apart.
    public var window: Int?
    /// The type of the cache.
    public var cacheType: ServedCacheType
    /// Whether the server runs without flash attention.
    public var transposesValues: Bool
    /// For how many slots the server keeps cells apart; 1 where it does not.
    public var streamCount: Int
    /// The prompt.
    public var prompt: String
    /// Its tokens, with those that go before every text.
    public var promptTokens: [Int32]
    /// What follows it, most probable token by token.
    public var answerTokens: [Int32]
    /// The same as text.
    public var answer: String
    /// By how much each token's logit was greater than the next one's: where it is small, rounding decides.
    public var margins: [Float]
    /// How small that is for the model's weights: those that are stored as integers are multiplied with rounded activations in servers.
    public var tolerance: Float
    /// What follows where the placeholders are evaluated as ordinary tokens, and the prefix is not there.
    public var answerToPlaceholders: [Int32]

    enum CodingKeys: String, CodingKey {
        case target, file, length, placeholders, window, prompt, answer, margins, tolerance
        case placeholderText = "placeholder_text"
        case cacheType = "cache_type"
        case transposesValues = "transposes_values"
        case streamCount = "stream_count"
        case promptTokens = "prompt_tokens"
        case answerTokens = "answer_tokens"
        case answerToPlaceholders = "answer_to_placeholders"
    }

    /// What a folder says.
    ///
    /// - Throws: ``CacheFileError/notADeployment(folder:reason:)``.
    public init(folder: URL) throws {
        let file = folder.appendingPathComponent(Self.fileName)
        guard let data = try? Data(contentsOf: file) else {
            throw CacheFileError.notADeployment(folder: folder.path, reason: "it has no \(Self.fileName)")
        }
        do {
            self = try JSONDecoder().decode(Self.self, from: data)
        } catch {
            throw CacheFileError.notADeployment(
                folder: folder.path, reason: "its \(Self.fileName) is not what belongs there")
        }
        // A name of another place would make a folder of a stranger's read what lies there.
        guard let target = PrefixTarget(rawValue: self.target), target.isServed,
            self.file == Deployment.fileName(of: target), length > 0,
            placeholders.count == length, margins.count == answerTokens.count
        else {
            throw CacheFileError.notADeployment(
                folder: folder.path, reason: "its \(Self.fileName) contradicts itself")
        }
    }

    /// Facts of known values; see the properties.
    init(
        target: PrefixTarget, file: String, placeholders: Placeholders, window: Int?, settings: ServingSettings,
        canary: Canary, tolerance: Float
    ) {
        self.target = target.rawValue
        self.file = file
        length = placeholders.tokens.count
        self.placeholders = placeholders.tokens
        placeholderText = placeholders.text
        self.window = window
        cacheType = settings.cacheType
        transposesValues = settings.transposesValues
        streamCount = settings.streamCount
        prompt = canary.prompt
        promptTokens = canary.promptTokens
        answerTokens = canary.answerTokens
        answer = canary.answer
        margins = canary.margins
        self.tolerance = tolerance
        answerToPlaceholders = canary.answerToPlaceholders
    }

    /// The first token of the answer that the answer to the placeholders has not: what tells them apart; nil where nothing does.
    var parting: Int? { Canary.parting(answerTokens, answerToPlaceholders) }

    /// Whether a server's answer tells the prefix from its placeholders, however the server rounds.
    public var tellsApart: Bool {
        parting.map { margins.prefix($0 + 1).allSatisfy { $0 > tolerance } } ?? false
    }

    /// The file of keys and values of such a folder; nil for anything else.
    ///
    /// A `canary.json` of somebody else says nothing of what lies beside it.
    static func cacheFile(in folder: URL) -> URL? {
        func has(_ name: String) -> Bool {
            FileManager.default.fileExists(atPath: folder.appendingPathComponent(name).path)
        }
        guard !has("adapter_config.json"), let facts = try? DeploymentFacts(folder: folder) else { return nil }
        return folder.appendingPathComponent(facts.file)
    }
}
