import Foundation
import PrefixTuning

/// What can go wrong in the commands themselves; the library has errors of its own.
enum CommandError: Error, Equatable {
    /// Ctrl-C or SIGTERM before the results were complete.
    case interrupted
    /// The same in a run whose first answers are kept.
    case interruptedAnswers(done: Int, count: Int, partial: String)
    /// An output would be written over what is read, or over another output.
    case outputIsInput(option: String, path: String, input: String)
    /// A prompt from standard input is not text.
    case promptNotUTF8
    /// Results cannot be written to standard output or to a device.
    case cannotPrint(to: String, reason: String)
    /// There is not one prediction for each group of references.
    case countMismatch(predictions: Int, file: String, sources: Int, entries: Int, references: String)
    /// The same, where the references are those of a task whose rules were not asked for.
    case otherRules(predictions: Int, file: String, sources: Int, references: String, task: String)
    /// There is not one text of the other system for each prediction.
    case baselineCount(predictions: Int, file: String, baseline: Int, other: String)
    /// A length that counts the start token was given for a model without one.
    case lengthWithPrompt(architecture: String)
    /// The folder is none that this program knows.
    case unknownFolder(path: String, reason: String)
    /// The hub's cache has no such repository.
    case notInCache(name: String, folder: String, nearest: String?)
    /// No model is named, and no adapter that may record one, where one could.
    case modelNeeded(orAdapter: Bool)
    /// A folder has a run for each of several seeds, and is not a run itself, or the reverse.
    case otherSeeds(folder: String, hasSeeds: Bool)
    /// Several processes cannot do what one can.
    case notByRanks(what: String)
    /// One process cannot measure what several exchange.
    case nothingToExchange
    /// An adapter does not record its model.
    case modelNotRecorded(adapter: String)
    /// The model that an adapter records is not here.
    case recordedModelMissing(adapter: String, model: String)
    /// There is no model of a name that is nearly that of the built-in one.
    case nearlyEmbedded(name: String)
    /// An adapter is named as a model.
    case adapterAsModel(path: String, option: String, model: String?)
    /// A model is named as an adapter.
    case modelAsAdapter(path: String)
    /// There is no such adapter.
    case adapterMissing(path: String)
    /// A data set's files are needed, and no folder was given.
    case dataFolderNeeded(dataSet: String)
    /// A file of a chat template cannot be read.
    case templateUnreadable(file: String, reason: String)
    /// The model answers texts, and does not go on with conversations.
    case noConversation(architecture: String)
    /// A page of training runs was to have an experiment in it.
    case experimentAmongRuns(path: String)
    /// A picture of experiments was to have something else in it.
    case noExperiment(path: String)
}

extension CommandError: CustomStringConvertible {
    /// One sentence: what happened, the value received, what to do.
    var description: String {
        switch self {
        case .dataFolderNeeded(let dataSet):
            "the data set \(dataSet) lies in files; give their folder with --data-folder, or take --data embedded"
        case .templateUnreadable(let file, let reason):
            "cannot read the template \(file): \(reason); give a file of Jinja with --chat-template"
        case .noConversation(let architecture):
            "\(architecture) reads a text with its encoder and has no form for conversations; give texts with --prompt or --input"
        case .notInCache(let name, let folder, let nearest):
            "\(name) is not in \(folder); "
                + (nearest.map { "did you mean \($0)?" } ?? "prefixtune list shows what is")
        case .modelNeeded(let orAdapter):
            "No model is named; give --model"
                + (orAdapter
                    ? ", set $PREFIXTUNE_MODEL, or give an adapter, which records its own"
                    : " or set $PREFIXTUNE_MODEL")
        case .otherSeeds(let folder, let hasSeeds):
            "\(folder) already holds "
                + (hasSeeds ? "runs of several seeds" : "a training run of one seed")
                + "; continue with --resume and nothing of seeds, or choose another output folder"
        case .notByRanks(let what):
            "\(what) is not shared out among several processes; start one, or give --ranks one and each its own output folder"
        case .nothingToExchange:
            "one process exchanges nothing; start several: mpirun -n 2 prefixtune benchmark --work exchange"
        case .modelNotRecorded(let adapter):
            "\(adapter) does not record the model that it was trained on; name it with --model"
        case .recordedModelMissing(let adapter, let model):
            "\(adapter) was trained on \(model), which is not there; name the model with --model"
        case .nearlyEmbedded(let name):
            "there is no model \(name); did you mean \(ModelName.embeddedName), which comes with the program?"
        case .adapterAsModel(let path, let option, let model):
            "\(path) holds an adapter, not a model; give it with \(option) (train goes on from it with --init adapter:FOLDER), and "
                + "with --model the model that it was trained on" + (model.map { ", which is \($0)" } ?? "")
        case .modelAsAdapter(let path):
            "\(path) holds a model, not an adapter; give it with --model"
        case .adapterMissing(let path):
            "there is no \(path); name the folder or file of a trained prefix or adapter, or org/name on the hub"
        case .experimentAmongRuns(let path):
            "\(path) holds an experiment, whose report stands by itself; name folders of training runs, or this folder alone"
        case .noExperiment(let path):
            "\(path) holds no experiment, which --svg and --markdown need; name folders that experiment wrote to"
        case .interrupted:
            "interrupted before the results were complete; run the command again"
        case .interruptedAnswers(let done, let count, let partial):
            "interrupted after \(done) of \(count) prompts; their answers are in \(partial), and the same command with --resume "
                + "goes on after them"
        case .outputIsInput(let option, let path, let input):
            "\(option) is \(path), which \(input) names as well and which would be overwritten; name another place to write to"
        case .promptNotUTF8:
            "the prompt on standard input is not UTF-8 text; convert it"
        case .cannotPrint(let place, let reason):
            "cannot write the results to \(place): \(reason); give a file with --output"
        case .countMismatch(let predictions, let file, let sources, let entries, let references):
            "\(counted(predictions, "prediction")) in \(file) stand against \(counted(sources, "different source")) in \(references)"
                + (entries == sources ? "; " : " (\(entries) entries); ")
                + (predictions == entries
                    ? "entries of equal source count as one, so keep the first prediction of each source"
                    : "give one prediction per different source, in the order of the file, as prefixtune generate writes them")
        case .otherRules(let predictions, let file, let sources, let references, let task):
            "\(counted(predictions, "prediction")) in \(file) \(predictions == 1 ? "stands" : "stand") against \(counted(sources, "text")) in \(references), which looks "
                + "like data of the task \(task); give --task \(task)"
        case .baselineCount(let predictions, let file, let baseline, let other):
            "\(counted(baseline, "text")) in \(other) stand against \(predictions) in \(file); both systems must answer the same instances, "
                + "in the same order"
        case .lengthWithPrompt(let architecture):
            "--max-length and --min-length count the decoder's start token, which \(architecture) does not have; give "
                + "--max-new-tokens and --min-new-tokens"
        case .unknownFolder(let path, let reason):
            "\(path) \(reason); name the folder of a model (config.json), of an adapter (adapter_config.json) or of a "
                + "training run (summary.json)"
        }
    }
}
