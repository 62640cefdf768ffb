import Foundation

/// JSON objects with a key twice. The last one counts, as in Python; `JSONDecoder` takes the first.
package enum JSONKeys {
    /// The same value, where a key occurs twice with the last one alone.
    package static func unique(_ json: ArraySlice<UInt8>) -> Data {
        let data = Data(json)
        guard mayRepeat(json), let object = try? JSONSerialization.jsonObject(with: data, options: .fragmentsAllowed),
            let rewritten = try? JSONSerialization.data(withJSONObject: object, options: .fragmentsAllowed)
        else { return data }
        return rewritten
    }

    /// Whether two keys of one object could be equal; for keys with escapes, always.
    static func mayRepeat(_ json: ArraySlice<UInt8>) -> Bool {
        json.withUnsafeBufferPointer { bytes in
            var objects: [Set<UInt64>] = []
            var place = 0
            while place < bytes.count {
                defer { place += 1 }
                switch bytes[place] {
                case UInt8(ascii: "{"):
                    // Deeper than any decoder goes.
                    guard objects.count < 512 else { return false }
                    objects.append([])
                case UInt8(ascii: "}"): _ = objects.popLast()
                case UInt8(ascii: "\""):
                    let (hash, hasEscapes) = string(bytes, &place)
                    guard isKey(bytes, after: place), !objects.isEmpty else { continue }
                    if hasEscapes || !objects[objects.count - 1].insert(hash).inserted { return true }
                default: break
                }
            }
            return false
        }
    }

    /// FNV-1a of a string; `place` moves from its first quote to its last.
    private static func string(_ bytes: UnsafeBufferPointer<UInt8>, _ place: inout Int) -> (UInt64, Bool) {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325, hasEscapes = false
        place += 1
        while place < bytes.count, bytes[place] != UInt8(ascii: "\"") {
            if bytes[place] == UInt8(ascii: "\\") {
                hasEscapes = true
                place += 1
            } else {
                hash = (hash ^ UInt64(bytes[place])) &* 0x0100_0000_01b3
            }
            place += 1
        }
        return (hash, hasEscapes)
    }

    private static func isKey(_ bytes: UnsafeBufferPointer<UInt8>, after quote: Int) -> Bool {
        var place = quote + 1
        while place < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[place]) { place += 1 }
        return place < bytes.count && bytes[place] == UInt8(ascii: ":")
    }
}
