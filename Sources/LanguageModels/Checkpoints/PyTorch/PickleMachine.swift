import Foundation

/// Reads one pickle of `torch.save` as data: nothing in it is ever run.
///
/// A pickle is a program for a machine with a stack and a memo. This one carries out the instructions that build
/// numbers, texts, lists, dictionaries and tensors, knows the few classes of ``PickleGlobal``, and ends with an error at
/// anything else. What stack, memo and heap hold together is bounded by the size of the file, no step looks at more than
/// it is charged for, nothing is allocated by a size that the file merely claims, and nothing recurses.
struct PickleMachine {
    /// How many values the stack, the memo and the containers of a file may hold together. PyTorch writes about 30 values
    /// in over 200 bytes for a tensor, besides its numbers; a value takes up to about 100 bytes of memory here.
    static func largestCount(fileSize: Int) -> Int { min(1 << 22, 1 << 18 + fileSize / 8) }

    /// The longest pickle: the numbers of a checkpoint are not in it.
    static let largestSize = 1 << 27

    /// What the values refer to.
    private(set) var heap = PickleHeap()

    private let bytes: UnsafeRawBufferPointer
    /// The next byte to be read; behind the pickle when ``run()`` has returned.
    private(set) var position: Int
    private var stack: [PickleValue] = []
    private var marks: [Int] = []
    private var memo: [Int: PickleValue] = [:]
    /// How many values the containers hold, those counted again that were gone through.
    private var slots = 0
    private let largestCount: Int
    private var knownStorages: [PickleStorage: Int] = [:]
    /// Parameter lists, as dictionaries, that wait for their state.
    private var parameterLists: Set<Int> = []

    /// A machine for the pickle that begins at byte `position` of `bytes`.
    ///
    /// - Parameter fileSize: Bytes of the whole file, by which the work is bounded.
    init(_ bytes: UnsafeRawBufferPointer, at position: Int = 0, fileSize: Int) {
        largestCount = Self.largestCount(fileSize: fileSize)
        self.bytes = UnsafeRawBufferPointer(rebasing: bytes[..<min(bytes.count, position + Self.largestSize)])
        self.position = position
    }

    /// Reads to the end of the pickle.
    ///
    /// - Returns: the value that it describes.
    mutating func run() throws(PickleFailure) -> PickleValue {
        while true {
            let start = position
            let byte = try take(1)[0]
            guard let opcode = PickleOpcode(rawValue: byte) else {
                throw .malformed(position: start, problem: "\(byte) is no instruction of a pickle")
            }
            if opcode == .stop {
                let value = try pop()
                guard stack.isEmpty, marks.isEmpty else { throw failure("values are left over at its end") }
                return value
            }
            try execute(opcode, at: start)
        }
    }

    private mutating func execute(_ opcode: PickleOpcode, at start: Int) throws(PickleFailure) {
        switch opcode {
        case .proto:
            let version = try take(1)[0]
            guard (2...5).contains(version) else { throw failure("it is of protocol \(version), not of 2 to 5") }
        case .frame: _ = try take(8)
        case .mark:
            try checkSize()
            marks.append(stack.count)

        case .none: try push(.none)
        case .newtrue: try push(.bool(true))
        case .newfalse: try push(.bool(false))
        case .binint1: try push(.integer(Int(try take(1)[0])))
        case .binint2: try push(.integer(Int(try number(UInt16.self))))
        case .binint: try push(.integer(Int(try number(Int32.self))))
        case .long1: try push(Self.integer(try take(Int(try take(1)[0]))))
        case .binfloat: try push(.real(Double(bitPattern: try number(UInt64.self).byteSwapped)))
        case .shortBinunicode, .shortBinstring: try push(.text(try text(Int(try take(1)[0]))))
        case .binunicode, .binstring: try push(.text(try text(Int(try number(UInt32.self)))))

        case .emptyTuple: try pushSequence([], as: PickleValue.tuple)
        case .tuple1: try pushSequence(try popLast(1), as: PickleValue.tuple)
        case .tuple2: try pushSequence(try popLast(2), as: PickleValue.tuple)
        case .tuple3: try pushSequence(try popLast(3), as: PickleValue.tuple)
        case .tuple: try pushSequence(try popToMark(), as: PickleValue.tuple)
        case .emptyList: try pushSequence([], as: PickleValue.list)
        case .emptyDict: try pushDictionary()
        case .append: try append(try popLast(1))
        case .appends: try append(try popToMark())
        case .setitem: try setItems(try popLast(2))
        case .setitems: try setItems(try popToMark())

        case .binput: try memorize(Int(try take(1)[0]))
        case .longBinput: try memorize(Int(try number(UInt32.self)))
        case .memoize: try memorize(memo.count)
        case .binget: try recall(Int(try take(1)[0]))
        case .longBinget: try recall(Int(try number(UInt32.self)))

        case .global:
            let module = try line()
            try pushGlobal(module: module, name: try line())
        case .stackGlobal:
            let names = try popLast(2)
            guard case .text(let module) = names[0], case .text(let name) = names[1] else {
                throw failure("the name of a class is not a text")
            }
            try pushGlobal(module: module, name: name)
        case .reduce:
            let call = try popLast(2)
            try push(try reduce(call[0], arguments: call[1]))
        case .binpersid: try push(try storage(named: try pop()))
        case .newobj: try pushObject(try popLast(2))
        case .build: try build()
        default:
            throw .malformed(position: start, problem: "no checkpoint of tensors needs its instruction \(opcode.name)")
        }
    }
}

// MARK: Reading bytes

extension PickleMachine {
    func failure(_ problem: String) -> PickleFailure { .malformed(position: position, problem: problem) }

    private func checkSize() throws(PickleFailure) {
        guard stack.count + marks.count + memo.count + slots <= largestCount else {
            throw failure("it holds more than \(largestCount) values, which is too many for its size")
        }
    }

    private mutating func take(_ count: Int) throws(PickleFailure) -> UnsafeRawBufferPointer {
        guard count <= bytes.count - position else {
            throw failure("it needs \(count) more byte\(count == 1 ? "" : "s"), but \(bytes.count - position) follow")
        }
        defer { position += count }
        return UnsafeRawBufferPointer(rebasing: bytes[position..<position + count])
    }

    private mutating func number<N: FixedWidthInteger>(_ type: N.Type) throws(PickleFailure) -> N {
        N(littleEndian: try take(MemoryLayout<N>.size).loadUnaligned(as: N.self))
    }

    private mutating func text(_ count: Int) throws(PickleFailure) -> String {
        guard let text = String(validating: try take(count), as: UTF8.self) else {
            throw failure("a text is not UTF-8")
        }
        return text
    }

    /// A line of a GLOBAL instruction, at most as long as a name can be.
    private mutating func line() throws(PickleFailure) -> String {
        let window = bytes[position..<min(bytes.count, position + 1000)]
        guard let end = window.firstIndex(of: UInt8(ascii: "\n")) else {
            throw failure("the name of a class does not end")
        }
        let name = try text(end - position)
        position += 1
        return name
    }

    /// A little-endian integer of any length in two's complement.
    private static func integer(_ bytes: UnsafeRawBufferPointer) -> PickleValue {
        guard bytes.count <= 8 else { return .bytes(Array(bytes)) }
        var value: UInt64 = (bytes.last ?? 0) & 0x80 == 0 ? 0 : .max
        for byte in bytes.reversed() { value = value << 8 | UInt64(byte) }
        return .integer(Int(Int64(bitPattern: value)))
    }
}

// MARK: Stack and memo

extension PickleMachine {
    private mutating func push(_ value: PickleValue) throws(PickleFailure) {
        try checkSize()
        stack.append(value)
    }

    private mutating func pop() throws(PickleFailure) -> PickleValue { try popLast(1)[0] }

    private mutating func popLast(_ count: Int) throws(PickleFailure) -> [PickleValue] {
        guard stack.count - (marks.last ?? 0) >= count else { throw failure("its stack is empty") }
        defer { stack.removeLast(count) }
        return Array(stack.suffix(count))
    }

    private mutating func popToMark() throws(PickleFailure) -> [PickleValue] {
        guard let mark = marks.popLast() else { throw failure("it has no mark") }
        defer { stack.removeSubrange(mark...) }
        return Array(stack[mark...])
    }

    private mutating func memorize(_ index: Int) throws(PickleFailure) {
        guard let value = stack.last else { throw failure("its stack is empty") }
        try checkSize()
        memo[index] = value
    }

    private mutating func recall(_ index: Int) throws(PickleFailure) {
        guard let value = memo[index] else { throw failure("its memo has no entry \(index)") }
        try push(value)
    }

    /// Counts values that go into containers, and the containers themselves; also values that are gone through again, as
    /// one long container could be named many times.
    mutating func reserve(_ count: Int) throws(PickleFailure) {
        slots += count
        try checkSize()
    }
}

// MARK: Containers

extension PickleMachine {
    private mutating func pushSequence(
        _ values: [PickleValue], as container: (Int) -> PickleValue
    ) throws(PickleFailure) {
        try reserve(values.count + 1)
        heap.sequences.append(values)
        try push(container(heap.sequences.count - 1))
    }

    private mutating func pushDictionary() throws(PickleFailure) {
        try push(.dictionary(try makeDictionary()))
    }

    mutating func makeDictionary() throws(PickleFailure) -> Int {
        try reserve(1)
        heap.dictionaries.append([])
        return heap.dictionaries.count - 1
    }

    private mutating func append(_ values: [PickleValue]) throws(PickleFailure) {
        guard case .list(let index)? = stack.last else { throw failure("it appends to something that is no list") }
        try reserve(values.count)
        heap.sequences[index] += values
    }

    private mutating func setItems(_ values: [PickleValue]) throws(PickleFailure) {
        guard case .dictionary(let index)? = stack.last else {
            throw failure("it sets an item of something that is no dictionary")
        }
        try set(values, in: index)
    }

    /// Adds pairs, given as key, value, key, value …, to a dictionary.
    mutating func set(_ values: [PickleValue], in index: Int) throws(PickleFailure) {
        guard values.count.isMultiple(of: 2) else { throw failure("a key has no value") }
        try reserve(values.count)
        for pair in stride(from: 0, to: values.count, by: 2) {
            heap.dictionaries[index].append((values[pair], values[pair + 1]))
        }
    }

    /// BUILD hands an object its state. A state dictionary has one (`_metadata`, the versions of its modules), which says
    /// nothing about the tensors; a parameter list's has its tensors; other objects have none.
    private mutating func build() throws(PickleFailure) {
        let state = try pop()
        guard case .dictionary(let index)? = stack.last else {
            throw failure("it hands a state to something that has none")
        }
        guard parameterLists.remove(index) != nil else { return }
        guard case .dictionary(let members) = state else { throw failure("the state of a parameter list is none") }
        try reserve(heap.dictionaries[members].count)
        for (key, value) in heap.dictionaries[members] {
            guard case .text("_parameters") = key, case .dictionary(let parameters) = value else { continue }
            let items = heap.dictionaries[parameters]
            try reserve(2 * items.count)
            heap.dictionaries[index] += items
        }
    }

    /// NEWOBJ makes an object of a class: a parameter list, without arguments.
    private mutating func pushObject(_ parts: [PickleValue]) throws(PickleFailure) {
        guard case .global(.parameterList) = parts[0], case .tuple(let arguments) = parts[1],
            heap.sequences[arguments].isEmpty
        else { throw failure("it makes an object that no tensor needs (NEWOBJ)") }
        let index = try makeDictionary()
        parameterLists.insert(index)
        try push(.dictionary(index))
    }

    private mutating func pushGlobal(module: String, name: String) throws(PickleFailure) {
        guard let global = PickleGlobal(module: module, name: name) else { throw .refused(name: "\(module).\(name)") }
        try push(.global(global))
    }
}

extension PickleMachine {
    mutating func add(_ tensor: PickleTensor) throws(PickleFailure) -> PickleValue {
        try reserve(1 + tensor.shape.count * 2)
        heap.tensors.append(tensor)
        return .tensor(heap.tensors.count - 1)
    }

    mutating func add(_ storage: PickleStorage) throws(PickleFailure) -> PickleValue {
        // Tensors that share a storage describe it once each; another description of the same key is another storage.
        if let index = knownStorages[storage] { return .storage(index) }
        try reserve(1)
        heap.storages.append(storage)
        knownStorages[storage] = heap.storages.count - 1
        return .storage(heap.storages.count - 1)
    }
}
