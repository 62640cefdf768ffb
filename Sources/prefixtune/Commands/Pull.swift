import ArgumentParser
import Foundation
import Hub

/// Fetches a model or an adapter into the hub's cache.
struct Pull: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Fetch a model or an adapter from the hub, and print its folder.",
        discussion: """
            Fetches configuration, tokenizer and weights in one format into the cache that huggingface_hub uses \
            ($HF_HOME/hub), verified by checksum; a download that was cut off goes on. HF_TOKEN, HF_ENDPOINT, HF_HUB_CACHE \
            and HF_HUB_OFFLINE mean what they mean there. The other commands fetch what they are given in the same way: \
            --model openai-community/gpt2.

            EXAMPLE
              prefixtune pull openai-community/gpt2
            """)

    @Argument(help: "org/name[@revision], or a GGUF file of it: org/name:FILE.gguf, org/name:Q4_K_M.") var name: String
    @OptionGroup(title: "General") var common: CommonOptions

    func validate() throws {
        do {
            _ = try HubReference(name)
        } catch {
            throw ValidationError("\(error)")
        }
    }

    func run() async throws {
        print(try await ModelReference.hub(HubReference(name)).located(quiet: common.quiet).path)
    }
}
