import Foundation
import Synchronization

/// A small HTTP/1.1 server on 127.0.0.1 that tests start, and that misbehaves as it is told. One request per connection.
package final class LoopbackServer: Sendable {
    /// What a client sent.
    package struct Request: Sendable {
        /// `GET` and so on.
        package let method: String
        /// Path with query.
        package let target: String
        /// By lowercase name.
        package let headers: [String: String]
        /// The body.
        package let body: Data

        /// The path without the query.
        package var path: String { String(target.prefix { $0 != "?" }) }
    }

    /// How a reply goes wrong.
    package enum Fault: Sendable, Equatable {
        /// The connection is closed after so many bytes of the body.
        case dropsAfter(Int)
        /// Nothing follows so many bytes of the body, until the client gives up or the server stops.
        case stallsAfter(Int)
        /// Not even a status line is sent.
        case silent
    }

    /// What the server sends.
    package struct Reply: Sendable {
        /// Status code.
        package var status: Int
        /// Without Content-Length, which is the body's unless it is among these.
        package var headers: [String: String]
        /// The body; not sent in answer to HEAD.
        package var body: Data
        /// What goes wrong, if anything.
        package var fault: Fault?

        package init(_ status: Int = 200, _ headers: [String: String] = [:], _ body: Data = Data(), fault: Fault? = nil)
        {
            (self.status, self.headers, self.body, self.fault) = (status, headers, body, fault)
        }
    }

    /// Where it listens.
    package let port: Int
    private let listener: Int32
    private let handler: @Sendable (Request) -> Reply
    private let state = Mutex<State>(State())

    private struct State {
        var requests: [Request] = []
        var isStopped = false
        var connections = 0
        var gaveUp = false
    }

    /// Starts to listen.
    package init(_ handler: @escaping @Sendable (Request) -> Reply) throws {
        self.handler = handler
        #if os(Linux)
            let stream = Int32(SOCK_STREAM.rawValue)
        #else
            let stream = SOCK_STREAM
        #endif
        let listener = socket(AF_INET, stream, 0)
        self.listener = listener
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutableBytes(of: &address) { bytes in
            bytes.withMemoryRebound(to: sockaddr.self) { pointer in
                bind(listener, pointer.baseAddress, length) == 0 && listen(listener, 64) == 0
                    && getsockname(listener, pointer.baseAddress, &length) == 0
            }
        }
        port = Int(UInt16(bigEndian: address.sin_port))
        guard listener >= 0, isBound else { throw CocoaError(.fileReadUnknown) }
        let thread = Thread { [weak self] in
            while true {
                let connection = accept(listener, nil, nil)
                guard connection >= 0 else { return }
                guard let self, self.admit() else {
                    close(connection)
                    continue
                }
                Thread.detachNewThread {
                    self.serve(connection)
                    close(connection)
                    self.state.withLock { $0.connections -= 1 }
                }
            }
        }
        thread.start()
    }

    deinit { stop() }

    /// `http://127.0.0.1:port`, or with another name of this machine.
    package func address(host: String = "127.0.0.1") -> String { "http://\(host):\(port)" }

    /// All requests so far.
    package var requests: [Request] { state.withLock { $0.requests } }

    /// Whether the server ended a silence, because no client did.
    package var gaveUp: Bool { state.withLock { $0.gaveUp } }

    /// Closes the port and gives up stalled replies.
    package func stop() {
        let isFirst = state.withLock { state in
            defer { state.isStopped = true }
            return !state.isStopped
        }
        guard isFirst else { return }
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    private func admit() -> Bool {
        state.withLock { state in
            guard state.connections < 64, !state.isStopped else { return false }
            state.connections += 1
            return true
        }
    }

    private func serve(_ connection: Int32) {
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        guard let request = read(connection) else { return }
        state.withLock { $0.requests.append(request) }
        let reply = handler(request)
        if reply.fault == .silent { return stall(connection) }
        var head = "HTTP/1.1 \(reply.status) Reply\r\nConnection: close\r\n"
        if reply.headers["Content-Length"] == nil { head += "Content-Length: \(reply.body.count)\r\n" }
        for (name, value) in reply.headers { head += "\(name): \(value)\r\n" }
        send(connection, Data((head + "\r\n").utf8))
        guard request.method != "HEAD" else { return }
        switch reply.fault {
        case .dropsAfter(let count): send(connection, reply.body.prefix(count))
        case .stallsAfter(let count):
            send(connection, reply.body.prefix(count))
            stall(connection)
        case .silent, nil: send(connection, reply.body)
        }
    }

    private func send(_ connection: Int32, _ data: Data) {
        #if os(Linux)
            let flags = Int32(MSG_NOSIGNAL)
        #else
            let flags: Int32 = 0
        #endif
        data.withUnsafeBytes { bytes in
            var rest = bytes[...]
            while !rest.isEmpty {
                let slice = UnsafeRawBufferPointer(rebasing: rest)
                let sent = Foundation.send(connection, slice.baseAddress, slice.count, flags)
                guard sent > 0 else { return }
                rest = rest.dropFirst(sent)
            }
        }
    }

    /// Waits until the client hangs up, the server stops, or five minutes have passed: on a busy machine, beside tests that
    /// keep all threads at work, a client's clock of a second was seen to be 40 s late.
    private func stall(_ connection: Int32) {
        for _ in 0..<6000 where !state.withLock({ $0.isStopped }) {
            var poll = pollfd(fd: connection, events: Int16(POLLIN), revents: 0)
            if Foundation.poll(&poll, 1, 50) != 0 { return }
        }
        state.withLock { $0.gaveUp = true }
    }

    private func read(_ connection: Int32) -> Request? {
        var data = Data(), buffer = [UInt8](repeating: 0, count: 1 << 16)
        func receive() -> Bool {
            let count = recv(connection, &buffer, buffer.count, 0)
            if count > 0 { data.append(contentsOf: buffer[..<count]) }
            return count > 0 && data.count < 64 << 20
        }
        let end = Data("\r\n\r\n".utf8)
        while data.range(of: end) == nil { guard receive() else { return nil } }
        guard let border = data.range(of: end) else { return nil }
        let lines = String(decoding: data[..<border.lowerBound], as: UTF8.self).components(separatedBy: "\r\n")
        let first = lines[0].split(separator: " ").map(String.init)
        guard first.count == 3 else { return nil }
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2 else { continue }
            headers[parts[0].lowercased()] = parts[1].trimmingCharacters(in: .whitespaces)
        }
        if headers["expect"] != nil { send(connection, Data("HTTP/1.1 100 Continue\r\n\r\n".utf8)) }
        let length = headers["content-length"].flatMap { Int($0) } ?? 0
        while data.count < border.upperBound + length { guard receive() else { return nil } }
        return Request(
            method: first[0], target: first[1], headers: headers, body: Data(data[border.upperBound...].prefix(length)))
    }
}
