import Foundation
import PrefixTuning
import Tensors

extension MPIRanks {
    /// Says that something went wrong, and where.
    func say(_ error: any Error) { Self.say(error, rank: index) }

    private nonisolated static func say(_ error: any Error, rank: Int) {
        StandardError.write("Error on rank \(rank) (\(ProcessInfo.processInfo.hostName)): \(error)\n")
    }

    /// Leaves, once all processes do; ends this one, with code 75, where they do not.
    func leave() throws {
        place = "at the end"
        try leave { [index] error in
            Self.say(error, rank: index)
            _exit(75)
        }
    }

    /// What is said before the first step: who trains, and how well a batch can be shared out.
    func beginning(of trainer: Trainer) -> String {
        let text = "\(count) processes, \(counted(Compute.threads, "thread")) each, \(library)"
        let passes = trainer.usualPasses, use = trainer.useOfRanks
        guard use < 0.8 else { return text }
        return text
            + "; a step has about \(passes == 1 ? "one pass" : "\(passes) passes"), so \(Int(100 * use))% of their time is "
            + "used: larger batches or fewer tokens per pass have more (either changes the result)"
    }
}
