import Foundation
import HTTPTypes
import HummingbirdTesting
import NIOCore
import Testing

@testable import Serving

extension ServedTests {
    /// Uploads: written as they come, few at a time, gone where they fail.
    @Suite(.serialized) struct UploadTests {
        private static let head =
            "--XX\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nlarge\r\n"
            + "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"adapter_model.safetensors\"\r\n\r\n"

        /// Begins an upload of a file of so many bytes, of which only some are sent.
        private func begin(_ port: Int, bytes: Int, sent: Int, key: String? = nil) throws -> RawClient {
            let client = try RawClient(port: port)
            let authorization = key.map { "Authorization: Bearer \($0)\r\n" } ?? ""
            client.send(
                "POST /v1/prefixes HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=XX\r\n"
                    + authorization + "Content-Length: \(Self.head.utf8.count + bytes + 10)\r\n\r\n"
                    + (sent < 0 ? "" : Self.head + String(repeating: "x", count: sent)))
            return client
        }

        /// Bytes of files that are being uploaded.
        private func incoming(_ server: TestServer) -> Int {
            let folder = server.store.appendingPathComponent(".incoming")
            let names = (try? FileManager.default.subpathsOfDirectory(atPath: folder.path)) ?? []
            return names.reduce(0) { sum, name in
                let attributes = try? FileManager.default.attributesOfItem(
                    atPath: folder.appendingPathComponent(name).path)
                return sum
                    + (attributes?[.type] as? FileAttributeType == .typeRegular ? attributes?[.size] as? Int ?? 0 : 0)
            }
        }

        private func left(_ server: TestServer) -> [String] {
            (try? FileManager.default.contentsOfDirectory(
                atPath: server.store.appendingPathComponent(".incoming").path)) ?? []
        }

        @Test func theyAreOnTheDiskBeforeTheyAreComplete() async throws {
            try await TestServer.with { server in
                try await server.live { ask in
                    let port = try #require(ask.client.port)
                    let client = try begin(port, bytes: 2_000_000, sent: 1_000_000)
                    #expect(try await eventually { incoming(server) > 900_000 })
                    // Whoever goes leaves nothing.
                    client.close()
                    #expect(try await eventually { left(server).isEmpty && server.server.uploads.uploads == 0 })
                    #expect(server.server.keys.streams(of: "local") == 0)
                }
            }
        }

        @Test func theyAreFew() async throws {
            try await TestServer.with {
                $0.uploads = 1
            } _: { server in
                try await server.live { ask in
                    let port = try #require(ask.client.port)
                    let first = try begin(port, bytes: 1_000_000, sent: 100_000)
                    #expect(try await eventually { server.server.uploads.uploads == 1 })
                    let second = try begin(port, bytes: 1_000_000, sent: -1)
                    let told = await second.read(until: "}}")
                    #expect(told.contains("503") && told.lowercased().contains("retry-after: 5"), "\(told)")
                    #expect(told.contains("1 upload,"))
                    second.close()
                    // It makes place when it fails, too.
                    first.send(String(repeating: "x", count: 900_000) + "\r\n--XX--\r\n")
                    let failed = await first.read(until: "}}")
                    #expect(failed.contains("invalid_prefix"), "\(failed)")
                    #expect(server.server.uploads.uploads == 0 && left(server).isEmpty)
                    first.close()
                    let ids = await server.server.library.visible(to: .local)
                    #expect(ids.isEmpty)
                }
            }
        }

        @Test func whoMayNotUploadIsToldBeforeSending() async throws {
            let (key, line) = KeyFile.newKey("reader")
            let keys = line.replacing("own:reader,use:shared", with: "use:shared")
            let (rich, richLine) = KeyFile.newKey("rich")
            try await TestServer.with(keys: keys + richLine.replacing(" -\n", with: " bytes=200000\n")) { server in
                try await server.live { ask in
                    let port = try #require(ask.client.port)
                    let client = try begin(port, bytes: 1_000_000_000, sent: -1, key: key)
                    let told = await client.read(until: "}}")
                    #expect(told.contains("403") && told.contains("insufficient_permissions"), "\(told)")
                    client.close()
                    // More than the key's prefixes may take is refused when it is seen to be.
                    let large = try begin(port, bytes: 1_000_000_000, sent: 300_000, key: rich)
                    let refused = await large.read(until: "}}")
                    #expect(refused.contains("429") && refused.contains("200000 bytes"), "\(refused)")
                    large.close()
                    #expect(try await eventually { left(server).isEmpty })
                }
            }
        }

        @Test func aFullDiskIsToldAndLeavesNothing() async throws {
            let folder = FileManager.default.temporaryDirectory.appendingPathComponent("disk-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(at: folder) }
            guard shell("mount -t tmpfs -o size=1m tmpfs '\(folder.path)'") else {
                print("skipped: mounting a small disk takes root")
                return
            }
            defer { _ = shell("umount '\(folder.path)'") }
            try await TestServer.with(store: folder.appendingPathComponent("store")) { server in
                try await server.live { ask in
                    let port = try #require(ask.client.port)
                    let client = try begin(port, bytes: 3_000_000, sent: 3_000_000)
                    let told = await client.read(until: "}}")
                    #expect(told.contains(" 507 ") && told.contains("insufficient_storage"), "\(told)")
                    client.close()
                    #expect(try await eventually { left(server).isEmpty })
                    // A text's keys and values: 6 kB for each token.
                    let text = String(repeating: "area : here ", count: 60)
                    let large = try await ask(.post, "/v1/prefixes", "{\"name\":\"doc\",\"text\":\"\(text)\"}")
                    #expect(large.status == 507, "\(large.text)")
                    #expect(left(server).isEmpty)
                    let small = try await ask(.post, "/v1/prefixes", "{\"name\":\"doc\",\"text\":\"area : here\"}")
                    #expect(small.status == 201, "\(small.text)")
                    #expect(try await ask(.get, "/v1/models")["data"]?.count == 2)
                }
            }
        }

        private func shell(_ command: String) -> Bool {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/bin/sh")
            process.arguments = ["-c", command + " 2>/dev/null"]
            guard (try? process.run()) != nil else { return false }
            process.waitUntilExit()
            return process.terminationStatus == 0
        }
    }
}
