import Foundation
import Testing

/// A folder that exists while a test runs.
public func withTrainingFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("training-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try body(folder)
}

/// What `body` throws, as the error type that a subsystem promises; fails the test where it throws another.
public func failure<Failure: Error>(_ type: Failure.Type, of body: () throws -> Void) -> Failure? {
    do {
        try body()
    } catch let error as Failure {
        return error
    } catch {
        Issue.record("\(type) was expected, but this was thrown: \(error)")
    }
    return nil
}
