import Dispatch
import Foundation

/// A client that does what clients should not.
final class RawClient: @unchecked Sendable {
    private let descriptor: Int32
    private let queue = DispatchQueue(label: "client")

    /// Connects to this machine.
    init(port: Int) throws {
        #if canImport(Darwin)
            descriptor = socket(AF_INET, SOCK_STREAM, 0)
        #else
            descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #endif
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw POSIXError(.ECONNREFUSED) }
        // A machine may be busy with other things.
        var timeout = timeval(tv_sec: 120, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
    }

    func send(_ text: String) {
        let bytes = Array(text.utf8)
        #if canImport(Darwin)
            _ = write(descriptor, bytes, bytes.count)
        #else
            _ = Foundation.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        #endif
    }

    /// Sends a request for JSON.
    func post(_ path: String, _ body: String, close: Bool = false, headers: String = "") {
        send(
            "POST \(path) HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\(headers)"
                + (close ? "Connection: close\r\n" : "") + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
    }

    /// What comes next; nil at the end, or when nothing comes for long. Waits on a thread that nobody else needs.
    func read() async -> String? {
        await withCheckedContinuation { continuation in
            queue.async { [self] in
                var buffer = [UInt8](repeating: 0, count: 65536)
                let count = recv(descriptor, &buffer, buffer.count, 0)
                continuation.resume(
                    returning: count > 0 ? String(decoding: buffer.prefix(count), as: UTF8.self) : nil)
            }
        }
    }

    /// All that comes until `end` has come.
    func read(until end: String) async -> String {
        var text = ""
        while !text.contains(end), let next = await read() { text += next }
        return text
    }

    /// Goes without a word: what is on its way is thrown away, and the server is told by a reset.
    func reset() {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        close()
    }

    func close() { _ = Foundation.close(descriptor) }

    /// The body of the answer to a request on a connection of its own.
    static func post(_ port: Int, _ path: String, _ body: String, headers: String = "") async throws -> String {
        let client = try RawClient(port: port)
        defer { client.close() }
        client.post(path, body, close: true, headers: headers)
        var text = ""
        while let next = await client.read() { text += next }
        return text.components(separatedBy: "\r\n\r\n").dropFirst().joined(separator: "\r\n\r\n")
    }
}
