import Foundation
import LanguageModels

extension LowRankFile {
    /// `<module>.lora_A` and `<module>.lora_B`, beside whatever else the checkpoint holds.
    ///
    /// loralib's `MergedLinear` updates some of the three thirds of GPT-2's `c_attn`: A [g·r × input] and
    /// B [g·output/3 × r] are g updates one after the other, group i of B times group i of A. The file does not say which
    /// thirds; two are queries and values, as everywhere in the repository.
    func loralibUpdates(alpha: Float) throws -> [String: LowRankUpdate] {
        let reader = CheckpointReader(weights)
        var updates: [String: LowRankUpdate] = [:]
        for name in weights.names where name.hasSuffix(".lora_A") {
            let stem = String(name.dropLast(".lora_A".count))
            let (rows, input, down) = try matrix(name, from: reader)
            let (outputRows, rank, up) = try matrix("\(stem).lora_B", from: reader)
            let module = Self.module(stem), scale = alpha / Float(rank)
            let isJoint = module.hasSuffix("c_attn")
            guard rows.isMultiple(of: rank), isJoint || rows == rank else {
                throw PrefixError.wrongTensor(
                    file: weightsFile.path, key: name, expected: "[\(rank) × input]", found: [rows, input])
            }
            let groups = rows / rank
            guard isJoint, outputRows != 3 * input || groups != 1 else {
                updates[module] = LowRankUpdate(down: down, up: up, rank: rank, scale: scale)
                continue
            }
            let thirds: [Int]
            switch groups {
            case 2: thirds = [0, 2]
            case 3: thirds = [0, 1, 2]
            default:
                throw PrefixError.badConfiguration(
                    file: weightsFile.path,
                    reason: "\"\(name)\" updates \(groups) of queries, keys and values, and nothing says which; two or "
                        + "three can be read")
            }
            guard outputRows == groups * input else {
                throw PrefixError.wrongTensor(
                    file: weightsFile.path, key: "\(stem).lora_B", expected: "[\(groups * input) × \(rank)]",
                    found: [outputRows, rank])
            }
            // One update of rank g·r: the groups' B along a diagonal, in the rows of their thirds.
            var joint = [Float](repeating: 0, count: 3 * input * rows)
            for (group, third) in thirds.enumerated() {
                for row in 0..<input {
                    for k in 0..<rank {
                        joint[(third * input + row) * rows + group * rank + k] = up[(group * input + row) * rank + k]
                    }
                }
            }
            updates[module] = LowRankUpdate(down: down, up: joint, rank: rows, scale: scale)
        }
        return updates
    }

    /// A module's name without the dictionaries around it.
    private static func module(_ name: String) -> String {
        var name = name[...]
        for wrapper in ["model_state_dict.", "state_dict.", "module."] where name.hasPrefix(wrapper) {
            name = name.dropFirst(wrapper.count)
        }
        return String(name)
    }
}
