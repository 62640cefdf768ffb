import Foundation
@testable import PrefixTuning

func readData(_ bytes: UnsafeRawBufferPointer) throws {
    guard let first = bytes.first else { return }
    let task = TuningTask.all[Int(first) % TuningTask.all.count]
    let url = fuzzFolder.appendingPathComponent("data")
    try Data(bytes.dropFirst()).write(to: url)
    for example in try task.read(url).forTraining() { precondition(example.location.line > 0) }
}

func readGzip(_ bytes: UnsafeRawBufferPointer) throws {
    let url = fuzzFolder.appendingPathComponent("data.gz")
    // Whatever was mutated, it stays compressed.
    try (Data([0x1F, 0x8B]) + Data(bytes.dropFirst(2))).write(to: url)
    try DataFile(url).forEachLine { _, location in precondition(location.line > 0) }
}
