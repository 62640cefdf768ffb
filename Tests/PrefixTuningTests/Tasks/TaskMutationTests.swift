import Foundation
@testable import PrefixTuning
import TestSupport
import Testing

/// Damaged data: whatever the bytes are, reading ends with examples or with a ``DataError``.
@Suite("Damaged data") struct TaskMutationTests {
    /// Pieces that mean something to one of the readers.
    private static let pieces =
        [
            "\"", "\\", "{", "}", "[", "]", ",", ":", "||", "\n", "\r", "\r\n", "\0", "\u{FEFF}", "mr,ref",
            "\"prompt\":", "\\ud800",
            "1e999", "null", "{\"entries\":[", "\u{1F}\u{8B}", "name[", "\u{e9}", " ",
        ].map { Array($0.utf8) } + [[0x1F, 0x8B, 8, 0], [0xFF], [0xC0, 0x80], [0xEF, 0xBB]]

    @Test("a thousand changes of each sample", arguments: TaskInputTests.samples.indices)
    func mutations(_ index: Int) throws {
        let (kind, text) = TaskInputTests.samples[index]
        var random = Numbers(state: UInt64(index) &+ 1)
        var accepted = 0
        for round in 0..<1000 {
            var bytes = Array(text.utf8)
            for _ in 0...Int.random(in: 0..<4, using: &random) { Self.change(&bytes, &random) }
            // Every third one is read by another task than its own.
            let reader = round % 3 == 0 ? TuningTask.all[round % TuningTask.all.count] : kind
            do {
                accepted += try reader.read(DataFile(path: "data.txt", data: Data(bytes))).count
            } catch let error as DataError {
                #expect(!error.description.isEmpty)
            } catch {
                Issue.record("\(error) for \(String(decoding: bytes, as: UTF8.self).debugDescription)")
            }
        }
        #expect(accepted > 0, "nothing was accepted: the changes are too rough to say anything")
    }

    private static func change(_ bytes: inout [UInt8], _ random: inout Numbers) {
        let place = Int.random(in: 0...bytes.count, using: &random)
        let length = min(bytes.count - place, Int.random(in: 0...8, using: &random))
        switch Int.random(in: 0..<5, using: &random) {
        case 0 where place < bytes.count: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 1: bytes.removeSubrange(place..<place + length)
        case 2:
            bytes.insert(contentsOf: bytes[place..<place + length], at: Int.random(in: 0...bytes.count, using: &random))
        case 3: bytes.removeSubrange(place...)
        default: bytes.insert(contentsOf: pieces.randomElement(using: &random) ?? [], at: place)
        }
    }

    /// SplitMix64.
    private struct Numbers: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }
    }
}
