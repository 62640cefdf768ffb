import Foundation
import LanguageModels
import PrefixTuning

/// What lies in a store's folder: `NAME` for the server's own prefixes, `OWNER/NAME` for those of keys.
///
/// Everything is in the folder: there is no database. What was found is kept in `.index.json`, so that a store of thousands
/// is not opened file by file when the server starts.
struct PrefixIndex: Sendable {
    /// The store's folder.
    let folder: URL
    /// What lies in it, by id.
    private(set) var entries: [String: PrefixEntry] = [:]

    private static let cacheName = ".index.json"

    /// Looks through the folder, which is made where there is none.
    ///
    /// - Throws: Where it cannot be read or made.
    init(_ folder: URL) throws {
        self.folder = folder
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let cached = (try? JSONDecoder().decode([PrefixEntry].self, from: Data(contentsOf: cacheFile))) ?? []
        let known = Dictionary(cached.map { ($0.id, $0) }) { first, _ in first }
        for name in try Self.folders(in: folder) {
            let place = folder.appendingPathComponent(name)
            if Self.isPrefix(place) {
                add(PrefixEntry(at: place, owner: nil, name: name, known: known[name]))
            } else {
                for inner in (try? Self.folders(in: place)) ?? [] {
                    let place = place.appendingPathComponent(inner)
                    guard Self.isPrefix(place) else { continue }
                    add(PrefixEntry(at: place, owner: name, name: inner, known: known["\(name)/\(inner)"]))
                }
            }
        }
        save()
    }

    private var cacheFile: URL { folder.appendingPathComponent(Self.cacheName) }

    private mutating func add(_ entry: PrefixEntry?) { if let entry { entries[entry.id] = entry } }

    private static func folders(in folder: URL) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { PrefixName.isValid($0) }.sorted()
    }

    /// Whether a folder holds an adapter: its files, as any program of the field writes them.
    private static func isPrefix(_ folder: URL) -> Bool {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return names.contains { name in
            name == "adapter_config.json"
                || [".safetensors", ".bin", ".pt", ".pth", ".ckpt"].contains {
                    name.hasSuffix($0) && !name.hasPrefix(".")
                }
        }
    }

    /// Where a prefix lies.
    func place(of id: String) -> URL { folder.appendingPathComponent(id) }

    /// Puts an entry in, and writes the cache.
    mutating func insert(_ entry: PrefixEntry) {
        entries[entry.id] = entry
        save()
    }

    /// Takes an entry out, and writes the cache.
    mutating func remove(_ id: String) {
        entries[id] = nil
        save()
    }

    /// The cache is no loss: where it cannot be written, the next start takes longer.
    private func save() {
        let all = entries.values.sorted { $0.id < $1.id }
        if let text = try? JSONText.line(all) { try? AtomicFile.write(Data(text.utf8), to: cacheFile) }
    }
}

extension PrefixEntry {
    /// What lies in a folder; nil where it is no prefix.
    ///
    /// - Parameter known: What was known of it: believed where the files have not changed.
    init?(at folder: URL, owner: String?, name: String, known: PrefixEntry? = nil) {
        let files = ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []).sorted()
        let version = FileVersion(
            files.filter { !$0.hasPrefix(".") }.map { folder.appendingPathComponent($0) })
        let stamp = version.text
        if let known, known.stamp == stamp, known.owner == owner, known.name == name {
            self = known
            return
        }
        var length: Int?, position: String?
        if InfixFile.isInfix(folder) {
            length = (try? InfixFile(folder))?.length
        } else {
            do {
                let file = try PrefixFile(folder)
                length = file.length
                position = try? file.textPosition.rawValue
            } catch PrefixError.notAPrefix {
                return nil
            } catch {
                // Listed all the same: who asks for it is told what is wrong with it.
            }
        }
        self.init(
            owner: owner, name: name, length: length, textPosition: position, bytes: version.byteCount, sha256: nil,
            created: version.written, stamp: stamp)
    }
}
