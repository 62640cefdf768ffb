import CSentencePiece

/// A loaded model of the sentencepiece library. Encoding changes nothing in it: tasks may share it.
final class SentencePieceModel: Sendable {
    /// A piece of text; `surface` is the normalised text itself where the model does not know it.
    struct Piece {
        var identifier: Int32
        var surface: [UInt8]?
    }

    private nonisolated(unsafe) let handle: OpaquePointer

    /// - Parameter bytes: the serialised model, checked by ``SentencePieceFile``.
    init(_ bytes: [UInt8], file: String) throws {
        var reason = [CChar](repeating: 0, count: 512)
        let handle = bytes.withUnsafeBytes { pts_open($0.baseAddress, $0.count, &reason, reason.count) }
        guard let handle else {
            let text = String(decoding: reason.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
            throw TokenizerError.malformed(file: file, place: "loading", reason: "sentencepiece says: \(text)")
        }
        self.handle = handle
    }

    deinit { pts_close(handle) }

    /// The pieces of valid UTF-8.
    ///
    /// - Throws: ``TokenizerError/notEncoded(bytes:reason:)`` where the library fails, as for want of memory.
    func pieces(of text: UnsafeBufferPointer<UInt8>) throws -> [Piece] {
        if text.isEmpty { return [] }
        var pieces: [Piece] = []
        pieces.reserveCapacity(text.count / 3 + 2)
        // The library counts in 32 bits.
        let status: CInt =
            text.count >= 1 << 30
            ? -1
            : text.withMemoryRebound(to: CChar.self) { text in
                withUnsafeMutablePointer(to: &pieces) { pieces in
                    pts_encode(handle, text.baseAddress, text.count, pieces) { context, identifier, surface, count in
                        let surface = surface.map { Array(UnsafeRawBufferPointer(start: $0, count: count)) }
                        context?.assumingMemoryBound(to: [Piece].self).pointee
                            .append(Piece(identifier: identifier, surface: surface))
                    }
                }
            }
        guard status == 0 else {
            throw TokenizerError.notEncoded(bytes: text.count, reason: "the sentencepiece library gave up")
        }
        return pieces
    }
}
