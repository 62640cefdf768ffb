import Foundation
import Tensors
import Testing

@testable import LanguageModels

/// Weights that no memory holds are refused before they are read.
@Suite struct CheckpointMemoryTests {
    private func withReader(_ body: (CheckpointReader, String) throws -> Void) throws {
        try withCheckpointFolder { folder in
            var writer = SafetensorsWriter()
            writer.add("matrix", shape: [8, 4], values: [Float](repeating: 1, count: 32))
            writer.add("bias", shape: [4], values: [Float](repeating: 1, count: 4))
            let url = folder.appendingPathComponent("model.safetensors")
            try writer.write(to: url)
            try body(CheckpointReader(try SafetensorsFile(url)), url.path)
        }
    }

    @Test(arguments: zip([WeightPrecision.float32, .stored, .bfloat16, .int8, .int4], [144, 144, 80, 48, 32]))
    func refusesWhatDoesNotFit(_ precision: WeightPrecision, needed: Int) throws {
        try withReader { reader, path in
            try reader.checkMemory(precision, available: needed)
            let error = CheckpointError.exceedsMemory(file: path, count: 36, needed: needed, available: needed - 1)
            #expect(throws: error) { try reader.checkMemory(precision, available: needed - 1) }
        }
    }

    @Test func saysWhatIsThereAndWhatIsNeeded() {
        let error = CheckpointError.exceedsMemory(
            file: "model.safetensors", count: 13_015_864_320, needed: 52_063_457_280, available: 16_000_000_000)
        #expect(
            "\(error)"
                == "the 13015864320 weights of model.safetensors take 52.1 GB, but there are 16.0 GB of memory here; "
                + "hold them in fewer bits, or take a smaller model or a larger machine")
    }

    @Test func theMachineHasMoreThanThisProcessHasTaken() {
        #expect(ProcessMemory.limit >= ProcessMemory.peak)
    }
}
