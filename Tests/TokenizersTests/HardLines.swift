import Foundation
import TestSupport

/// The 10,000 lines of `families.py`, made from the same fragments with the same random numbers.
struct HardLines: Decodable {
    var seed: UInt64
    var count: Int
    var block: Int
    var lines: [String]
    var words: [String]
    var spaces: [String]
    var specials: [String]
    var contractions: [String]
    var clusters: [String]
    var ranges: [[UInt32]]

    static let all: [String] = {
        let fragments: HardLines? = try? TokenizerGolden.read("families/fragments.json")
        return fragments?.made() ?? []
    }()

    /// SplitMix64.
    private struct Random {
        var state: UInt64

        mutating func below(_ bound: Int) -> Int {
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
            return Int((z ^ z >> 31) % UInt64(bound))
        }
    }

    private func made() -> [String] {
        var random = Random(state: seed)
        func one(_ list: [String]) -> String { list[random.below(list.count)] }
        var result = lines
        while result.count < count {
            var line = ""
            for _ in 0..<1 + random.below(14) {
                switch random.below(100) {
                case ..<35: line += one(words)
                case ..<48: for _ in 0..<1 + random.below(4) { line += one(spaces) }
                case ..<58: line += String(repeating: " ", count: 1 + random.below(6))
                case ..<63: line += one(specials)
                case ..<68: line += one(contractions)
                case ..<76: line += one(clusters)
                case ..<80: for _ in 0..<1 + random.below(9) { line += String(random.below(10)) }
                case ..<82:
                    let cluster = one(clusters)
                    for _ in 0..<1 + random.below(60) { line += cluster }
                default:
                    let range = ranges[random.below(ranges.count)]
                    for _ in 0..<1 + random.below(8) {
                        let value = range[0] + UInt32(random.below(Int(range[1] - range[0])))
                        if let scalar = Unicode.Scalar(value) { line.unicodeScalars.append(scalar) }
                    }
                }
            }
            result.append(line)
        }
        return result
    }
}

/// FNV-1a, 64 bits.
struct Digest {
    private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

    mutating func add(_ bytes: some Sequence<UInt8>) {
        for byte in bytes { value = (value ^ UInt64(byte)) &* 0x100_0000_01B3 }
    }

    /// 16 hexadecimal digits.
    var text: String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
