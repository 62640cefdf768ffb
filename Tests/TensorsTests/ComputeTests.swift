import Foundation
import Testing

@testable import Tensors

@Suite struct ComputeTests {
    @Test func allWorkRunsOnOneThread() async {
        let threads = await withTaskGroup(of: ObjectIdentifier.self) { group in
            for _ in 0..<50 { group.addTask { await Compute.run { ObjectIdentifier(Thread.current) } } }
            return await group.reduce(into: Set()) { $0.insert($1) }
        }
        #expect(threads.count == 1)
        let (name, isMain) = await Compute.run { (Thread.current.name, Thread.isMainThread) }
        #expect(name == "tensor-compute")
        #expect(!isMain)
    }

    @Test func passesErrorsOn() async {
        await #expect(throws: TensorError.backend(operation: "x", status: 1)) {
            try await Compute.run { throw TensorError.backend(operation: "x", status: 1) }
        }
    }

    @Compute @Test func yieldingLetsWhatWaitsGoFirst() async {
        final class Order { var names: [String] = [] }
        let order = Order()
        let other = Task { @Compute in order.names.append("other") }
        await Compute.yield()
        order.names.append("own")
        await other.value
        #expect(order.names == ["other", "own"])
        // Where nothing waits, it returns.
        await Compute.yield()
    }

    @Compute @Test func threadsAreAtLeastOne() {
        let before = Compute.threads
        defer { Compute.threads = before }
        #expect(before >= 1)
        for count in [1, 2, 3] {
            Compute.threads = count
            #expect(Compute.threads == count)
        }
        Compute.threads = 0
        #expect(Compute.threads == 1)
        Compute.threads = .max
        #expect(Compute.threads == 1024)
    }

    @Test func errorsSayWhatHappened() {
        let text = TensorError.backend(operation: "re-laying a 3 × 4 matrix", status: 1).description
        #expect(text.contains("re-laying a 3 × 4 matrix") && text.contains("status 1"))
    }
}
