import Foundation
import LanguageModels
import PrefixTuning
import Tensors

/// One training by several processes. The first writes the folder and tells what happens; the others only say what goes wrong.
extension Train {
    @Compute func compute(on ranks: MPIRanks) async throws {
        let isFirst = ranks.index == 0
        var command = self
        if !isFirst { command.common.quiet = true }
        do {
            if let problem = Self.problem(of: self) { throw problem }
            command.shareThreads()
            if isFirst { try await command.lead(ranks) } else { try await command.follow(ranks) }
        } catch let error as RankError {
            switch error {
            case .noAnswer:
                // Not the usual end: MPI's own would wait for the others, too.
                ranks.say(error)
                _exit(75)
            // All have found it; the first says so.
            case .different, .parted: try await end(error, ranks)
            default:
                guard !isFirst else { throw error }
                ranks.say(error)
                _exit(1)
            }
        } catch let error as TrainingError {
            if case .diverged = error { try await end(error, ranks) }
            guard !isFirst else { throw error }
            ranks.say(error)
            _exit(1)
        } catch {
            guard !isFirst else { throw error }
            ranks.say(error)
            _exit(1)
        }
    }

    /// What cannot be done by several processes.
    private static func problem(of command: Train) -> CommandError? {
        if !command.seeds.isEmpty { return .notByRanks(what: "--seeds") }
        if command.data.contains(where: \.isStandardInput) { return .notByRanks(what: "--data -") }
        if command.dryRun { return .notByRanks(what: "--dry-run") }
        return nil
    }

    /// Ends as the first process does, which tells why.
    @Compute private func end(_ error: any Error, _ ranks: MPIRanks) async throws {
        if ranks.index == 0 { throw error }
        // The launcher ends this process once the first has ended.
        try? await Task.sleep(for: .seconds(20))
        _exit(1)
    }

    /// The cores of this machine, divided among its processes, unless the launcher has divided them.
    @Compute private func shareThreads() {
        let environment = ProcessInfo.processInfo.environment
        let own = Compute.threads, all = ProcessInfo.processInfo.processorCount
        guard common.threads == nil, environment["PREFIXTUNE_THREADS"] == nil, own >= all else { return }
        let local =
            (environment["OMPI_COMM_WORLD_LOCAL_SIZE"] ?? environment["MPI_LOCALNRANKS"]).flatMap { Int($0) } ?? 1
        Compute.threads = max(1, own / max(1, local))
    }

    @Compute private func lead(_ ranks: MPIRanks) async throws {
        try checkSeeds(of: output)
        let lock = try TrainingRun.claim(output, resumes: resume)
        let material = try await material()
        let isComplete = try train(material, into: output, lock: lock, on: ranks)
        // The others have nothing more to do, and answering a test may take hours.
        try ranks.leave()
        if isComplete { try showTest(of: material) }
    }

    @Compute private func follow(_ ranks: MPIRanks) async throws {
        let (trainer, validation, _) = try trainer(try await material(), seed: nil, on: ranks)
        let run = try FollowingRun(trainer, validation: validation, folder: output, resumes: resume, extends: true)
        _ = try compare(trainer)
        if summaryOnly { try trainer.measureStart(on: validation) }
        _ = try Interrupt.gracefully {
            try run.run {
                ranks.place = "after step \(trainer.stepCount)"
                return Interrupt.isRequested
            }
        }
        try ranks.leave()
    }

    /// Throws where the processes are not of one training.
    ///
    /// - Returns: What may make a difference.
    @Compute func compare(_ trainer: Trainer) throws -> String? {
        try trainer.compareRanks([("the program's version", Version.build)])
    }
}
