import Foundation

/// Chunks of a streamed answer as server-sent events.
///
/// What is the same in all chunks of a request is rendered once: at a thousand tokens a second an encoder for each would be
/// noticed.
package struct EventText: Sendable {
    /// Which interface's chunks.
    package enum Form: Sendable { case completion, chat }

    /// A line that keeps a silent connection open; clients do not see it.
    package static let ping = ": ping\n\n"
    /// What ends a stream.
    package static let done = "data: [DONE]\n\n"

    private let form: Form
    private let head: String
    private let includesUsage: Bool

    /// The chunks of a request.
    ///
    /// - Parameters:
    ///   - id: Of all chunks.
    ///   - created: Seconds since 1970.
    ///   - includesUsage: Whether a last chunk tells how many tokens there were: all others then have `"usage": null`.
    package init(_ form: Form, id: String, created: Int, model: String, includesUsage: Bool) {
        self.form = form
        self.includesUsage = includesUsage
        let object = form == .chat ? "chat.completion.chunk" : "text_completion"
        head =
            "data: {\"id\":\(Self.quoted(id)),\"object\":\"\(object)\",\"created\":\(created),\"model\":\(Self.quoted(model)),\"choices\":["
    }

    private func ending(_ usage: Usage?) -> String {
        if let usage { return "],\"usage\":\(Self.encoded(usage))}\n\n" }
        return includesUsage ? "],\"usage\":null}\n\n" : "]}\n\n"
    }

    /// The first chunk of a chat's answer.
    package func role(_ index: Int) -> String {
        head
            + "{\"index\":\(index),\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"logprobs\":null,\"finish_reason\":null}"
            + ending(nil)
    }

    /// A chunk with text.
    ///
    /// - Parameters:
    ///   - logprobs: Encoded; nil for none.
    ///   - tokens: Its tokens, where they were asked for.
    ///   - usage: So far, where every chunk is to tell it.
    package func text(
        _ text: String, index: Int, logprobs: String? = nil, tokens: [Int32]? = nil, usage: Usage? = nil
    ) -> String {
        let content =
            form == .chat ? "\"delta\":{\"content\":\(Self.quoted(text))}" : "\"text\":\(Self.quoted(text))"
        let ids = tokens.map { ",\"token_ids\":[\($0.map(String.init).joined(separator: ","))]" } ?? ""
        return head + "{\"index\":\(index),\(content),\"logprobs\":\(logprobs ?? "null"),\"finish_reason\":null\(ids)}"
            + ending(usage)
    }

    /// The last chunk of an answer.
    package func finish(_ index: Int, _ reason: FinishReason, stop: RequestValue? = nil, usage: Usage? = nil) -> String
    {
        let content = form == .chat ? "\"delta\":{}" : "\"text\":\"\""
        let stop = stop.map { ",\"stop_reason\":\(Self.encoded($0))" } ?? ""
        return head
            + "{\"index\":\(index),\(content),\"logprobs\":null,\"finish_reason\":\"\(reason.rawValue)\"\(stop)}"
            + ending(usage)
    }

    /// The last chunk but `[DONE]`: no choices, and how many tokens there were.
    package func usage(_ usage: Usage) -> String { head + ending(usage) }

    /// What ends a stream that fails after its beginning.
    package static func failure(_ error: ServingError) -> String { "data: \(encoded(ErrorBody(error)))\n\n" }

    /// A value as JSON, on one line.
    package static func encoded(_ value: some Encodable) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(value) else { return "null" }
        return String(decoding: data, as: UTF8.self)
    }

    /// A text as a string of JSON.
    package static func quoted(_ text: String) -> String {
        var bytes: [UInt8] = [UInt8(ascii: "\"")]
        bytes.reserveCapacity(text.utf8.count + 2)
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
            case 10: bytes += [UInt8(ascii: "\\"), UInt8(ascii: "n")]
            case 0..<32:
                let hex = String(byte, radix: 16)
                bytes += Array("\\u00\(hex.count == 1 ? "0" : "")\(hex)".utf8)
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
        return String(decoding: bytes, as: UTF8.self)
    }
}
