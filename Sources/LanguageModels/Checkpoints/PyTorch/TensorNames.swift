/// Finds the tensors in what a pickle described, and names each by the keys that lead to it, joined by dots.
///
/// `{"model_state_dict": {"wte.weight": …}, "epoch": 3}` has the tensor `model_state_dict.wte.weight`; in lists the keys
/// are 0, 1, …. What is no tensor is passed over.
struct TensorNames {
    /// Names and indices into ``PickleHeap/tensors``.
    private(set) var tensors: [String: Int] = [:]
    /// Texts under a key `weight_format`, by which bitsandbytes says how the matrix beside it is laid out.
    private(set) var formats: [String: String] = [:]

    struct Failure: Error {
        var problem: String
    }

    /// Deeper than any real checkpoint. A container that holds itself ends here.
    private static let largestDepth = 32
    /// What a named tensor counts for among the values looked at: its name and its place are kept.
    private static let weightOfTensor = 8

    /// A container on the way, and its next item. Nothing is copied: a container may be on the way many times.
    private struct Level {
        var container: PickleValue
        var next = 0
        /// Nil where a key on the way is neither a text nor an integer.
        var prefix: String?
    }

    /// - Parameters:
    ///   - alone: the name of a tensor that is not in a container.
    ///   - fileSize: bytes. The values looked at, and the bytes of names, are bounded by it: a few containers that hold
    ///     each other many times over end there.
    init(_ value: PickleValue, in heap: PickleHeap, alone: String, fileSize: Int) throws(Failure) {
        if case .tensor(let index) = value {
            tensors[alone] = index
            return
        }
        let largestVisits = PickleMachine.largestCount(fileSize: fileSize), largestText = 1 << 24 + 2 * fileSize
        var levels = Self.isContainer(value) ? [Level(container: value, prefix: "")] : []
        var visits = 0, text = 0
        while let level = levels.last {
            guard let (key, value) = Self.item(level.next, of: level.container, heap) else {
                levels.removeLast()
                continue
            }
            levels[levels.count - 1].next += 1
            visits += 1
            var name: String?
            if let prefix = level.prefix, let part = Self.text(of: key) { name = prefix + part }
            text += name?.utf8.count ?? 0
            if case .tensor(let index) = value {
                guard let name else { throw Failure(problem: "a tensor lies under a key that is no text or integer") }
                guard tensors.updateValue(index, forKey: name) == nil else {
                    throw Failure(problem: "two tensors have the name \"\(name)\"")
                }
                visits += Self.weightOfTensor
            } else if case .text(let format) = value, let name, name.hasSuffix("weight_format") {
                formats[name] = format
                visits += Self.weightOfTensor
            } else if Self.isContainer(value) {
                guard levels.count < Self.largestDepth else {
                    throw Failure(problem: "its containers are nested deeper than \(Self.largestDepth)")
                }
                levels.append(Level(container: value, prefix: name.map { $0 + "." }))
            }
            guard visits <= largestVisits, text <= largestText else {
                throw Failure(problem: "its containers hold each other too many times, or its keys are too long")
            }
        }
    }

    private static func isContainer(_ value: PickleValue) -> Bool {
        switch value {
        case .dictionary, .list, .tuple: true
        default: false
        }
    }

    /// An item of a container; nil behind the last one.
    private static func item(
        _ number: Int, of container: PickleValue, _ heap: PickleHeap
    ) -> (key: PickleValue, value: PickleValue)? {
        switch container {
        case .dictionary(let index):
            number < heap.dictionaries[index].count ? heap.dictionaries[index][number] : nil
        case .list(let index), .tuple(let index):
            number < heap.sequences[index].count ? (.integer(number), heap.sequences[index][number]) : nil
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
