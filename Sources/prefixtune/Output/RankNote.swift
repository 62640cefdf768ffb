import Foundation
import PrefixTuning
import Tensors

extension MPIRanks {
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
