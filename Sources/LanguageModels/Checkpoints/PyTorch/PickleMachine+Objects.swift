/// What `torch.save` writes of tensors: calls of a few functions of PyTorch, and references to storages.
extension PickleMachine {
    /// The value of a call, REDUCE.
    mutating func reduce(_ function: PickleValue, arguments: PickleValue) throws(PickleFailure) -> PickleValue {
        guard case .global(let global) = function, case .tuple(let index) = arguments else {
            throw failure("it calls something that is no function")
        }
        return try call(global, heap.sequences[index])
    }

    private mutating func call(_ global: PickleGlobal, _ arguments: [PickleValue]) throws(PickleFailure) -> PickleValue
    {
        switch global {
        case .rebuildTensor(let version): return try tensor(version: version, arguments)
        case .rebuildParameter: return try parameter(arguments, count: 3)
        case .rebuildParameterWithState: return try parameter(arguments, count: 4)
        case .rebuildFromType:
            // Function, class, arguments, attributes. One level only: a function that calls this one again is not needed.
            guard arguments.count == 4, case .global(let function) = arguments[0], function != .rebuildFromType,
                case .global(.tensorClass) = arguments[1], case .tuple(let index) = arguments[2]
            else { throw failure("_rebuild_from_type_v2 has other arguments than a tensor's") }
            return try call(function, heap.sequences[index])
        case .orderedDictionary: return try orderedDictionary(arguments)
        case .size:
            guard arguments.count == 1, case .tuple = arguments[0] else {
                throw failure("torch.Size has other arguments than a tuple")
            }
            return arguments[0]
        case .device, .set: return .opaque
        case .storage, .elementType, .tensorClass, .parameterList:
            throw failure("it calls a class that is not to be called")
        }
    }

    /// A tensor: storage, offset, size, strides; from version 2 on whether it requires a gradient and its hooks; in
    /// version 3 its element type; then, maybe, whether its values are to be negated or conjugated.
    private mutating func tensor(version: Int, _ arguments: [PickleValue]) throws(PickleFailure) -> PickleValue {
        let named = [1: 4, 2: 6, 3: 7][version] ?? 0
        guard arguments.count == named || (version > 1 && arguments.count == named + 1),
            case .storage(let storage) = arguments[0], case .integer(let offset) = arguments[1]
        else { throw failure("a tensor has other arguments than a storage, an offset, a size and strides") }
        let type: StoredType
        if version == 3 {
            guard case .global(.elementType(let stated)) = arguments[6] else {
                throw failure("a tensor has no element type")
            }
            type = stated
        } else {
            guard let stated = heap.storages[storage].type else { throw failure("a storage has no element type") }
            type = stated
        }
        if arguments.count > named {
            guard case .dictionary(let index) = arguments[named] else {
                throw failure("a tensor's marks are no dictionary")
            }
            try reserve(heap.dictionaries[index].count)
            for (_, value) in heap.dictionaries[index] {
                guard case .bool(false) = value else {
                    throw failure("a tensor is marked as negated or conjugated: save its resolve_neg()")
                }
            }
        }
        let shape = try integers(arguments[2]), strides = try integers(arguments[3])
        return try add(PickleTensor(storage: storage, type: type, offset: offset, shape: shape, strides: strides))
    }

    private func integers(_ value: PickleValue) throws(PickleFailure) -> [Int] {
        guard case .tuple(let index) = value else { throw failure("a tensor's size is no tuple") }
        guard heap.sequences[index].count <= 64 else { throw failure("a tensor has more than 64 dimensions") }
        var result: [Int] = []
        for element in heap.sequences[index] {
            guard case .integer(let number) = element else { throw failure("a tensor's size is no tuple of integers") }
            result.append(number)
        }
        return result
    }

    /// A parameter is its tensor.
    private func parameter(_ arguments: [PickleValue], count: Int) throws(PickleFailure) -> PickleValue {
        guard arguments.count == count, case .tensor = arguments[0] else {
            throw failure("a parameter has other arguments than a tensor's")
        }
        return arguments[0]
    }

    /// `OrderedDict()`, or of a list of pairs (Python 2).
    private mutating func orderedDictionary(_ arguments: [PickleValue]) throws(PickleFailure) -> PickleValue {
        let index = try makeDictionary()
        guard let first = arguments.first else { return .dictionary(index) }
        guard arguments.count == 1, case .list(let list) = first else {
            throw failure("OrderedDict has other arguments than a list of pairs")
        }
        for pair in heap.sequences[list] {
            guard case .list(let items) = pair, heap.sequences[items].count == 2 else {
                throw failure("OrderedDict has other arguments than a list of pairs")
            }
            try set(heap.sequences[items], in: index)
        }
        return .dictionary(index)
    }

    /// The storage that BINPERSID names: ("storage", class, key, device, count), in legacy files also nil or (key,
    /// offset, count) of a window into it.
    mutating func storage(named value: PickleValue) throws(PickleFailure) -> PickleValue {
        guard case .tuple(let index) = value else { throw failure("a reference is no tuple") }
        let parts = heap.sequences[index]
        guard parts.count == 5 || parts.count == 6, case .text("storage") = parts[0],
            case .global(.storage(let type)) = parts[1], case .text(let key) = parts[2],
            case .integer(let count) = parts[4]
        else { throw failure("a reference is not to a storage") }
        guard count >= 0, !count.multipliedReportingOverflow(by: 8).overflow else {
            throw failure("storage \"\(key)\" has \(count) elements")
        }
        var window = 0..<count
        if parts.count == 6, case .tuple(let view) = parts[5] {
            let numbers = heap.sequences[view]
            guard numbers.count == 3, case .integer(let offset) = numbers[1], case .integer(let length) = numbers[2],
                offset >= 0, length >= 0, offset <= count, length <= count - offset
            else { throw failure("the window of storage \"\(key)\" is not inside it") }
            window = offset..<offset + length
        }
        return try add(PickleStorage(key: key, type: type, count: count, window: window))
    }
}
