import Foundation

/// A value of JSON whose form is not known beforehand.
package enum RequestValue: Equatable, Sendable {
    case null
    case flag(Bool)
    case integer(Int)
    case number(Double)
    case string(String)
    case array([RequestValue])
    case object([String: RequestValue])

    /// Reads a whole text.
    ///
    /// - Throws: ``ServingError/notJSON(reason:)``.
    package init(parsing data: Data) throws(ServingError) {
        do {
            self = try JSONDecoder().decode(RequestValue.self, from: data)
        } catch let DecodingError.dataCorrupted(context) {
            let reason = (context.underlyingError as NSError?)?.userInfo["NSDebugDescription"] as? String
            throw .notJSON(reason: reason ?? context.debugDescription)
        } catch {
            throw .notJSON(reason: "it cannot be read")
        }
    }

    /// What it is, for sentences.
    package var kind: String {
        switch self {
        case .null: "null"
        case .flag(let value): "\(value)"
        case .integer(let value): "\(value)"
        case .number(let value): "\(value)"
        case .string(let value): "the string \"\(value.count > 32 ? value.prefix(32) + "…" : value[...])\""
        case .array: "an array"
        case .object: "an object"
        }
    }
}

extension RequestValue: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        // Most values of a long request are tokens.
        if let value = try? container.decode(Int.self) {
            self = .integer(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .flag(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode([RequestValue].self) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: RequestValue].self))
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .flag(let value): try container.encode(value)
        case .integer(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .string(let value): try container.encode(value)
        case .array(let value): try container.encode(value)
        case .object(let value): try container.encode(value)
        }
    }
}
