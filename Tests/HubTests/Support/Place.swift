import Foundation
import Synchronization
import TestSupport

@testable import Hub

/// A fake hub and an empty cache, of one test.
final class Place: Sendable {
    let fake: FakeHub
    let folder: URL
    private let said = Mutex<[String]>([])

    init(storageHost: String = "127.0.0.1") throws {
        fake = try FakeHub(storageHost: storageHost)
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("hub-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    /// What the hub wanted the user to know.
    var notes: [String] { said.withLock { $0 } }

    /// A client with settings of its own; without waiting between tries.
    func hub(_ variables: [String: String] = ["HF_TOKEN": "hf_secret"], retries: Int = 5) throws -> Hub {
        let defaults = [
            "HF_ENDPOINT": fake.server.address(), "HF_HUB_CACHE": folder.appendingPathComponent("hub").path,
        ]
        let environment = try HubEnvironment(defaults.merging(variables) { $1 }, home: folder.path)
        return Hub(environment: environment, retry: RetryPolicy(retries: retries, firstWait: 0.001)) { [self] note in
            said.withLock { $0.append(note) }
        }
    }

    func reference(_ revision: String = "main") throws -> HubReference {
        try HubReference(repository: fake.golden.repository, revision: revision)
    }

    /// Fetches the whole repository, or some files.
    @discardableResult func fetch(
        _ variables: [String: String] = ["HF_TOKEN": "hf_secret"], files: [String]? = nil, retries: Int = 5
    ) async throws -> URL {
        try await hub(variables, retries: retries).snapshot(
            of: reference(), files: files.map(HubFiles.named) ?? .usable)
    }

    /// A path below the repository's folder in the cache.
    func cached(_ path: String) -> URL {
        let name = "hub/models--" + fake.golden.repository.replacingOccurrences(of: "/", with: "--")
        return folder.appendingPathComponent("\(name)/\(path)")
    }

    /// Requests for a file's bytes, at the host that has them.
    func downloads(_ file: String) -> [LoopbackServer.Request] {
        guard let entry = fake.golden.files[file], entry.large else {
            return fake.server.requests.filter { $0.method == "GET" && $0.path.hasSuffix("/\(file)") }
        }
        return fake.storage.requests.filter { $0.path.hasSuffix(entry.etag) }
    }

    /// Names of what lies in `blobs`.
    var blobs: [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: cached("blobs").path)) ?? []).sorted()
    }

    /// Every path of the cache.
    var paths: [String] {
        (FileManager.default.subpaths(atPath: folder.appendingPathComponent("hub").path) ?? []).sorted()
    }

    /// Makes the cache that the Python client made, from its listing.
    func makePythonCache() throws {
        let manager = FileManager.default, root = folder.appendingPathComponent("hub")
        try manager.createDirectory(at: root, withIntermediateDirectories: true)
        for (path, entry) in fake.golden.cache.sorted(by: { $0.key < $1.key }) {
            let place = root.appendingPathComponent(path)
            if let link = entry.link {
                try manager.createSymbolicLink(atPath: place.path, withDestinationPath: link)
            } else if entry.folder == true {
                try manager.createDirectory(at: place, withIntermediateDirectories: true)
            } else if let text = entry.text {
                try Data(text.utf8).write(to: place)
            } else {
                let file = fake.golden.files.values.first { $0.etag == place.lastPathComponent }
                try file?.contents.write(to: place)
            }
        }
    }
}

/// The large file of the repository, and small ones.
enum Name {
    static let weights = "model.safetensors"
    static let configuration = "config.json"
}
