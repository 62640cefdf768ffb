import Dispatch
import Foundation
import LanguageModels
import PrefixTuning
import Synchronization

/// What lies in a store's folder: `NAME` for the server's own prefixes, `OWNER/NAME` for those of keys.
///
/// Everything is in the folder: there is no database. What was found is kept in `.index.json`, so that a store of thousands
/// is not opened file by file when the server starts.
struct PrefixIndex: Sendable {
    /// The store's folder.
    let folder: URL
    /// What lies in it, by id.
    private(set) var entries: [String: PrefixEntry] = [:]
    /// Whether the cache tells other things than were found: ``save()`` is the caller's, who need not wait for the disk.
    private(set) var isStale = false

    private static let cacheName = ".index.json"

    /// Looks through the folder, which is made where there is none.
    ///
    /// - Throws: Where it cannot be read, `CheckpointError` where it cannot be made.
    init(_ folder: URL) throws {
        self.folder = folder
        try ModelFolder.makeFolder(folder)
        let cached = (try? JSONDecoder().decode([PrefixEntry].self, from: Data(contentsOf: cacheFile))) ?? []
        let known = Dictionary(cached.map { ($0.id, $0) }) { first, _ in first }
        var places: [Place] = []
        for name in try Self.names(in: folder.path, mustBeThere: true) where PrefixName.isValid(name) {
            let path = "\(folder.path)/\(name)", files = try Self.names(in: path)
            if Self.isPrefix(files) {
                places.append(Place(owner: nil, name: name, path: path, files: files))
            } else {
                for inner in files where PrefixName.isValid(inner) {
                    let files = try Self.names(in: "\(path)/\(inner)")
                    guard Self.isPrefix(files) else { continue }
                    places.append(Place(owner: name, name: inner, path: "\(path)/\(inner)", files: files))
                }
            }
        }
        for entry in Self.entries(at: places, known) { entries[entry.id] = entry }
        isStale = entries != known
    }

    private struct Place: Sendable {
        let owner: String?
        let name: String, path: String
        let files: [String]
    }

    private var cacheFile: URL { folder.appendingPathComponent(Self.cacheName) }

    /// What lies at some places, looked at on all cores: thousands of files are opened where nothing is known of them.
    private static func entries(at places: [Place], _ known: [String: PrefixEntry]) -> [PrefixEntry] {
        let size = 64, found = Mutex<[PrefixEntry]>([])
        DispatchQueue.concurrentPerform(iterations: (places.count + size - 1) / size) { part in
            let own = places[part * size..<min((part + 1) * size, places.count)].compactMap { place in
                let id = place.owner.map { "\($0)/\(place.name)" } ?? place.name
                return PrefixEntry(
                    at: place.path, files: place.files, owner: place.owner, name: place.name, known: known[id])
            }
            found.withLock { $0 += own }
        }
        return found.withLock { $0 }
    }

    /// The names in a folder, sorted, in one call of the system for many of them; none where it is no folder.
    ///
    /// - Throws: Where it cannot be read and must be there.
    private static func names(in folder: String, mustBeThere: Bool = false) throws -> [String] {
        guard let stream = opendir(folder) else {
            if mustBeThere { throw CocoaError(.fileReadNoPermission, userInfo: [NSFilePathErrorKey: folder]) }
            return []
        }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { name in
                name.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: name.pointee)) {
                    String(cString: $0)
                }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// Whether a folder holds an adapter: its files, as any program of the field writes them.
    private static func isPrefix(_ names: [String]) -> Bool {
        names.contains { name in
            name == "adapter_config.json"
                || [".safetensors", ".bin", ".pt", ".pth", ".ckpt"].contains {
                    name.hasSuffix($0) && !name.hasPrefix(".")
                }
        }
    }

    /// Where a prefix lies.
    func place(of id: String) -> URL { folder.appendingPathComponent(id) }

    /// Puts an entry in; ``save()`` is the caller's.
    mutating func insert(_ entry: PrefixEntry) { entries[entry.id] = entry }

    /// Takes an entry out; ``save()`` is the caller's.
    mutating func remove(_ id: String) { entries[id] = nil }

    /// Writes the cache, which is no loss: where it cannot be written, the next start takes longer.
    func save() {
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
        self.init(at: folder.path, files: files, owner: owner, name: name, known: known)
    }

    /// The same, of a folder whose files are known by name.
    init?(at path: String, files: [String], owner: String?, name: String, known: PrefixEntry?) {
        let version = FileVersion(of: files.filter { !$0.hasPrefix(".") }, in: path)
        let stamp = version.text
        if let known, known.stamp == stamp, known.owner == owner, known.name == name {
            self = known
            return
        }
        let folder = URL(fileURLWithPath: path, isDirectory: true)
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
