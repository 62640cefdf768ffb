import Foundation
import LanguageModels
import Tensors

/// What the processes of a training compare before its first step, and their parameters from time to time.
///
/// Gradients of passes are the same on every rank only where program, threads and instructions are: a rank that differs would
/// spoil the run without a word.
@Compute enum RankFacts {
    private nonisolated static let bytes = 160

    /// Throws where a fact differs between ranks.
    ///
    /// - Parameters:
    ///   - facts: Name and value, the same names on all ranks; a value is compared by its first 160 bytes.
    ///   - host: What this machine is called.
    /// - Throws: ``RankError/different(what:first:rank:host:other:)``.
    static func compare(_ facts: [(name: String, value: String)], host: String, on ranks: any RankGroup) throws {
        guard !ranks.isAlone else { return }
        let rows = try texts([host] + facts.map(\.value), on: ranks)
        for (rank, row) in rows.enumerated() {
            for (index, fact) in facts.enumerated() where row[index + 1] != rows[0][index + 1] {
                throw RankError.different(
                    what: fact.name, first: rows[0][index + 1], rank: rank, host: row[0], other: row[index + 1])
            }
        }
    }

    /// Throws where parameters differ between ranks.
    ///
    /// - Throws: ``RankError/parted(rank:host:step:)``.
    static func compare(_ parameters: [Tensor], after step: Int, host: String, on ranks: any RankGroup) throws {
        guard !ranks.isAlone else { return }
        let rows = try texts([host, digest(parameters)], on: ranks)
        for (rank, row) in rows.enumerated() where row[1] != rows[0][1] {
            throw RankError.parted(rank: rank, host: row[0], step: step)
        }
    }

    /// A checksum of all elements, in order.
    static func digest(_ parameters: [Tensor]) -> String {
        var digester = Digester()
        for parameter in parameters { digester.add(parameter.values) }
        return "\(digester.digest)"
    }

    /// A checksum of a text.
    static func digest(of text: String) -> String {
        var digester = Digester()
        digester.add(text)
        return "\(digester.digest)"
    }

    /// Texts of all ranks, rank by rank: each fills its own places, and the sum has all.
    static func texts(_ own: [String], on ranks: any RankGroup) throws -> [[String]] {
        let words = bytes / 8, row = own.count * words
        var all = [Int64](repeating: 0, count: ranks.count * row)
        for (index, text) in own.enumerated() {
            for (place, byte) in text.utf8.prefix(bytes).enumerated() {
                all[ranks.index * row + index * words + place / 8] |= Int64(byte) << Int64(8 * (place % 8))
            }
        }
        try all.withUnsafeMutableBufferPointer { try ranks.sum($0) }
        return (0..<ranks.count).map { rank in
            own.indices.map { index in
                let from = rank * row + index * words
                let found = (0..<bytes).map { place in
                    UInt8(truncatingIfNeeded: all[from + place / 8] >> Int64(8 * (place % 8)))
                }
                return String(decoding: found.prefix { $0 != 0 }, as: UTF8.self)
            }
        }
    }
}

extension Trainer {
    /// Throws where another rank is not of the same training.
    ///
    /// - Parameter details: What else has a part in the bits, such as the program's version.
    /// - Returns: What may have a part in the bits and differs, for people; nil where nothing does.
    /// - Throws: ``RankError``.
    public func compareRanks(_ details: [(name: String, value: String)] = []) throws -> String? {
        let settings = (try? JSONText.line(settings)).map { RankFacts.digest(of: $0) } ?? ""
        try RankFacts.compare(
            details + [
                ("the number of threads", "\(Compute.threads)"),
                ("the base model's checksum", method.model.digest.map { "\($0)" } ?? "unknown"),
                ("the method", "\(method.name), \(method.fingerprint)"),
                ("the training data's checksum", "\(dataDigest)"),
                ("the validation data's checksum", validationDigest.map { "\($0)" } ?? "none"),
                ("the settings' checksum", settings), ("the number of steps done", "\(stepCount)"),
                ("the initial parameters' checksum", RankFacts.digest(method.parameters.map(\.value))),
            ], host: ProcessInfo.processInfo.hostName, on: ranks)
        do {
            try RankFacts.compare(
                [("the processor", Processor.name ?? "unknown")], host: ProcessInfo.processInfo.hostName, on: ranks)
        } catch RankError.different(_, let first, let rank, let host, let other) {
            return
                "the processor of rank 0 is \(first), that of rank \(rank) (\(host)) \(other): where they have other "
                + "instructions, gradients differ in their last bits; ONEDNN_MAX_CPU_ISA=AVX2 on all makes products alike"
        }
        return nil
    }

    /// Throws where another rank has come to other parameters.
    func compareParameters() throws {
        try RankFacts.compare(
            method.parameters.map(\.value), after: stepCount, host: ProcessInfo.processInfo.hostName, on: ranks)
    }
}
