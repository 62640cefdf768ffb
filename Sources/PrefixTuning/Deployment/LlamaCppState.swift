import Foundation
import LanguageModels

/// Releases of llama.cpp by the versions of their state files, which move often and of which each program reads its own only.
public enum LlamaCppVersion: String, CaseIterable, Sendable, Codable {
    /// Sequence files of version 3, session files of version 10.
    case release0_5 = "0.5"

    /// The newest that is known.
    public static let newest = LlamaCppVersion.release0_5

    /// The version of a name.
    ///
    /// - Throws: ``CacheFileError/unknownVersion(program:version:known:)``.
    public init(named name: String) throws {
        guard let version = LlamaCppVersion(rawValue: name) else {
            throw CacheFileError.unknownVersion(
                program: "llama.cpp", version: name, known: Self.allCases.map(\.rawValue))
        }
        self = version
    }

    /// What its files of a kind begin with after the magic number.
    func number(of kind: LlamaCppState.Kind) -> UInt32 {
        switch kind {
        case .slot: 3
        case .session: 10
        }
    }
}

/// What a state file of llama.cpp holds: tokens, and for each of them a cell of keys and values in every layer.
///
/// Two kinds of file have it. A *slot* file is one sequence (`llama_state_seq_save_file`), which `llama-server` restores into a
/// slot; a *session* file is all of a context (`llama_state_save_file`), which `llama-completion --prompt-cache` reads. Numbers are
/// little-endian, and nothing is aligned. Keys are in the order of llama.cpp, which for some architectures is another than that of
/// `transformers`.
///
/// Source: `llama_kv_cache::state_write`, `llama_kv_cache_iswa::state_write` and `llama-context.cpp` of llama.cpp 0.5.
public struct LlamaCppState: Equatable, Sendable {
    /// Which of the two files it is.
    public enum Kind: String, Sendable {
        /// One sequence: what a slot of the server is restored from.
        case slot
        /// A whole context: a prompt cache.
        case session

        /// The first four bytes of the file: "qsgg" and "nsgg", as numbers "ggsq" and "ggsn".
        var magic: UInt32 { self == .slot ? 0x6767_7371 : 0x6767_736e }

        /// What messages call the file.
        var title: String { self == .slot ? "sequence file of llama.cpp" : "session file of llama.cpp" }
    }

    /// Layers that have a cache of their own: all, or those with and those without a window.
    public struct Part: Equatable, Sendable {
        /// Of each cell.
        public var positions: [Int32]
        /// Keys and values, [cells × H·D] each.
        public var layers: [PrefixCells.Layer]

        /// The width H·D of a row, the same in all layers; 0 where there is no cell.
        var rowWidth: Int { positions.isEmpty ? 0 : (layers.first?.keys.count ?? 0) / positions.count }

        /// How many cells at the end, of at most so many, are zero in all layers.
        func blankCount(atMost limit: Int) -> Int {
            let width = rowWidth
            guard width > 0 else { return 0 }
            var count = 0
            func isBlank(_ rows: [Float]) -> Bool {
                rows.dropLast(count * width).suffix(width).allSatisfy { $0 == 0 }
            }
            while count < min(limit, positions.count),
                layers.allSatisfy({ isBlank($0.keys) && isBlank($0.values) })
            { count += 1 }
            return count
        }
    }

    /// Cells of zeros that a session ends with: of the token that its reader evaluates again, and of one that follows it in no prompt.
    static let blankCount = 2

    /// Which file it is.
    public var kind: Kind
    /// What llama.cpp calls the architecture; nil in slot files, which do not say it.
    public var architecture: String?
    /// The token that each cell stands for.
    public var tokens: [Int32]
    /// How numbers are stored.
    public var type: ServedCacheType
    /// Whether values are stored turned about, [H·D × cells], as a context without flash attention keeps them.
    public var transposesValues: Bool
    /// For how many sequences the context has rows of cells of their own; the state is in the first.
    public var streamCount: Int
    /// One part, or those without and with a window.
    public var parts: [Part]

    /// Cells of each part, for a file of a model.
    ///
    /// - Parameters:
    ///   - cells: In the order of llama.cpp.
    ///   - layers: Those of each part, from 0.
    init(
        _ kind: Kind, architecture: String?, tokens: [Int32], cells: PrefixCells, layers: [[Int]],
        type: ServedCacheType,
        transposesValues: Bool, streamCount: Int
    ) {
        self.kind = kind
        self.architecture = architecture
        self.tokens = tokens
        self.type = type
        self.transposesValues = transposesValues
        self.streamCount = streamCount
        let positions = (0..<Int32(cells.length)).map(\.self)
        parts = layers.map { Part(positions: positions, layers: $0.map { cells.layers[$0] }) }
    }

    /// Layers of all parts.
    public var layerCount: Int { parts.reduce(0) { $0 + $1.layers.count } }

    /// The width H·D of a row; 0 where there is no cell.
    public var rowWidth: Int { parts.lazy.map(\.rowWidth).first { $0 > 0 } ?? 0 }

    /// Positions of the prefix: all cells, of a session without those of zeros at its end. A prefix may itself end with zeros, so only as
    /// many are left out as are written there.
    public var length: Int {
        let blank = parts.filter { $0.rowWidth > 0 }.map { $0.blankCount(atMost: Self.blankCount) }.min() ?? 0
        return (parts.map(\.positions.count).max() ?? 0) - (kind == .session ? blank : 0)
    }

    /// The prefix that the cells are.
    ///
    /// - Parameters:
    ///   - shape: The model's sizes.
    ///   - model: What else must be known of it: needed of slot files, where windows have a cache of their own, and where the order of
    ///     keys is another than that of `transformers`.
    ///   - file: For messages.
    /// - Throws: ``CacheFileError`` where the cells are not at positions 0, 1, …, or are of another model.
    public func prefix(for shape: ModelShape, _ model: ServedModel?, file: String) throws -> Prefix {
        guard parts.contains(where: { !$0.positions.isEmpty }) else {
            throw CacheFileError.unusable(file: file, reason: "it has no cells; save a slot that has answered a prompt")
        }
        if let architecture, let name = model?.form?.architecture, name != architecture {
            throw CacheFileError.otherArchitecture(file: file, found: architecture, model: name)
        }
        let known = ModelParts.all.compactMap(\.servedForm).first { $0.architecture == architecture }
        // How many columns of a key are turned, and so their order, is not in the file.
        guard let form = model?.form ?? known, model != nil || parts.count == 1 && !form.turnsPairs else {
            throw model.map {
                CacheFileError.unusable(
                    file: file, reason: "llama.cpp, whose file it is, has no architecture for \($0.architecture)")
            } ?? CacheFileError.modelNeeded(file: file)
        }
        if form.turnsPairs, let model, model.rotaryWidth < shape.headWidth {
            throw CacheFileError.unusable(
                file: file,
                reason:
                    "\(model.rotaryWidth) of \(shape.headWidth) columns of each key are turned, in pairs, and which these are in "
                    + "llama.cpp's order is not known; take the prefix from the file that this one was made of")
        }
        let stack = shape.decoder, places = model?.cacheParts ?? [Array(0..<shape.layerCount)]
        guard shape.encoder == nil, parts.map(\.layers.count) == places.map(\.count),
            parts.allSatisfy({ $0.rowWidth == stack.keyWidth || $0.positions.isEmpty || $0.layers.isEmpty })
        else {
            func counts(_ counts: [Int]) -> String { counts.map(String.init).joined(separator: " + ") }
            throw CacheFileError.otherSizes(
                file: file, found: "\(counts(parts.map(\.layers.count))) layers of rows of \(rowWidth)",
                model: "\(counts(places.map(\.count))) of \(stack.keyWidth)")
        }
        var layers = [PrefixCells.Layer?](repeating: nil, count: shape.layerCount)
        for (part, places) in zip(parts, places) {
            guard part.positions == (0..<Int32(part.positions.count)).map(\.self),
                part.positions.count == parts.first?.positions.count
            else {
                throw CacheFileError.unusable(
                    file: file,
                    reason:
                        "its cells are not at positions 0 to n − 1 in every layer, so that it is not the beginning of one text"
                )
            }
            for (place, layer) in zip(places, part.layers) { layers[place] = layer }
        }
        let length = length
        guard length > 0 else {
            throw CacheFileError.unusable(file: file, reason: "all of its cells are zero, as those after a prefix are")
        }
        var cells = PrefixCells(
            length: parts.first?.positions.count ?? 0, stack: stack, layers: layers.compactMap(\.self)
        ).beginning(length)
        if form.turnsPairs { cells = cells.turningPairs(back: true) }
        return try cells.prefix(for: shape)
    }
}
