import Foundation
import LanguageModels
import TestSupport
import Testing

/// Damaged and hostile files: each must be refused with a sentence that says what is wrong, and nothing of it may run.
@Suite struct PyTorchRefusalTests {
    struct Case: CustomTestStringConvertible, Decodable, Sendable {
        var name: String
        var says: String
        /// The file, or its parts, of which each is repeated.
        var parts: [Part]

        struct Part: Decodable, Sendable {
            var bytes: Data
            var times: Int
        }

        var testDescription: String { name }
        var data: Data { Data(parts.map { repeatElement($0.bytes, count: $0.times).joined() }.joined()) }
    }

    static let cases: [Case] = {
        let url = pyTorchGoldens.appendingPathComponent("refused.json")
        return (try? JSONDecoder().decode([Case].self, from: Data(contentsOf: url))) ?? []
    }()

    @Test func thereAreCases() { #expect(Self.cases.count > 100) }

    @Test(arguments: cases)
    func refuses(_ bad: Case) throws {
        let error = try #require(pyTorchFailure(bad.data), "the file was accepted")
        #expect(error.description.contains(bad.says), "\(error.description)")
        #expect(error.description.contains("weights.pt"))
    }

    @Test(arguments: ["protocol2.pt", "protocol5.pt", "protocol2.bin", "protocol4.bin", "zip64.pt"])
    func refusesEveryTruncation(_ name: String) throws {
        let whole = try Data(contentsOf: pyTorchGoldens.appendingPathComponent(name))
        #expect(pyTorchFailure(whole) == nil)
        for count in 1..<whole.count {
            #expect(pyTorchFailure(whole.prefix(count)) != nil, "\(count) bytes")
        }
    }

    /// Random damage must end in an error or in readable tensors, never in a crash.
    @Test(arguments: ["protocol2.pt", "protocol4.pt", "protocol2.bin", "windows.bin", "zip64.pt"])
    func survivesRandomDamage(_ name: String) throws {
        let whole = try Data(contentsOf: pyTorchGoldens.appendingPathComponent(name))
        var random = CheckpointRandom(state: 2021)
        var (accepted, refused) = (0, 0)
        for _ in 0..<4000 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<6, using: &random) {
                case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                case 1: bytes[place] = UInt8.random(in: 0...255, using: &random)
                case 2: bytes[place] = Data("(.Kq\u{7F}tu)RQh".utf8).randomElement(using: &random) ?? 0
                case 3: bytes.remove(at: place)
                case 4: bytes[place] = 0xFF
                default:
                    let end = min(place + Int.random(in: 1...8, using: &random), bytes.count)
                    bytes.insert(contentsOf: Data(bytes[place..<end]), at: place)
                }
                bytes = Data(bytes)
            }
            if let error = pyTorchFailure(bytes) {
                #expect(!error.description.isEmpty)
                refused += 1
            } else {
                accepted += 1
            }
        }
        #expect(refused > 300, "\(accepted) accepted, \(refused) refused")
    }
}
