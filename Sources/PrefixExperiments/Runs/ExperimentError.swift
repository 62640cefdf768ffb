import Foundation
import PrefixTuning

/// What can be wrong with an experiment.
public enum ExperimentError: Error, Equatable {
    /// No experiment has this name.
    case unknownExperiment(name: String, known: [String])
    /// No data set has this name.
    case unknownDataSet(name: String, known: [String])
    /// A data set's files are not in the folder.
    case noData(name: String, folder: String, looked: [String])
    /// A settings file or --set cannot be read.
    case badSettings(source: String, problem: String)
    /// A row of the table is not among the methods.
    case unknownRow(name: String, known: [String])
    /// The folder holds another experiment, or this one with other settings.
    case otherExperiment(folder: String, difference: String)
    /// A run of the folder was done in another way than it is asked for.
    case otherRun(file: String, difference: String)
    /// Two folders have results for one run, and they are not the same.
    case twoResults(run: String, first: String, second: String)
    /// No run has such a name.
    case noSuchRun(pattern: String, known: [String])
    /// An experiment has no scores that a picture could show.
    case nothingToDraw(folder: String)
    /// The result of a run cannot be read.
    case badResult(file: String)
    /// What a report is made from cannot be read.
    case noReport(file: String)
    /// A folder for the demonstration has files of others.
    case notOurFolder(String)
    /// A setting is not `key=value`.
    case badAssignment(String)
    /// A study of few examples asks for more than there are.
    case tooFewExamples(dataSet: String, asked: Int, found: Int)
    /// A prompt leaves no room for an answer.
    case noRoom(dataSet: String, positions: Int)
    /// The experiment needs something that the data does not have.
    case unsuitable(experiment: String, reason: String)
    /// Stopped by Ctrl-C.
    case interrupted(done: Int, total: Int)
}

extension ExperimentError: CustomStringConvertible, LocalizedError {
    /// One sentence: what happened and what to do.
    public var description: String {
        switch self {
        case .unknownExperiment(let name, let known):
            "there is no experiment \"\(name)\"; known are \(known.joined(separator: ", "))"
        case .unknownDataSet(let name, let known):
            "there is no data set \"\(name)\"; known are \(known.joined(separator: ", "))"
        case .noData(let name, let folder, let looked):
            "\(folder): no files of \(name) were found; looked for \(looked.joined(separator: ", ")) with their validation "
                + "and test files"
        case .badSettings(let source, let problem): "\(source): \(problem)"
        case .unknownRow(let name, let known):
            "the row \"\(name)\" is not among the methods; there are \(known.joined(separator: ", ")); add it under "
                + "\"methods\" in a settings file"
        case .otherExperiment(let folder, let difference):
            "\(folder): an experiment is there already, and \(difference); choose another folder, or remove it"
        case .twoResults(let run, let first, let second):
            "the run \(run) was done twice, with two results, \(first) and \(second); leave one of them out"
        case .otherRun(let file, let difference):
            "\(file): the run was done in another way: its \(difference); give the row another name, or remove the run's "
                + "folder to do it again"
        case .noSuchRun(let pattern, let known):
            "no run is called \(pattern); runs are called \(known.prefix(3).joined(separator: ", "))"
                + (known.count > 3 ? ", … (\(known.count) in all, which a dry run lists)" : "")
        case .nothingToDraw(let folder): "\(folder): no run of it has scores yet, so there is nothing to draw"
        case .notOurFolder(let folder):
            "cannot write \(folder): it is not empty and no demonstration made it; choose another folder"
        case .badAssignment(let text): "\(text): it is not key=value"
        case .badResult(let file):
            "\(file) is damaged or was written by another version; remove it, and the run is done again"
        case .noReport(let file):
            "no report can be made without \(file), which is not there, is damaged or was written by another version; run the "
                + "experiment again with this version"
        case .tooFewExamples(let dataSet, let asked, let found):
            "\(dataSet) has \(found) training examples, but \(asked) are needed; choose smaller \"sizes\""
        case .noRoom(let dataSet, let positions):
            "a prompt of \(dataSet) leaves no room for an answer in the model's \(positions) positions; lower "
                + "\"max_new_tokens\" or use a model with more positions"
        case .unsuitable(let experiment, let reason): "\(experiment): \(reason)"
        case .interrupted(let done, let total):
            "stopped after \(done) of \(total) runs; the same command continues"
        }
    }

    /// The same sentence, for code that shows any `Error`.
    public var errorDescription: String? { description }
}
