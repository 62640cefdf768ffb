import Foundation
import LanguageModels
import Testing

@Suite struct CheckpointReaderTests {
    /// A file with the keys of a one-block model, values counting up from the key's place.
    private func withReader(_ keys: [String], _ body: (CheckpointReader, String) throws -> Void) throws {
        try withCheckpointFolder { folder in
            var writer = SafetensorsWriter()
            for (index, key) in keys.enumerated() {
                writer.add(key, shape: [2, 2], values: (0..<4).map { Float(index * 10 + $0) })
            }
            let url = folder.appendingPathComponent("model.safetensors")
            try writer.write(to: url)
            try body(CheckpointReader(try SafetensorsFile(url)), url.path)
        }
    }

    @Test(arguments: ["", "transformer."])
    func readsWithAndWithoutTheOuterName(_ outer: String) throws {
        try withReader([outer + "wte.weight", outer + "h.0.attn.c_attn.weight", "lm_head.weight"]) { reader, _ in
            let model = reader.scoped("transformer", ifPresent: "wte.weight")
            #expect(try model.read("wte.weight", shape: [2, 2]) == [0, 1, 2, 3])
            let attention = model.scoped("h.0").scoped("attn")
            var values = [Float](repeating: 0, count: 4)
            try values.withUnsafeMutableBufferPointer { try attention.read("c_attn.weight", shape: [2, 2], into: $0) }
            #expect(values == [10, 11, 12, 13])
            #expect(try model.readIfPresent("wpe.weight", shape: [2, 2]) == nil)
            #expect(try reader.readIfPresent("lm_head.weight", shape: [2, 2]) == [20, 21, 22, 23])
            try reader.finish()
        }
    }

    @Test func namesWhatIsMissingAndWhatIsLikeIt() throws {
        try withReader(["decoder.h.0.ln_1.weight", "h.1.ln_1.weight"]) { reader, path in
            let error = CheckpointError.missingTensor(
                file: path, key: "h.0.ln_1.weight", similar: ["decoder.h.0.ln_1.weight"])
            #expect(throws: error) { try reader.scoped("h.0").read("ln_1.weight", shape: [2, 2]) }
            #expect("\(error)".contains("it has \"decoder.h.0.ln_1.weight\""))
        }
    }

    @Test func namesBothShapesWhereTheyDiffer() throws {
        try withReader(["wte.weight"]) { reader, path in
            let error = CheckpointError.wrongShape(file: path, key: "wte.weight", expected: [4], found: [2, 2])
            #expect(throws: error) { try reader.read("wte.weight", shape: [4]) }
            #expect(
                "\(error)" == "tensor \"wte.weight\" of \(path) has shape [2, 2], but the configuration asks for [4]; "
                    + "check that the file belongs to this config.json")
        }
    }

    @Test func refusesToReadATensorTwice() throws {
        try withReader(["w"]) { reader, path in
            _ = try reader.read("w", shape: [2, 2])
            #expect(throws: CheckpointError.takenTwice(file: path, key: "w")) { try reader.read("w", shape: [2, 2]) }
        }
    }

    @Test func lendsRowsOfATensorOnce() throws {
        try withReader(["w"]) { reader, path in
            let values = try reader.withRows(of: "w", shape: [2, 2]) { copy in
                try [1..<2, 0..<1].map { rows in
                    var values = [Float](repeating: 0, count: 2)
                    try values.withUnsafeMutableBufferPointer { try copy(rows, $0) }
                    return values
                }
            }
            #expect(values == [[2, 3], [0, 1]])
            #expect(throws: CheckpointError.takenTwice(file: path, key: "w")) { try reader.read("w", shape: [2, 2]) }
            try reader.finish()
        }
    }

    @Test func lendsRowsOfWhatIsInMemory() throws {
        let values = checkpointPattern(15)
        let source = TensorsInMemory(["w": ([5, 3], values)])
        #expect(try source.floatsByRows(of: "w") == [values, values])
    }

    @Test func placesNaNInTheWholeTensor() throws {
        try withCheckpointFolder { folder in
            let url = folder.appendingPathComponent("model.safetensors")
            var writer = SafetensorsWriter()
            writer.add("w", shape: [3, 2], values: [0, 1, 2, 3, 4, .nan])
            try writer.write(to: url)
            do {
                _ = try SafetensorsFile(url).floatsByRows(of: "w")
                Issue.record("a NaN was passed over")
            } catch CheckpointError.notFinite(_, let key, let index, _) {
                #expect(key == "w" && index == 5)
            }
        }
    }

    @Test func reportsTensorsThatNothingUsed() throws {
        try withReader(["h.0.attn.bias", "h.0.attn.c.bias", "h.0.mlp.extra", "other", "used"]) { reader, path in
            _ = try reader.read("used", shape: [2, 2])
            let patterns = ["h.*.attn.bias", "h.*.attn.masked_bias"]
            let extra = CheckpointError.unexpectedTensors(
                file: path, keys: ["h.0.attn.c.bias", "h.0.mlp.extra", "other"])
            #expect(throws: extra) { try reader.finish(ignoring: patterns) }
            #expect(throws: CheckpointError.unexpectedTensors(file: path, keys: ["h.0.mlp.extra"])) {
                try reader.scoped("h.0").finish(ignoring: ["attn.*"])
            }
            try reader.finish(ignoring: ["h.*", "oth*r"])
        }
    }

    /// Names come from files: a long one must neither recurse nor be gone through again and again.
    @Test func matchesLongNames() throws {
        let name = String(repeating: ".rotary_emb.inv_fre", count: 100_000)
        let source = TensorsInMemory([name: ([1], [0]), name + "q": ([1], [0])])
        #expect(throws: CheckpointError.unexpectedTensors(file: "the initial weights", keys: [name])) {
            try CheckpointReader(source).finish(ignoring: ["*.rotary_emb.inv_freq"])
        }
        try CheckpointReader(source).finish(ignoring: ["*.rotary*inv_fre*"])
        #expect(throws: CheckpointError.self) { try CheckpointReader(source).finish(ignoring: ["*rotary*x*"]) }
    }
}
