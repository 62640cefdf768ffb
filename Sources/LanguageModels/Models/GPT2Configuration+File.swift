import Foundation

extension GPT2Configuration {
    /// Reads and checks a `config.json`.
    ///
    /// - Throws: ``CheckpointError/unreadable(file:reason:)`` or
    ///   ``CheckpointError/invalidConfiguration(file:path:reason:)``, which names the key.
    public static func read(from url: URL) throws -> GPT2Configuration {
        let data: Data
        do {
            data = try Data(contentsOf: url)
        } catch {
            let exists = FileManager.default.fileExists(atPath: url.path)
            throw CheckpointError.unreadable(
                file: url.path, reason: exists ? "it cannot be opened as a file" : "there is no such file")
        }
        do {
            return try JSONDecoder().decode(GPT2Configuration.self, from: data)
        } catch let error as DecodingError {
            throw CheckpointError(error, file: url.path)
        }
    }

    /// Writes a `config.json` that `transformers` loads; it appears complete or not at all.
    ///
    /// - Throws: ``CheckpointError``.
    public func write(to url: URL) throws {
        try validate()
        try AtomicFile.write(fileContents, to: url)
    }

    /// A `config.json` that `transformers` loads.
    public var fileContents: Data {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            return try encoder.encode(self) + [UInt8(ascii: "\n")]
        }
    }

    /// Builds the network.
    public func network(_ weights: WeightLoader) throws -> any CausalModel { try GPT2(self, weights) }

    /// Checks a configuration that was put together in code.
    ///
    /// - Throws: ``CheckpointError/invalidConfiguration(file:path:reason:)``.
    public func validate() throws {
        if let (key, reason) = firstProblem() {
            throw CheckpointError.invalidConfiguration(file: "configuration", path: key.rawValue, reason: reason)
        }
    }

    /// The first key whose value no GPT-2 can have, and why.
    ///
    /// The upper limits are far above any real model; they keep a damaged file from asking for terabytes.
    func firstProblem() -> (key: CodingKeys, reason: String)? {
        let sizes: [(CodingKeys, Int, limit: Int)] = [
            (.width, width, 1 << 16), (.layerCount, layerCount, 1 << 12), (.headCount, headCount, 1 << 12),
            (.positionCount, positionCount, 1 << 22), (.vocabularySize, vocabularySize, 1 << 24),
            (.explicitInnerWidth, explicitInnerWidth ?? 1, 1 << 20),
        ]
        for (key, value, limit) in sizes where !(1...limit).contains(value) {
            return (key, "\(value) is out of range; a whole number from 1 to \(limit) is needed")
        }
        guard width.isMultiple(of: headCount) else {
            return (.headCount, "\(headCount) heads cannot share a width (n_embd) of \(width); it must be a multiple")
        }
        guard layerNormEpsilon > 0, layerNormEpsilon < 1 else {
            return (.layerNormEpsilon, "\(layerNormEpsilon) is out of range; a number between 0 and 1 is needed")
        }
        let dropouts: [(CodingKeys, Float)] = [
            (.residualDropout, residualDropout), (.embeddingDropout, embeddingDropout),
            (.attentionDropout, attentionDropout),
        ]
        for (key, value) in dropouts where !(0..<1).contains(value) {
            return (key, "\(value) is out of range; a probability from 0 to below 1 is needed")
        }
        // An id beyond the vocabulary is common in tiny test models, which keep GPT-2's 50256: it never occurs then.
        for (key, token) in [(CodingKeys.beginToken, beginToken), (.endToken, endToken)] {
            if let token, token < 0 { return (key, "\(token) is no token id; a number from 0 on is needed") }
        }
        return nil
    }
}

extension CheckpointError {
    /// The sentence for a `DecodingError` of a configuration file.
    init(_ error: DecodingError, file: String) {
        let (context, reason): (DecodingError.Context, String) =
            switch error {
            case .typeMismatch(let type, let context): (context, "a value of type \(type) is needed")
            case .valueNotFound(let type, let context): (context, "it is null, but a value of type \(type) is needed")
            case .keyNotFound(let key, let context): (context, "the key \"\(key.stringValue)\" is missing")
            case .dataCorrupted(let context): (context, context.debugDescription)
            @unknown default: (.init(codingPath: [], debugDescription: ""), "\(error)")
            }
        let path = context.codingPath.map(\.stringValue).joined(separator: ".")
        self = .invalidConfiguration(file: file, path: path, reason: reason)
    }
}
