import Foundation
import PrefixTuning

/// Runs `body` with a file that holds `contents` and exists while it runs.
func withTaskFile<Result>(_ contents: Data, name: String = "data.txt", _ body: (URL) throws -> Result) throws -> Result
{
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("task-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let url = folder.appendingPathComponent(name)
    try contents.write(to: url)
    return try body(url)
}

/// The examples of a text in a task's layout.
func readTask(_ kind: TuningTask, _ text: String) throws -> [Example] {
    try withTaskFile(Data(text.utf8)) { try kind.read($0) }
}

/// The error that reading a text throws.
func taskFailure(_ kind: TuningTask, _ contents: Data) throws -> DataError? {
    try withTaskFile(contents) { url in
        do {
            _ = try kind.read(url)
            return nil
        } catch let error as DataError {
            return error
        }
    }
}
