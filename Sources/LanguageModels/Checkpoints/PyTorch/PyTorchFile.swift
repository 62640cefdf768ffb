import Foundation
import Tensors

/// A file of `torch.save` (`pytorch_model.bin`, `*.pt`, `*.pth`, `*.ckpt`), mapped into memory and read without running
/// anything in it.
///
/// PyTorch's files are pickles, programs that can call any function. This reader carries out only what describes tensors
/// and refuses a file that names any other class. Damaged and hostile files are refused with a ``CheckpointError``. Opening
/// reads the description; a tensor's data is touched when it is copied. Views (transposed, shared, expanded) are copied
/// as PyTorch would see them.
///
/// A file may hold a dictionary of tensors, dictionaries in dictionaries, a list, or one tensor alone. Names are the keys
/// on the way, joined by dots: `model_state_dict.transformer.wte.weight`, `0`, or ``nameOfBareTensor``.
///
/// ```swift
/// let reader = CheckpointReader(try PyTorchFile(url)).scoped("model_state_dict")
/// ```
public final class PyTorchFile: TensorSource {
    /// The name of a tensor that was saved without a dictionary around it.
    public static let nameOfBareTensor = "tensor"

    private let mapping: MappedFile
    private let layouts: [String: TensorLayout]
    private let formats: [String: String]

    /// The keys of all tensors, sorted.
    public let names: [String]

    /// Whether the file holds one tensor without a dictionary around it; its name is ``nameOfBareTensor``.
    public let isBareTensor: Bool

    /// Where the file lies.
    public var path: String { mapping.path }

    /// Maps the file and reads its description.
    ///
    /// - Throws: ``CheckpointError`` where the file cannot be read, is damaged, or names a class that no tensor needs.
    public convenience init(_ url: URL) throws { try self.init(MappedFile(url)) }

    init(_ mapping: MappedFile) throws {
        let contents = try PyTorchContents(file: mapping.path, bytes: mapping.bytes)
        (layouts, formats) = try contents.layouts()
        isBareTensor = contents.isBareTensor
        self.mapping = mapping
        names = layouts.keys.sorted()
    }

    /// The path of the file, whichever tensor is asked about.
    public func file(of name: String) -> String { path }

    /// The shape of a tensor, or nil where there is no such tensor.
    public func shape(of name: String) -> [Int]? { layouts[name]?.shape }

    /// How a tensor is stored, or nil where there is no such tensor.
    public func storedType(of name: String) -> StoredType? { layouts[name]?.type }

    /// A text `weight_format` beside the tensors, or nil where there is none of this name.
    public func format(of name: String) -> String? { formats[name] }

    /// Copies a tensor, converted to float32, in row-major order; see ``TensorSource``.
    public func copy(
        _ name: String, into destination: UnsafeMutableBufferPointer<Float>, checkingFinite: Bool
    ) throws {
        try copy(name, layout(of: name), firstElement: 0, into: destination, checkingFinite: checkingFinite)
    }

    /// Copies some of a tensor's rows; see ``TensorSource``.
    public func copy(
        _ name: String, rows: Range<Int>, into destination: UnsafeMutableBufferPointer<Float>, checkingFinite: Bool
    ) throws {
        let layout = try layout(of: name), part = layout.rows(rows)
        try copy(
            name, part, firstElement: rows.lowerBound * layout.shape.dropFirst().reduce(1, *), into: destination,
            checkingFinite: checkingFinite)
    }

    private func copy(
        _ name: String, _ layout: TensorLayout, firstElement: Int, into destination: UnsafeMutableBufferPointer<Float>,
        checkingFinite: Bool
    ) throws {
        precondition(destination.count == layout.count, "the destination must have the size of what is copied")
        guard layout.type.isConvertible else {
            throw CheckpointError.unsupportedType(file: path, key: name, type: layout.type.rawValue)
        }
        guard let target = destination.baseAddress, layout.count > 0 else { return }

        withExtendedLifetime(mapping) { layout.copyFloats(from: mapping.bytes, to: target) }
        guard checkingFinite else { return }
        if let index = FloatFormat.firstNotFinite(target, count: layout.count) {
            throw CheckpointError.notFinite(
                file: path, key: name, index: firstElement + index, value: destination[index])
        }
    }

    /// Copies the elements of a tensor as they are stored, in row-major order.
    ///
    /// - Parameter destination: as many bytes as the tensor has elements, times the size of its type.
    /// - Throws: ``CheckpointError/missingTensor(file:key:similar:)``.
    public func copyBytes(_ name: String, into destination: UnsafeMutableRawBufferPointer) throws {
        let layout = try layout(of: name)
        precondition(
            destination.count == layout.count * layout.type.size, "the destination must have the tensor's size")
        guard let target = destination.baseAddress, layout.count > 0 else { return }
        withExtendedLifetime(mapping) { layout.copyBytes(from: mapping.bytes, to: target) }
    }

    /// Gives the memory behind a tensor's file pages back, to keep the peak low while a model is loaded.
    public func releasePages(of name: String) {
        guard let layout = layouts[name] else { return }
        mapping.releasePages(of: layout.range)
    }

    private func layout(of name: String) throws -> TensorLayout {
        guard let layout = layouts[name] else {
            throw CheckpointError.missingTensor(file: path, key: name, similar: [])
        }
        return layout
    }
}
