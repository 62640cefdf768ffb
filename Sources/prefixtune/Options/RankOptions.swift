import ArgumentParser
import Foundation
import PrefixTuning
import Tensors

/// How processes that a launcher started train together.
struct RankOptions: ParsableArguments {
    /// What becomes of several processes.
    enum Choice: String, CaseIterable, ExpressibleByArgument {
        case auto, one, mpi
    }

    @Option(
        help: """
            Under mpirun, mpiexec or srun: auto trains together where there are several processes, mpi in any case, one leaves \
            each to itself. The number of processes has no part in the result.
            """)
    var ranks = Choice.auto
    @Option(
        help: .x(
            "Seconds after which other processes that do not answer are given up; more than a validation's share and a save take."
        ))
    var rankTimeout = 300.0

    @Option(
        help: """
            How gradients of a step's passes are added: exact, to the same bits on any number of processes, or fast, with less \
            memory. By default fast for fine-tune and top-layers, else exact.
            """)
    var reduction: TrainingSettings.GradientSums?

    func validate() throws {
        guard rankTimeout > 0, rankTimeout.isFinite else {
            throw ValidationError("--rank-timeout is \(rankTimeout), but a number of seconds above 0 is needed.")
        }
    }

    /// Joins the other processes; nil where there are none.
    ///
    /// - Throws: `RankError`.
    @Compute func join() throws -> MPIRanks? {
        switch ranks {
        case .one: nil
        case .mpi: try MPIRanks(timeout: rankTimeout)
        case .auto:
            MPIRanks.launcher(ProcessInfo.processInfo.environment) == nil ? nil : try MPIRanks(timeout: rankTimeout)
        }
    }
}

extension TrainingSettings.GradientSums: ExpressibleByArgument {}
