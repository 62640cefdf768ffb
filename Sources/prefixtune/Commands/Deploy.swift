import ArgumentParser
import Foundation
import Hub
import LanguageModels
import PrefixTuning

/// Looks after a prefix in a server of another program.
struct Deploy: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check a prefix in a running llama-server, or restore it there.",
        discussion: """
            The folder is one that convert --to llama-slot wrote; its HOWTO.md says how the server is started.

            check restores the prefix into the slot, asks for the prompt of canary.json and compares the answer with that of our \
            own engine. It names the traps that give wrong text without a message: A, the server runs without --swa-full; B, \
            other requests evicted the prefix; C, the placeholders were evaluated before restoring. Exit code 1 where anything \
            is wrong, or was before the slot was restored. restore does no more than that, for scripts. Both wait for a server that \
            is not there yet, or still loads its model. It runs with --cache-ram 0: else it keeps states that were evicted, also one in \
            which the placeholders were evaluated, and brings them back in place of the prefix.

            EXAMPLE
              prefixtune convert e2e-prefix served --to llama-slot --model model.gguf
              llama-server -m model.gguf --slot-save-path served/ -np 1 --cache-ram 0 &
              prefixtune deploy check --url http://127.0.0.1:8080 --slot 0 served
            """)

    enum Action: String, CaseIterable, ExpressibleByArgument {
        case check, restore
    }

    @Argument(help: "What to do.") var action: Action
    @Argument(help: "The folder of a prefix that was written as llama-slot.") var folder: URL
    @Option(help: .text("The server's address.")) var url = "http://127.0.0.1:8080"
    @Option(help: .n("The slot.")) var slot = 0
    @Option(help: .n("Seconds to wait for a server that does not listen yet or loads its model.")) var wait = 60
    @Flag(help: "Print the findings of check as JSON.") var json = false
    @OptionGroup(title: "General") var common: CommonOptions

    func validate() throws {
        guard JSONServer(url) != nil else {
            throw ValidationError("--url is \"\(url)\", but an address as http://127.0.0.1:8080 is needed.")
        }
        guard (0...1 << 16).contains(slot) else {
            throw ValidationError("--slot is \(slot), but a number from 0 to 65536 is needed.")
        }
        guard (0...86400).contains(wait) else {
            throw ValidationError("--wait is \(wait), but a number of seconds from 0 to 86400 is needed.")
        }
        if json, action == .restore { throw ValidationError("--json has no meaning with restore; leave it out.") }
    }

    /// Waits until the server has loaded its model, for a while; what it answers then is told by what asks it.
    private func awaitReadiness(of server: JSONServer) async throws {
        let end = ContinuousClock.now + .seconds(wait)
        var isFirst = true
        while wait > 0, ContinuousClock.now < end, try await !server.isReady("/health") {
            if isFirst { common.note("waiting for \(url), up to \(counted(wait, "second")) (--wait)") }
            isFirst = false
            try await Task.sleep(for: .milliseconds(250))
        }
    }

    /// A report as JSON.
    private struct Facts: Encodable {
        struct Finding: Encodable {
            let trap: String?
            let message: String
        }
        let healthy: Bool
        let findings: [Finding]
        let positions, equal_tokens, canary_tokens: Int
    }

    func run() async throws {
        guard let server = JSONServer(url) else { return try validate() }
        let check = try DeploymentCheck(folder: folder, slot: slot) { try await server.send($0, $1, $2) }
        try await awaitReadiness(of: server)
        guard action == .check else {
            try await check.restore()
            return common.note("\(counted(check.facts.length, "position")) restored into slot \(slot)")
        }
        let report = try await check.report(), (equal, all) = report.agreement
        if json {
            let facts = Facts(
                healthy: report.isHealthy,
                findings: report.findings.map { .init(trap: $0.trap, message: $0.description) },
                positions: report.length, equal_tokens: equal, canary_tokens: all)
            try ResultOutput.write(to: nil) { try $0(try JSONText.document(facts)) }
        }
        guard report.isHealthy else { throw DeploymentError.unsound(report.findings) }
        guard !json else { return }
        let line =
            "healthy: slot \(slot) answers with the prefix of \(counted(report.length, "position")); \(equal) of \(all) tokens of the "
            + "canary as expected\n"
        try ResultOutput.write(to: nil) { try $0(line) }
    }
}
