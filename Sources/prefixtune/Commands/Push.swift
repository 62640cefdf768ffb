import ArgumentParser
import Foundation
import Hub

/// Uploads an adapter to the hub.
struct Push: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Upload an adapter to the hub, with a model card.",
        discussion: """
            Makes the repository where there is none and commits adapter_config.json, adapter_model.safetensors and \
            README.md: the folder's own, or one that says what the adapter is, how it was trained and how to use it. Needs \
            HF_TOKEN with write permission. Paths of this machine are not published.

            EXAMPLE
              prefixtune push e2e-prefix ada/e2e-prefix --private
            """)

    @Argument(help: "The adapter's folder.") var folder: URL
    @Argument(help: "org/name.") var name: String
    @Flag(name: .customLong("private"), help: "Make a new repository private.") var isPrivate = false
    @Option(help: "The branch to commit to; made where there is none.") var revision = HubReference.defaultRevision
    @Option(help: .text("The base model's name on the hub, where the adapter does not record it.")) var baseModel:
        String?
    @Option(help: .text("The commit's message.")) var message = "Upload adapter with prefixtune"
    @Flag(help: "Send nothing; print the files, and the model card.") var dryRun = false
    @OptionGroup(title: "General") var common: CommonOptions

    func validate() throws {
        do {
            _ = try HubReference(repository: name, revision: revision)
            if let baseModel { _ = try HubReference(repository: baseModel) }
        } catch {
            throw ValidationError("\(error)")
        }
    }

    func run() async throws {
        if dryRun { return try show(Hub.upload(of: folder, as: name, baseModel: baseModel)) }
        let hub = try HubDisplay.hub(quiet: common.quiet)
        let display = HubDisplay(hub.environment, quiet: common.quiet)
        let reference = try HubReference(repository: name, revision: revision)
        let (folder, isPrivate, baseModel, message) = (folder, isPrivate, baseModel, message)
        let commit = try await hub.push(
            adapter: folder, to: reference, isPrivate: isPrivate, baseModel: baseModel, message: message
        ) { display.show($0) }
        if commit.files.isEmpty { common.note("everything is there already") }
        print(commit.url)
    }

    private func show(_ files: [Hub.UploadFile]) throws {
        try ResultOutput.write(to: nil) { write in
            for file in files { try write("\(file.path)  \(HubError.size(file.contents.count))\n") }
            for card in files where card.path == "README.md" {
                try write("\n" + String(decoding: card.contents, as: UTF8.self))
            }
        }
    }
}
