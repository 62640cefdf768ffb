import Foundation

@testable import Requests

/// Reads a form (RFC 7578), whose content type may stand before a zero byte: whatever pieces it comes in, the same comes out of it.
func readForm(_ bytes: UnsafeRawBufferPointer) throws {
    let parts = bytes.split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
    let type = parts.count > 1 ? String(decoding: parts[0], as: UTF8.self) : "multipart/form-data; boundary=B"
    let body = Array(parts.last ?? bytes[..<0])
    let whole = try form(body, type, size: max(body.count, 1))
    for size in [1, 2, 3, 7, 64] {
        // What is thrown may come earlier, and is another then.
        let pieces = try form(body, type, size: size)
        precondition(pieces == whole, "pieces make a difference")
    }
}

private struct FormPart: Equatable {
    let name: String, fileName: String?
    var bytes: [UInt8] = []
}

/// Nil where it is no form.
private func form(_ body: [UInt8], _ type: String, size: Int) throws -> [FormPart]? {
    var reader = try MultipartReader(contentType: type), parts: [FormPart] = [], isOpen = false
    do {
        for start in stride(from: 0, to: body.count, by: size) {
            try reader.append(body[start..<min(start + size, body.count)]) { event in
                switch event {
                case .begin(let name, let fileName):
                    precondition(!isOpen && fileName?.contains("/") != true)
                    isOpen = true
                    parts.append(FormPart(name: name, fileName: fileName))
                case .bytes(let bytes):
                    precondition(isOpen && !bytes.isEmpty)
                    parts[parts.count - 1].bytes += bytes
                case .end:
                    precondition(isOpen)
                    isOpen = false
                }
            }
        }
        try reader.finish()
        precondition(!isOpen)
        return parts
    } catch {
        precondition(error is ServingError && !"\(error)".isEmpty, "an error of another kind")
        return nil
    }
}

/// Reads a body of `/v1/chat/completions`, and as one of `/v1/completions`.
func readRequest(_ bytes: UnsafeRawBufferPointer) {
    let body = Data(bytes)
    func check(_ read: () throws(ServingError) -> Void) {
        do throws(ServingError) { try read() } catch {
            precondition((400..<500).contains(error.status) && error.description.count > 10)
            precondition(error.code != nil && !error.type.isEmpty)
        }
    }
    check { () throws(ServingError) in
        let request = try ChatRequest(body, vocabularySize: 50_257)
        precondition(!request.conversation.messages.isEmpty && request.sampling.count >= 1)
    }
    check { () throws(ServingError) in
        let request = try CompletionRequest(body, vocabularySize: 50_257)
        precondition(!request.prompts.isEmpty && (0...2).contains(request.sampling.temperature))
    }
}
