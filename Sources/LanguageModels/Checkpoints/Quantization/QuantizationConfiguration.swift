import Foundation

/// What the `quantization_config` of a `config.json` says about the weights.
///
/// The keys of the tensors tell how to read them; this tells early, and by name, what cannot be read at all.
public struct QuantizationConfiguration: Decodable, Equatable, Sendable {
    /// The library: `bitsandbytes`, `awq`.
    public var method: String?
    /// Bits per weight, where the library has a choice.
    public var bits: Int?
    /// The layout of AWQ's tensors: `gemm`.
    public var layout: String?
    /// Inputs that share a scale; -1 for all.
    public var groupSize: Int?

    private enum CodingKeys: String, CodingKey {
        case quant_method, bits, version, format, group_size, load_in_4bit, load_in_8bit
    }

    /// Decodes the object.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        method = try values.decodeIfPresent(String.self, forKey: .quant_method)?.lowercased()
        bits = try values.decodeIfPresent(Int.self, forKey: .bits)
        // AutoAWQ says "version"; later libraries say "format".
        layout =
            try values.decodeIfPresent(String.self, forKey: .version)?.lowercased()
            ?? values.decodeIfPresent(String.self, forKey: .format)?.lowercased()
        groupSize = try values.decodeIfPresent(Int.self, forKey: .group_size)
        let isEarly =
            try values.decodeIfPresent(Bool.self, forKey: .load_in_4bit) == true
            || values.decodeIfPresent(Bool.self, forKey: .load_in_8bit) == true
        if method == nil, isEarly { method = "bitsandbytes" }
    }

    /// The object of a `config.json`; nil where it has none.
    ///
    /// - Throws: ``CheckpointError/unreadable(file:reason:)`` or
    ///   ``CheckpointError/invalidConfiguration(file:path:reason:)``.
    public static func read(from url: URL) throws -> QuantizationConfiguration? {
        struct Whole: Decodable { var quantization_config: QuantizationConfiguration? }
        let data: Data
        do {
            data = try Data(contentsOf: url)
        } catch {
            throw CheckpointError.unreadable(file: url.path, reason: "it cannot be opened as a file")
        }
        do {
            return try JSONDecoder().decode(Whole.self, from: data).quantization_config
        } catch let error as DecodingError {
            throw CheckpointError(error, file: url.path)
        }
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
