/// A value that a pickle built: plain data, never an object with behaviour.
///
/// Containers lie in a ``PickleHeap`` and are named by their number, as a pickle may nest them a million deep or put one
/// into itself: what is made of numbers needs neither recursion to be freed nor does it leak.
enum PickleValue {
    case none
    case bool(Bool)
    case integer(Int)
    /// An integer of more than 64 bits, or a byte string: its little-endian bytes.
    case bytes([UInt8])
    case real(Double)
    case text(String)
    /// A tuple or a list: an index into ``PickleHeap/sequences``.
    case tuple(Int)
    case list(Int)
    /// A dictionary, ordered: an index into ``PickleHeap/dictionaries``.
    case dictionary(Int)
    case global(PickleGlobal)
    /// An index into ``PickleHeap/storages``.
    case storage(Int)
    /// An index into ``PickleHeap/tensors``.
    case tensor(Int)
    /// A value of no interest, such as a device.
    case opaque
}

/// What the values of one pickle refer to.
struct PickleHeap {
    var sequences: [[PickleValue]] = []
    /// Pairs in the order they were added. Nothing keeps a key from occurring twice.
    var dictionaries: [[(key: PickleValue, value: PickleValue)]] = []
    var storages: [PickleStorage] = []
    var tensors: [PickleTensor] = []
}

/// A block of numbers that tensors look into, as the pickle describes it: the file must still show that it is there.
struct PickleStorage: Hashable {
    /// Names the block within the file.
    var key: String
    /// The type of its elements; nil where it is said to hold bytes.
    var type: StoredType?
    /// The number of elements, at least 0.
    var count: Int
    /// The window of a storage that shares another's block (legacy files), in elements, within 0..<count.
    var window: Range<Int>

    var elementSize: Int { type?.size ?? 1 }
}

/// A tensor as the pickle describes it, unchecked.
struct PickleTensor {
    /// An index into ``PickleHeap/storages``.
    var storage: Int
    var type: StoredType
    /// In elements, like the strides.
    var offset: Int
    var shape: [Int]
    var strides: [Int]
}

/// The classes and functions that a checkpoint of tensors may name. Naming any other ends the reading.
enum PickleGlobal: Equatable {
    /// `torch._utils._rebuild_tensor` (PyTorch 0.x), `…_v2`, `…_v3` (element types without a storage class).
    case rebuildTensor(version: Int)
    /// `torch._utils._rebuild_parameter`.
    case rebuildParameter
    /// `torch._utils._rebuild_parameter_with_state`: a parameter that carries Python attributes.
    case rebuildParameterWithState
    /// `torch._tensor._rebuild_from_type_v2`: a tensor that carries Python attributes.
    case rebuildFromType
    case orderedDictionary
    /// `torch.FloatStorage` and its kin; nil is `torch.storage.UntypedStorage`.
    case storage(StoredType?)
    /// `torch.uint16` and its kin.
    case elementType(StoredType)
    case size
    case device
    /// `torch.Tensor` and `torch.nn.parameter.Parameter`, as arguments only.
    case tensorClass
    /// `torch.nn.ParameterList`, a list of tensors that PyTorch saves as a module with a state.
    case parameterList
    /// Python's `set`, which such a module's state has an empty one of.
    case set

    /// The global of this name, or nil where it is not allowed.
    init?(module: String, name: String) {
        guard let known = Self.allowed[module]?[name] else { return nil }
        self = known
    }

    private static let allowed: [String: [String: PickleGlobal]] = [
        "collections": ["OrderedDict": .orderedDictionary],
        "torch._utils": [
            "_rebuild_tensor": .rebuildTensor(version: 1),
            "_rebuild_tensor_v2": .rebuildTensor(version: 2),
            "_rebuild_tensor_v3": .rebuildTensor(version: 3),
            "_rebuild_parameter": .rebuildParameter,
            "_rebuild_parameter_with_state": .rebuildParameterWithState,
        ],
        "torch._tensor": ["_rebuild_from_type_v2": .rebuildFromType],
        "torch.nn.parameter": ["Parameter": .tensorClass],
        "torch.nn.modules.container": ["ParameterList": .parameterList],
        "__builtin__": ["set": .set],
        "builtins": ["set": .set],
        "torch.storage": ["UntypedStorage": .storage(nil)],
        "torch": [
            "DoubleStorage": .storage(.float64), "FloatStorage": .storage(.float32), "HalfStorage": .storage(.float16),
            "BFloat16Storage": .storage(.bfloat16), "LongStorage": .storage(.int64), "IntStorage": .storage(.int32),
            "ShortStorage": .storage(.int16), "CharStorage": .storage(.int8), "ByteStorage": .storage(.uint8),
            "BoolStorage": .storage(.bool), "UntypedStorage": .storage(nil),
            "float64": .elementType(.float64), "float32": .elementType(.float32), "float16": .elementType(.float16),
            "bfloat16": .elementType(.bfloat16), "int64": .elementType(.int64), "int32": .elementType(.int32),
            "int16": .elementType(.int16), "int8": .elementType(.int8), "uint64": .elementType(.uint64),
            "uint32": .elementType(.uint32), "uint16": .elementType(.uint16), "uint8": .elementType(.uint8),
            "bool": .elementType(.bool), "float8_e4m3fn": .elementType(.float8e4m3),
            "float8_e5m2": .elementType(.float8e5m2),
            "Size": .size, "device": .device, "Tensor": .tensorClass,
        ],
    ]
}

/// Why a pickle was not read.
enum PickleFailure: Error {
    /// It asks for a class or function that no checkpoint of tensors needs.
    case refused(name: String)
    /// It is damaged, or made to do harm.
    case malformed(position: Int, problem: String)
}
