import Foundation
import Tensors

/// What bitsandbytes writes about a 4-bit matrix, as JSON in a tensor of bytes.
private struct FourBitState {
    var type: String
    var block: Int
    var shape: [Int]
    var nestedBlock: Int?
    var nestedOffset: Float?

    init(_ file: ConfigurationReader) throws {
        let any = Int.min...Int.max
        type = try file.optionalString("quant_type") ?? ""
        block = try file.integer("blocksize", in: any)
        shape = try (file.numbers("shape") ?? []).map { size in
            guard let size = Int(exactly: size) else { throw file.invalid("shape", "\(size) is no whole number") }
            return size
        }
        nestedBlock = try file.optionalInteger("nested_blocksize", in: any)
        nestedOffset = try file.optionalNumber("nested_offset").map { Float($0) }
    }
}

/// The 4-bit formats of bitsandbytes: a codebook of 16 values, and a scale for each block of the flat array, which may
/// itself be quantised to 8 bits ("double quantisation"; Dettmers et al. 2023, section 3).
extension CheckpointReader {
    private static let kinds = ["nf4", "fp4"]

    /// The name of the tensor that describes a 4-bit matrix, and what kind that name says.
    func fourBitState(_ name: String) -> (name: String, kind: String)? {
        Self.kinds.map { ("\(name).weight.quant_state.bitsandbytes__\($0)", $0) }.first { contains($0.0) }
    }

    func fourBitWeights(_ name: String, input: Int, output: Int) throws -> CompressedWeights {
        guard let description = fourBitState(name) else {
            let place = place(of: "\(name).weight.quant_state.bitsandbytes__nf4")
            throw CheckpointError.missingTensor(file: place.file, key: place.key, similar: [])
        }
        let state = try state(description, input: input, output: output)
        let count = input * output, blocks = (count + state.block - 1) / state.block
        let codes = try read("\(name).weight.quant_map", shape: [16])
        let scales = try blockScales("\(name).weight", state, blocks: blocks, described: description.name)
        let flat = try flatCodes("\(name).weight", count: count)
        return .codebook(
            .packedFlat(flat, input: input, output: output), codes: CompressedBytes(floats: codes),
            block: state.block, scales: scales)
    }

    private func state(_ description: (name: String, kind: String), input: Int, output: Int) throws -> FourBitState {
        let (name, kind) = description, place = place(of: name)
        let shape = shape(of: name) ?? []
        guard shape.count == 1, shape[0] <= 1 << 16 else {
            throw damaged(name, "a JSON text cannot have shape \(shape)")
        }
        let text = try readBytes(name, shape: shape, type: .uint8)
        let state: FourBitState
        do {
            state = try FourBitState(ConfigurationReader(Data(text), file: place.file))
        } catch let error as CheckpointError {
            throw damaged(name, error.reasonInConfiguration)
        }
        guard state.type == kind else { throw damaged(name, "its JSON says \"\(state.type)\"") }
        guard state.shape == [output, input] else {
            throw CheckpointError.wrongShape(
                file: place.file, key: place.key, expected: [output, input], found: state.shape)
        }
        try checkBlock(state.block, name)
        return state
    }

    private func checkBlock(_ size: Int, _ name: String) throws {
        guard size > 0, size <= 1 << 20, size & (size - 1) == 0 else {
            throw damaged(name, "blocks of \(size) elements, where a power of two belongs")
        }
    }

    private func blockScales(
        _ weight: String, _ state: FourBitState, blocks: Int, described name: String
    ) throws -> CompressedWeights.BlockScales {
        guard storedType(of: "\(weight).absmax") == .uint8 else {
            return .plain(CompressedBytes(floats: try read("\(weight).absmax", shape: [blocks])))
        }
        guard let size = state.nestedBlock, let offset = state.nestedOffset else {
            throw damaged(name, "its scales are quantised, and it lacks nested_blocksize or nested_offset")
        }
        try checkBlock(size, name)
        let values = try read("\(weight).nested_quant_map", shape: [256])
        let outer = try read("\(weight).nested_absmax", shape: [(blocks + size - 1) / size])
        return .quantized(
            try bytes("\(weight).absmax", shape: [blocks], type: .uint8), values: CompressedBytes(floats: values),
            scales: CompressedBytes(floats: outer), block: size, offset: offset)
    }

    /// The codes, two to a byte. They may be stored as numbers of another type (`bnb_4bit_quant_storage`), which are their
    /// bytes and nothing else.
    private func flatCodes(_ name: String, count: Int) throws -> [UInt8] {
        let place = place(of: name)
        guard let shape = shape(of: name), let type = storedType(of: name) else {
            throw CheckpointError.missingTensor(file: place.file, key: place.key, similar: [])
        }
        let size = (count + 1) / 2
        guard shape.reduce(type.size, *) == size, size % type.size == 0 else {
            throw CheckpointError.wrongShape(
                file: place.file, key: place.key, expected: [size / type.size, 1], found: shape)
        }
        return try readBytes(name, shape: shape, type: type)
    }
}

extension CheckpointError {
    /// What a configuration file's error says, without the file.
    fileprivate var reasonInConfiguration: String {
        guard case .invalidConfiguration(_, let path, let reason) = self else { return "its JSON cannot be read" }
        return "its JSON" + (path.isEmpty ? "" : ", key \"\(path)\"") + ": \(reason)"
    }
}
