/// Finds the tensors in what a pickle described, and names each by the keys that lead to it, joined by dots.
///
/// `{"model_state_dict": {"wte.weight": …}, "epoch": 3}` has the tensor `model_state_dict.wte.weight`; in lists the keys
/// are 0, 1, …. What is no tensor is passed over.
struct TensorNames {
    /// Names and indices into ``PickleHeap/tensors``.
    private(set) var tensors: [String: Int] = [:]

    struct Failure: Error {
        var problem: String
    }

    /// Deeper than any real checkpoint. A container that holds itself ends here.
    private static let largestDepth = 32
    /// Values looked at, and bytes of names: a few containers that hold each other many times over end here.
    private static let largestVisits = 1 << 22, largestText = 1 << 26

    private struct Level {
        var items: [(key: PickleValue, value: PickleValue)]
        var next = 0
        /// Nil where a key on the way is neither a text nor an integer.
        var prefix: String?
    }

    /// - Parameter alone: the name of a tensor that is not in a container.
    init(_ value: PickleValue, in heap: PickleHeap, alone: String) throws(Failure) {
        if case .tensor(let index) = value {
            tensors[alone] = index
            return
        }
        var levels: [Level] = []
        if let items = Self.items(of: value, heap) { levels.append(Level(items: items, prefix: "")) }
        var visits = 0, text = 0
        while let level = levels.last {
            guard level.next < level.items.count else {
                levels.removeLast()
                continue
            }
            let (key, value) = level.items[level.next]
            levels[levels.count - 1].next += 1
            visits += 1
            var name: String?
            if let prefix = level.prefix, let part = Self.text(of: key) { name = prefix + part }
            text += name?.utf8.count ?? 0
            guard visits <= Self.largestVisits, text <= Self.largestText else {
                throw Failure(problem: "its containers hold each other too many times, or its keys are too long")
            }
            if case .tensor(let index) = value {
                guard let name else { throw Failure(problem: "a tensor lies under a key that is no text or integer") }
                guard tensors.updateValue(index, forKey: name) == nil else {
                    throw Failure(problem: "two tensors have the name \"\(name)\"")
                }
            } else if let items = Self.items(of: value, heap) {
                guard levels.count < Self.largestDepth else {
                    throw Failure(problem: "its containers are nested deeper than \(Self.largestDepth)")
                }
                levels.append(Level(items: items, prefix: name.map { $0 + "." }))
            }
        }
    }

    private static func items(of value: PickleValue, _ heap: PickleHeap) -> [(key: PickleValue, value: PickleValue)]? {
        switch value {
        case .dictionary(let index): heap.dictionaries[index]
        case .list(let index), .tuple(let index):
            heap.sequences[index].enumerated().map { (PickleValue.integer($0.offset), $0.element) }
        default: nil
        }
    }

    private static func text(of key: PickleValue) -> String? {
        switch key {
        case .text(let text): text
        case .integer(let number): String(number)
        default: nil
        }
    }
}
