import Foundation
import LanguageModels
import TestSupport
import Testing

/// Random damage must end in an error or in readable tensors, never in a crash.
@Suite struct CheckpointFuzzTests {
    @Test func survivesRandomDamage() throws {
        let golden = Fixtures.goldens.appendingPathComponent("checkpoints/formats.safetensors")
        let whole = try Data(contentsOf: golden)
        let headerSize = 8 + Int(whole.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) }.littleEndian)
        // The data is kept short, so that most damage hits the header.
        var random = CheckpointRandom(state: 2021)
        var (accepted, refused) = (0, 0)
        try withCheckpointFolder { folder in
            let url = folder.appendingPathComponent("fuzz.safetensors")
            for round in 0..<4000 {
                var bytes = whole
                for _ in 0..<Int.random(in: 1...3, using: &random) {
                    Self.damage(&bytes, headerSize: headerSize, using: &random)
                }
                try bytes.write(to: url)
                do {
                    let file = try SafetensorsFile(url)
                    for name in file.names where file.storedType(of: name)?.isConvertible == true {
                        _ = try file.floats(name, checkingFinite: round.isMultiple(of: 2))
                        file.releasePages(of: name)
                    }
                    accepted += 1
                } catch let error as CheckpointError {
                    #expect(!error.description.isEmpty)
                    refused += 1
                }
            }
        }
        // Damage to a key's letters or to a value leaves a valid file; nearly everything else must be noticed.
        #expect(accepted > 100 && refused > 2000, "\(accepted) accepted, \(refused) refused")
    }

    private static func damage(_ bytes: inout Data, headerSize: Int, using random: inout CheckpointRandom) {
        let limit = min(headerSize, bytes.count)
        guard limit > 0 else { return }
        let place = Int.random(in: 0..<limit, using: &random)
        switch Int.random(in: 0..<8, using: &random) {
        case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 1: bytes[place] = UInt8.random(in: 0...255, using: &random)
        case 2: bytes.remove(at: place)
        case 3: bytes.insert(Data("{}[]\",:\\u-0e9".utf8).randomElement(using: &random) ?? 0, at: place)
        case 4: bytes.removeSubrange(Int.random(in: 0..<bytes.count, using: &random)...)
        case 5:
            // Digits are what sizes and offsets are made of.
            let digits = bytes[..<limit].indices.filter { (0x30...0x39).contains(bytes[$0]) }
            if let digit = digits.randomElement(using: &random) {
                bytes[digit] = UInt8.random(in: 0x30...0x39, using: &random)
            }
        case 6:
            let end = min(place + Int.random(in: 1...20, using: &random), bytes.count)
            bytes.insert(contentsOf: Data(bytes[place..<end]), at: place)
        default: bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
        }
        bytes = Data(bytes)
    }
}
