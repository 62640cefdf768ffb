import ArgumentParser
import Tensors

/// A command whose work is done on the compute thread.
protocol ComputeCommand: AsyncParsableCommand, Sendable {
    /// Options that every command has.
    var common: CommonOptions { get }

    /// Does the work, with the number of threads that was asked for.
    @Compute func compute() async throws
}

extension ComputeCommand {
    func run() async throws { try await start() }

    @Compute private func start() async throws {
        common.apply()
        try await compute()
    }
}
