import Foundation

/// What can stop a training run.
public enum TrainingError: Error, Equatable {
    /// No example to train on.
    case noData
    /// The loss or its gradient is no number any more.
    case diverged(
        step: Int, loss: Double, gradientNorm: Double, learningRate: Double, hasCheckpoint: Bool = false)
    /// A setting has no meaning.
    case badSetting(name: String, value: String, needed: String)
    /// A setting, by its key, means nothing to the method.
    case meaningless(setting: String, method: String)
    /// The method starts from something else than what was asked for.
    case cannotStart(method: String, from: String)
    /// What training is to start from is an adapter of another method.
    case otherAdapter(file: String, kind: String, method: String)
    /// What training is to start from does not fit it.
    case badStart(file: String, reason: String)
    /// There is nothing to resume from.
    case nothingToResume(folder: String)
    /// A folder holds no training run.
    case noRun(folder: String)
    /// The saved state belongs to another run.
    case otherRun(folder: String, difference: String)
    /// The saved state is not what was written.
    case damagedState(file: String, problem: String)
    /// The saved state is in a form that another version of the program wrote.
    case otherFormat(folder: String, found: Int)
    /// The folder holds a run already.
    case folderInUse(folder: String)
    /// An example, counted from 1, is longer than the positions that the method leaves.
    case exampleTooLong(example: Int, tokens: Int, limit: Int)
    /// An example, counted from 1, has no target token, or one that nothing precedes.
    case noTarget(example: Int, tokens: Int, targetStart: Int)
    /// An example, counted from 1, has no source for the encoder, or one that nothing reads.
    case badSource(example: Int, needsSource: Bool)
    /// Runs cannot be trained together.
    case cannotJoin(reason: String)
    /// An example has a token that the model does not know.
    case tokenOutOfVocabulary(token: Int32, vocabulary: Int)
}

extension TrainingError: CustomStringConvertible, LocalizedError {
    /// One sentence: what happened, the value received, what to do.
    public var description: String {
        switch self {
        case .noData:
            "there is no example to train on; name a data file that holds at least one"
        case .diverged(let step, let loss, let norm, let rate, let hasCheckpoint):
            "training diverged at step \(step): loss \(loss), gradient norm \(norm) at a learning rate of \(rate); "
                + (hasCheckpoint ? "the last good checkpoint was kept, so " : "")
                + "start again with a lower learning rate or a warm-up"
        case .badSetting(let name, let value, let needed):
            "\(name) is \(value), but \(needed) is needed"
        case .meaningless(let setting, let method):
            "the setting \(setting) has no meaning with the method \(method); leave it out"
        case .cannotStart(let method, let from):
            "the method \(method) starts from \(from); leave the initialization out"
        case .otherAdapter(let file, let kind, let method):
            "\(file): an adapter of type \(kind) was found, but the method \(method) cannot start from one; name another one, or "
                + "train by the method that it was made by"
        case .badStart(let file, let reason):
            "training cannot start from \(file): \(reason); name another adapter, or leave out what contradicts it"
        case .nothingToResume(let folder):
            "there is no training state in \(folder); start a new run"
        case .noRun(let folder):
            "\(folder) holds no training run: neither summary.json nor metrics.jsonl is there; name the folder that a run wrote to"
        case .otherRun(let folder, let difference):
            "the training state in \(folder) belongs to another run: \(difference); "
                + "repeat the run's settings, or start a new run in another output folder"
        case .damagedState(let file, let problem):
            "the training state \(file) is damaged: \(problem); put a copy in its place, or start anew in another output folder"
        case .otherFormat(let folder, let found):
            "the training state in \(folder) is of format \(found), and this version of prefixtune continues format 3; "
                + "continue with the version that wrote it, or start anew in another output folder"
        case .folderInUse(let folder):
            "\(folder) already holds a training run; continue it, or choose another output folder"
        case .exampleTooLong(let example, let tokens, let limit):
            "example \(example) has \(tokens) tokens, but \(limit) fit into the model beside the prefix; "
                + "shorten or leave out such examples"
        case .noTarget(let example, let tokens, let start):
            "example \(example) has \(tokens) tokens with targets from index \(start) on, but at least one token "
                + "before and one target are needed"
        case .badSource(let example, let needsSource):
            needsSource
                ? "example \(example) has no source for the model's encoder; give it one"
                : "example \(example) has a source, but the model has no encoder; put it before the completion instead"
        case .cannotJoin(let reason):
            "these runs cannot be trained together: \(reason); train them one after another"
        case .tokenOutOfVocabulary(let token, let vocabulary):
            "the tokenizer gives token \(token), but the model's vocabulary has \(vocabulary) entries; "
                + "use the tokenizer files that belong to the model"
        }
    }

    /// The same sentence, for code that shows any `Error`.
    public var errorDescription: String? { description }
}

extension TrainingError {
    /// Throws where a matrix of such a width cannot be made: beyond a million it fits into no memory.
    static func check(width: Int, _ name: String) throws {
        guard (1...1 << 20).contains(width) else {
            throw badSetting(name: name, value: "\(width)", needed: width < 1 ? "at least 1" : "at most \(1 << 20)")
        }
    }
}
