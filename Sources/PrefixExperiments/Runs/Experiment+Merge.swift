import Foundation
import LanguageModels
import PrefixTuning
import Tensors

extension Experiment {
    /// Unites what was done in other folders with what is in this one, and writes the report of all; trains nothing.
    ///
    /// - Parameter parts: Folders of the same experiment, whose runs may overlap where their results are the same.
    /// - Returns: How many of the experiment's runs are done now, and how many there are.
    /// - Throws: ``ExperimentError/otherExperiment(folder:difference:)`` where a part is another experiment, before anything is
    ///   copied; ``ExperimentError/twoResults(run:first:second:)``; `CheckpointError` where a folder cannot be written.
    public func merge(_ parts: [URL]) throws -> (done: Int, total: Int) {
        let identity = try identity()
        let places = try parts.map { try ExperimentFolder.merged($0, identity: identity) }
        let folder = try ExperimentFolder(output, identity: identity, runs: runs)
        for place in places { try folder.take(from: place) }
        try writeReport(folder)
        return (runs.count { folder.isDone($0) }, runs.count)
    }
}

extension ExperimentFolder {
    /// A folder whose runs go into another one.
    ///
    /// - Throws: ``ExperimentError``.
    static func merged(_ url: URL, identity: Identity) throws -> URL {
        let found = try read(Identity.self, "experiment.json", in: url)
        if let difference = try difference(found, identity) {
            throw ExperimentError.otherExperiment(folder: url.path, difference: difference)
        }
        return url
    }

    /// Copies the runs that are done in another folder; each appears whole or not at all.
    ///
    /// - Throws: ``ExperimentError/twoResults(run:first:second:)`` where one is done here with another result.
    func take(from part: URL) throws {
        let files = FileManager.default, theirs = part.appendingPathComponent("runs"), ours = runs
        for name in try files.contentsOfDirectory(atPath: theirs.path).sorted() where !name.hasPrefix(".") {
            let from = theirs.appendingPathComponent(name), to = ours.appendingPathComponent(name)
            let result = from.appendingPathComponent("result.json"), own = to.appendingPathComponent("result.json")
            guard let data = try? Data(contentsOf: result) else { continue }
            if let known = try? Data(contentsOf: own) {
                guard known == data else {
                    throw ExperimentError.twoResults(run: name, first: own.path, second: result.path)
                }
                continue
            }
            let copy = ours.appendingPathComponent(".\(name).copy")
            do {
                try? files.removeItem(at: copy)
                try files.copyItem(at: from, to: copy)
                try? files.removeItem(at: copy.appendingPathComponent(FolderLock.fileName))
                // Of a process that had begun the run here, and left no result.
                try? files.removeItem(at: to)
                try files.moveItem(at: copy, to: to)
            } catch {
                throw CheckpointError.cannotWrite(file: to.path, reason: error.localizedDescription)
            }
        }
    }
}
