import CZlib

/// Unpacks gzip (RFC 1952) piece by piece: several members in a row, and zeros behind them, as `gzip` and Python do.
final class GzipSource: ByteSource {
    /// Packed bytes used so far.
    private(set) var consumed = 0

    private let name: String
    private var source: any ByteSource
    private var input: [UInt8]
    private var next = 0
    private var isBetweenMembers = false
    // zlib keeps the address of its state.
    private let stream: UnsafeMutablePointer<z_stream>

    /// - Parameter beginning: What was taken from `source` already.
    init(_ source: any ByteSource, beginning: [UInt8], name: String) throws(InputError) {
        self.source = source
        self.name = name
        input = beginning
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        // 15 bits of window; 16 more ask for the gzip wrapper and its check sum.
        guard inflateInit2_(stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            throw .damagedGzip(file: name, reason: "zlib cannot start")
        }
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(InputError) -> Int {
        while true {
            if next == input.count, try !refill() {
                guard isBetweenMembers else { throw damaged("it ends in the middle (\(consumed) bytes)") }
                return 0
            }
            if isBetweenMembers {
                // Tapes and disks are filled up with zeros.
                guard input[next] != 0 else {
                    next += 1
                    consumed += 1
                    continue
                }
                inflateReset(stream)
                isBetweenMembers = false
            }
            let produced = try inflateSome(into: buffer)
            if produced > 0 { return produced }
        }
    }

    private func inflateSome(into buffer: UnsafeMutableRawBufferPointer) throws(InputError) -> Int {
        let given = input.count - next
        let status = input.withUnsafeMutableBufferPointer { bytes in
            stream.pointee.next_in = bytes.baseAddress.map { $0 + next }
            stream.pointee.avail_in = UInt32(given)
            stream.pointee.next_out = buffer.baseAddress?.assumingMemoryBound(to: UInt8.self)
            stream.pointee.avail_out = UInt32(buffer.count)
            return inflate(stream, Z_NO_FLUSH)
        }
        let used = given - Int(stream.pointee.avail_in)
        next += used
        consumed += used
        switch status {
        case Z_STREAM_END: isBetweenMembers = true
        case Z_OK, Z_BUF_ERROR: break
        default:
            let reason = stream.pointee.msg.map { String(cString: $0) } ?? "zlib error \(status)"
            throw damaged("\(reason) near byte \(consumed)")
        }
        return buffer.count - Int(stream.pointee.avail_out)
    }

    /// Takes the next packed bytes; false at the end of them.
    private func refill() throws(InputError) -> Bool {
        if input.count < InputReader.pieceSize { input = [UInt8](repeating: 0, count: InputReader.pieceSize) }
        var failure: InputError?
        let count = input.withUnsafeMutableBytes { bytes in
            do throws(InputError) {
                return try source.read(into: bytes)
            } catch {
                failure = error
                return 0
            }
        }
        if let failure { throw failure }
        input.removeLast(input.count - count)
        next = 0
        return count > 0
    }

    private func damaged(_ reason: String) -> InputError { .damagedGzip(file: name, reason: reason) }
}
