import Foundation
import Testing

@testable import Hub

/// The variables of the Python client (`constants.py`).
@Suite struct EnvironmentTests {
    private func cache(_ variables: [String: String]) throws -> String {
        try HubEnvironment(variables, home: "/home/ada").cacheFolder.path
    }

    @Test func theCacheFolder() throws {
        #expect(try cache([:]) == "/home/ada/.cache/huggingface/hub")
        #expect(try cache(["XDG_CACHE_HOME": "/x"]) == "/x/huggingface/hub")
        #expect(try cache(["HF_HOME": "~/models", "XDG_CACHE_HOME": "/x"]) == "/home/ada/models/hub")
        #expect(try cache(["HF_HOME": "$DISK/a", "DISK": "/big"]) == "/big/a/hub")
        #expect(try cache(["HF_HOME": "${DISK}/$NONE/${NONE", "DISK": "/big"]) == "/big/$NONE/${NONE/hub")
        #expect(try cache(["HF_HUB_CACHE": "/c", "HF_HOME": "/h", "HUGGINGFACE_HUB_CACHE": "/old"]) == "/c")
        #expect(try cache(["HUGGINGFACE_HUB_CACHE": "/old", "HF_HOME": "/h"]) == "/old")
    }

    @Test func theEndpoint() throws {
        #expect(try HubEnvironment([:], home: "/h").endpoint.absoluteString == "https://huggingface.co")
        #expect(
            try HubEnvironment(["HF_ENDPOINT": "https://mirror.example/hub//"], home: "/h").endpoint.absoluteString
                == "https://mirror.example/hub")
        for text in ["mirror.example", "ftp://x", "https://", "file:///etc"] {
            #expect(throws: HubError.self) { try HubEnvironment(["HF_ENDPOINT": text], home: "/h") }
        }
    }

    @Test func theToken() throws {
        let home = FileManager.default.temporaryDirectory.appendingPathComponent("token-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: home) }
        let folder = home.appendingPathComponent(".cache/huggingface")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        func token(_ variables: [String: String]) throws -> String? {
            try HubEnvironment(variables, home: home.path).token
        }
        #expect(try token([:]) == nil)
        try Data("hf_file\r\n".utf8).write(to: folder.appendingPathComponent("token"))
        #expect(try token([:]) == "hf_file")
        try Data("hf_other".utf8).write(to: home.appendingPathComponent("other"))
        #expect(try token(["HF_TOKEN_PATH": "~/other"]) == "hf_other")
        #expect(try token(["HF_TOKEN": " hf_set\n"]) == "hf_set")
        #expect(try token(["HF_TOKEN": "", "HUGGING_FACE_HUB_TOKEN": "hf_old"]) == "hf_old")
        #expect {
            try token(["HF_TOKEN": "hf_a b"])
        } throws: { !"\($0)".contains("hf_a") }
    }

    @Test func offlineAndTimeouts() throws {
        func environment(_ variables: [String: String]) throws -> HubEnvironment {
            try HubEnvironment(variables, home: "/h")
        }
        #expect(try environment([:]).offlineSetting == nil)
        for value in ["1", "ON", "yes", "True"] {
            #expect(try environment(["HF_HUB_OFFLINE": value]).offlineSetting == "HF_HUB_OFFLINE")
            #expect(try environment(["TRANSFORMERS_OFFLINE": value]).offlineSetting == "TRANSFORMERS_OFFLINE")
        }
        #expect(try environment(["HF_HUB_OFFLINE": "0", "TRANSFORMERS_OFFLINE": "1"]).offlineSetting == nil)
        #expect(try environment(["HF_HUB_DISABLE_PROGRESS_BARS": "1"]).showsProgress == false)
        #expect(try environment([:]).metadataTimeout == 10)
        #expect(try environment(["HF_HUB_ETAG_TIMEOUT": "3", "HF_HUB_DOWNLOAD_TIMEOUT": "4"]).downloadTimeout == 4)
        #expect(throws: HubError.self) { try environment(["HF_HUB_ETAG_TIMEOUT": "soon"]) }
    }
}
