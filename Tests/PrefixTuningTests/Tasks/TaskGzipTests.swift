import Foundation
import PrefixTuning
import Testing
import TextMetrics

@Suite struct TaskGzipTests {
    /// `gzip` of "name : A||It is A . \n", made by Python's gzip module with time 0.
    private static let packed =
        Data(
            base64Encoded: "H4sIAAAAAAACA8tLzE1VsFJwrKnxLFHILFZwVNBT4AIAcamf3RUAAAA=") ?? Data()

    @Test func readsGzipWhateverTheNameIs() throws {
        for name in ["data.txt", "data.txt.gz"] {
            let examples = try withTaskFile(Self.packed, name: name) { try TuningTask.e2e.read($0) }
            #expect(examples.map(\.completion) == ["It is A . "])
        }
    }

    @Test func readsSeveralMembersInARow() throws {
        let examples = try withTaskFile(Self.packed + Self.packed) { try TuningTask.e2e.read($0) }
        #expect(examples.map(\.line) == [1, 2])
    }

    @Test func refusesEveryTruncation() throws {
        for count in 2..<Self.packed.count {
            let error = try #require(try taskFailure(.e2e, Self.packed.prefix(count)), "\(count) bytes")
            guard case .input(.damagedGzip(_, _)) = error else {
                Issue.record("\(count) bytes: \(error)")
                return
            }
        }
        let error = try #require(try taskFailure(.e2e, Self.packed.prefix(30)))
        #expect("\(error)".contains("it ends in the middle (30 bytes); fetch it again"), "\(error)")
    }

    @Test func refusesDamageAnywhereInTheBody() throws {
        // Bytes 4 to 9 of the header (time, flags of the packer, system) carry nothing that is checked.
        for place in Array(2..<4) + Array(10..<Self.packed.count) {
            var damaged = Self.packed
            damaged[place] ^= 0x55
            #expect(try taskFailure(.e2e, damaged) != nil, "byte \(place)")
        }
        #expect(try taskFailure(.e2e, Self.packed + Data([1, 2, 3])) != nil, "garbage at the end")
    }

    @Test("zeros behind a member, before another one or at the end, count for nothing, as for gzip and Python")
    func takesZerosForPadding() throws {
        for count in [1, 2, 511, 70_000] {
            let padded = Self.packed + Data(count: count)
            #expect(try withTaskFile(padded) { try TuningTask.e2e.read($0) }.count == 1)
            #expect(try withTaskFile(padded + Self.packed) { try TuningTask.e2e.read($0) }.map(\.line) == [1, 2])
            #expect(try taskFailure(.e2e, padded + Data([1])) != nil)
            #expect(try taskFailure(.e2e, padded + Self.packed.prefix(20)) != nil)
        }
    }
}
