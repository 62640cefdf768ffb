import Synchronization

/// Collects values from several threads.
final class Box<Value: Sendable>: Sendable {
    private let content = Mutex<[Value]>([])
    var values: [Value] { content.withLock { $0 } }
    func append(_ value: Value) { content.withLock { $0.append(value) } }
}
