import Foundation
import TestSupport
import Testing

@testable import Hub

/// Names of models become folders.
@Suite struct ModelReferenceTests {
    @Test(arguments: [
        ("gpt2", "gpt2"), ("org/name@v1", "org/name@v1"), ("https://huggingface.co/org/name", "org/name"),
        ("https://huggingface.co/org/name/tree/v1", "org/name@v1"), ("hf.co/org/name:Q4_K_M", "org/name:Q4_K_M"),
        ("https://huggingface.co/org/name/blob/main/model-Q8_0.gguf", "org/name:model-Q8_0.gguf"),
        ("https://huggingface.co/org/name/resolve/v1/sub/x.gguf", "org/name@v1:sub/x.gguf"),
        ("https://hf.co/gpt2", "gpt2"),
    ])
    func namesOfTheHub(text: String, name: String) throws {
        let reference = ModelReference(text)
        #expect(try reference == .hub(HubReference(name)) && reference.description == name)
        #expect(reference.file == nil && reference.title == name)
    }

    @Test func localNames() async throws {
        for text in ["/a/b", "./no-such-folder", "not a name"] {
            let reference = ModelReference(text), url = URL(fileURLWithPath: text)
            #expect(reference == .local(url) && reference.file == url && reference.description == url.path)
            // No hub is asked, and nobody looks whether it is there.
            #expect(try await reference.located() == url)
        }
        #expect(ModelReference("/a/b").title == "b")
    }

    @Test(arguments: [
        "https://huggingface.co/datasets/org/name", "https://example.org/org/name", "https://huggingface.co",
    ])
    func addressesOfNothing(text: String) async throws {
        #expect(ModelReference(text) == .web(text))
        await #expect(throws: HubError.webAddress(text)) { try await ModelReference(text).located() }
    }

    @Test func aRepositoryIsFetched() async throws {
        let place = try Place(), reference = ModelReference(place.fake.golden.repository)
        let folder = try await reference.located(from: place.hub())
        #expect(folder.path == place.cached("snapshots/\(place.fake.golden.commit)").path)
        #expect(FileManager.default.fileExists(atPath: folder.appendingPathComponent(Name.configuration).path))
    }

    @Test func whatIsNowhereIsSaidToBe() async throws {
        let place = try Place()
        let hub = try place.hub(["HF_ENDPOINT": "http://127.0.0.1:1"], retries: 1)
        let error = await #expect(throws: HubError.self) {
            try await ModelReference("no/such-model").located(from: hub)
        }
        guard case .foundNowhere("no/such-model", _, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(
            error?.description.hasPrefix("there is no folder no/such-model here, nor a copy in the hub's cache") == true
        )
    }
}
