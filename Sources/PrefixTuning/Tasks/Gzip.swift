import CZlib
import Foundation

/// Unpacks gzip (RFC 1952), several members in a row included.
enum Gzip {
    static func isGzip(_ data: Data) -> Bool { data.starts(with: [0x1F, 0x8B]) }

    static func unpack(_ data: Data, file: String) throws -> [UInt8] {
        func corrupt(_ reason: String) -> DataError { .corruptGzip(file: file, reason: reason) }
        // 15 bits of window; 16 more ask for the gzip wrapper and its check sum.
        var stream = z_stream()
        guard inflateInit2_(&stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            throw corrupt("zlib cannot start")
        }
        defer { inflateEnd(&stream) }

        var result: [UInt8] = []
        result.reserveCapacity(data.count * 4)
        var piece = [UInt8](repeating: 0, count: 1 << 18)
        try data.withUnsafeBytes { (input: UnsafeRawBufferPointer) in
            var consumed = 0
            while true {
                // zlib counts in 32 bits: larger inputs go in parts.
                let part = min(input.count - consumed, 1 << 30)
                let base = input.baseAddress.map { $0 + consumed }
                stream.next_in = UnsafeMutablePointer(mutating: base?.assumingMemoryBound(to: UInt8.self))
                stream.avail_in = UInt32(part)
                let (status, produced) = piece.withUnsafeMutableBufferPointer { buffer in
                    stream.next_out = buffer.baseAddress
                    stream.avail_out = UInt32(buffer.count)
                    let status = inflate(&stream, Z_NO_FLUSH)
                    return (status, buffer.count - Int(stream.avail_out))
                }
                consumed += part - Int(stream.avail_in)
                result += piece[..<produced]
                switch status {
                case Z_STREAM_END where consumed == input.count: return
                case Z_STREAM_END: inflateReset(&stream)
                case Z_OK where consumed < input.count || produced > 0: continue
                case Z_OK, Z_BUF_ERROR: throw corrupt("it ends in the middle (\(consumed) bytes)")
                default:
                    let reason = stream.msg.map { String(cString: $0) } ?? "zlib error \(status)"
                    throw corrupt("\(reason) near byte \(consumed)")
                }
            }
        }
        return result
    }
}
