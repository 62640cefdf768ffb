import Foundation

/// Damages safetensors files the way disks, networks and hostile people do.
enum Tampering {
    /// Replaces the header (and its length), keeping the data.
    static func rewriteHeader(_ file: URL, _ change: (inout [String: Any]) throws -> Void) throws {
        let data = try Data(contentsOf: file)
        let length = Int(data.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
        var header = try JSONSerialization.jsonObject(with: data.dropFirst(8).prefix(length)) as? [String: Any] ?? [:]
        try change(&header)
        var text = try JSONSerialization.data(withJSONObject: header, options: .sortedKeys)
        while !text.count.isMultiple(of: 8) { text.append(UInt8(ascii: " ")) }
        var result = Data((0..<8).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) })
        result += text + data.dropFirst(8 + length)
        try result.write(to: file)
    }

    static func changeTensor(_ file: URL, _ name: String, _ key: String, to value: Any) throws {
        try rewriteHeader(file) { header in
            guard var tensor = header[name] as? [String: Any] else { throw NoTensor(name: name) }
            tensor[key] = value
            header[name] = tensor
        }
    }

    /// Where a tensor's bytes lie within the data.
    static func offsets(_ file: URL, _ name: String) throws -> [Int] {
        try numbers(file, name, "data_offsets")
    }

    /// A tensor's shape or offsets.
    static func numbers(_ file: URL, _ name: String, _ key: String) throws -> [Int] {
        var found: [Int] = []
        try rewriteHeader(file) { header in
            guard let numbers = (header[name] as? [String: Any])?[key] as? [Int] else { throw NoTensor(name: name) }
            found = numbers
        }
        return found
    }

    /// The file is not the one that the test was written for.
    struct NoTensor: Error { let name: String }

    /// Cuts the end off.
    static func truncate(_ file: URL, by count: Int) throws {
        try Data(contentsOf: file).dropLast(count).write(to: file)
    }

    /// Overwrites bytes; negative places count from the end.
    static func overwrite(_ file: URL, at place: Int, with bytes: [UInt8]) throws {
        var data = try Data(contentsOf: file)
        let start = place < 0 ? data.count + place : place
        data.replaceSubrange(start..<start + bytes.count, with: bytes)
        try data.write(to: file)
    }
}
