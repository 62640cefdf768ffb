import LanguageModels

/// Prefixes made of two others.
extension Prefix {
    /// (1 − w) · this prefix + w · another, value by value: on the way from one task to the other.
    ///
    /// - Parameters:
    ///   - other: Of the same length, for a model of the same sizes.
    ///   - weight: w; 0 gives this prefix, 1 the other. Beyond them the line goes on.
    /// - Throws: ``PrefixError/cannotCombine(reason:)``.
    public func interpolated(with other: Prefix, weight: Float) throws -> Prefix {
        try checkCombines(with: other)
        guard length == other.length else {
            throw PrefixError.cannotCombine(reason: "one has \(length) positions, the other \(other.length)")
        }
        return try combined(with: other, length: length) { mine, others in
            zip(mine, others).map { (1 - weight) * $0 + weight * $1 }
        }
    }

    /// The positions of this prefix, then those of another: text attends to both.
    ///
    /// - Parameter other: For a model of the same sizes.
    /// - Throws: ``PrefixError/cannotCombine(reason:)``.
    public func concatenated(with other: Prefix) throws -> Prefix {
        try checkCombines(with: other)
        return try combined(with: other, length: length + other.length) { $0 + $1 }
    }

    private func combined(
        with other: Prefix, length: Int, _ combine: ([Float], [Float]) -> [Float]
    ) throws -> Prefix {
        try Prefix(
            length: length, parts: parts.merging(other.parts, uniquingKeysWith: combine), shape: shape,
            textPosition: textPosition, baseModel: baseModel == other.baseModel ? baseModel : nil,
            baseDigest: baseDigest == other.baseDigest ? baseDigest : nil)
    }

    private func checkCombines(with other: Prefix) throws {
        func check(_ isEqual: Bool, _ reason: String) throws {
            if !isEqual { throw PrefixError.cannotCombine(reason: reason) }
        }
        try check(
            AttentionKind.allCases.allSatisfy { shape.stack($0) == other.shape.stack($0) },
            "they belong to models of other layers or heads")
        try check(parts.keys == other.parts.keys, "they stand before other attentions")
        try check(
            textPosition == other.textPosition, "text starts after one of them, and at position 0 beside the other")
    }
}
