import Foundation
import Hub
import LanguageModels

/// Changes of a store's folder that are complete or did not happen, whenever the process ends.
enum StoreFolder {
    private static let incomingName = ".incoming", oldName = ".replaced"

    /// A new folder for a prefix that is being written.
    static func incoming(in folder: URL) throws -> URL {
        let place = folder.appendingPathComponent(incomingName).appendingPathComponent(
            UUID().uuidString)
        try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
        return place
    }

    /// Puts what was written in its place; what was there goes.
    static func move(_ incoming: URL, to place: URL, in folder: URL, id: String) throws {
        let files = FileManager.default
        for name in try files.contentsOfDirectory(atPath: incoming.path) {
            try synchronize(incoming.appendingPathComponent(name))
        }
        try synchronize(incoming)
        try files.createDirectory(
            at: place.deletingLastPathComponent(), withIntermediateDirectories: true)
        var old: URL?
        if files.fileExists(atPath: place.path) {
            // Between the two renames the prefix is in neither place; recover(_:) puts it back.
            let trash = folder.appendingPathComponent(oldName)
            try files.createDirectory(at: trash, withIntermediateDirectories: true)
            let aside = trash.appendingPathComponent(
                id.replacing("/", with: "+") + "=" + UUID().uuidString)
            try files.moveItem(at: place, to: aside)
            old = aside
        }
        do {
            try files.moveItem(at: incoming, to: place)
        } catch {
            if let old { try? files.moveItem(at: old, to: place) }
            throw error
        }
        try synchronize(place.deletingLastPathComponent())
        if let old { try? files.removeItem(at: old) }
    }

    /// Takes a prefix away.
    static func remove(_ place: URL, in folder: URL) throws {
        let aside = folder.appendingPathComponent(incomingName).appendingPathComponent(
            UUID().uuidString)
        try FileManager.default.createDirectory(
            at: aside.deletingLastPathComponent(), withIntermediateDirectories: true)
        try FileManager.default.moveItem(at: place, to: aside)
        try? FileManager.default.removeItem(at: aside)
    }

    /// Clears up after a process that was killed.
    static func recover(_ folder: URL) throws {
        let files = FileManager.default
        let trash = folder.appendingPathComponent(oldName)
        for name in (try? files.contentsOfDirectory(atPath: trash.path)) ?? [] {
            let old = trash.appendingPathComponent(name)
            guard let end = name.lastIndex(of: "=") else { continue }
            let id = String(name[..<end]).replacingOccurrences(of: "+", with: "/")
            let place = folder.appendingPathComponent(id)
            if files.fileExists(atPath: place.path) {
                try? files.removeItem(at: old)
            } else {
                try files.createDirectory(
                    at: place.deletingLastPathComponent(), withIntermediateDirectories: true)
                try files.moveItem(at: old, to: place)
            }
        }
        try? files.removeItem(at: folder.appendingPathComponent(incomingName))
        // The index, where it was being written.
        for name in (try? files.contentsOfDirectory(atPath: folder.path)) ?? []
        where name.hasPrefix("..index.json.") && name.hasSuffix(".tmp") {
            try? files.removeItem(at: folder.appendingPathComponent(name))
        }
    }

    /// Bytes of a prefix's files.
    static func bytes(in folder: URL) -> Int {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return names.reduce(0) { sum, name in
            let attributes = try? FileManager.default.attributesOfItem(
                atPath: folder.appendingPathComponent(name).path)
            return sum + ((attributes?[.size] as? Int) ?? 0)
        }
    }

    /// SHA-256 of the largest file, which holds the values.
    static func digest(of folder: URL) -> String? {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        let files = names.map { folder.appendingPathComponent($0) }
        func size(_ file: URL) -> Int {
            ((try? FileManager.default.attributesOfItem(atPath: file.path))?[.size] as? Int) ?? 0
        }
        guard let file = files.max(by: { size($0) < size($1) }),
            let data = try? Data(contentsOf: file, options: .alwaysMapped)
        else { return nil }
        return ContentDigest.sha256(data)
    }

    private static func synchronize(_ place: URL) throws {
        let descriptor = SystemCall.retried { open(place.path, O_RDONLY | O_CLOEXEC) }
        guard descriptor >= 0 else { throw AtomicFile.failure(errno, writing: place.lastPathComponent) }
        defer { close(descriptor) }
        guard SystemCall.retried({ fsync(descriptor) }) == 0 || errno == EINVAL else {
            throw AtomicFile.failure(errno, writing: place.lastPathComponent)
        }
    }

    /// Whether a file of this name is stored: nothing that could be another file of the folder, nothing hidden.
    static func mayStore(_ name: String) -> Bool {
        PrefixName.isValid(name)
            && (name.hasSuffix(".json")
                || [".safetensors", ".bin", ".pt", ".pth", ".ckpt"].contains { name.hasSuffix($0) })
    }
}

extension ServingError {
    /// What is told where something could not be written: that the disk is full, or the reason without the server's folders.
    static func storing(_ error: any Error, in folder: URL) -> ServingError {
        if isFullDisk(error) { return .diskFull }
        return .storage(reason: "\(error)".replacing(folder.path + "/", with: ""))
    }

    private static func isFullDisk(_ error: any Error) -> Bool {
        if let error = error as? CocoaError, error.code == .fileWriteOutOfSpace { return true }
        if let error = error as? POSIXError { return [.ENOSPC, .EDQUOT].contains(error.code) }
        if case .cannotWrite(_, let reason)? = error as? CheckpointError {
            // The system's own words are all that is left of its number.
            return [ENOSPC, EDQUOT].contains { reason.hasPrefix(String(cString: strerror($0))) }
        }
        guard let inner = (error as NSError).userInfo[NSUnderlyingErrorKey] as? any Error else { return false }
        return isFullDisk(inner)
    }
}
