import Hub
import LanguageModels
import PrefixExperiments
import PrefixTuning
import Tensors
import TextMetrics

/// The library's errors in the words of the command line: the library says what is wrong and what helps, and the commands
/// by which option.
extension CommandError {
    /// The sentence for an error.
    static func sentence(for error: any Error) -> String {
        let sentence = "\(error)"
        if case ExperimentError.badAssignment = error { return "--set " + sentence }
        guard let (general, own) = advice(for: error), sentence.hasSuffix(general) else { return sentence }
        return sentence.dropLast(general.count) + own
    }

    /// What a sentence of the library ends with, and what it ends with here.
    private static func advice(for error: any Error) -> (general: String, own: String)? {
        switch error {
        case AnsweringError.promptTooLong(_, let tokens, _, let positions) where tokens <= positions:
            (
                "ask for at most \(positions - tokens + 1) new tokens",
                "give --max-new-tokens \(positions - tokens + 1) or less"
            )
        case DataError.missingField(_, let field, _, let keys):
            (
                DataError.mappingAdvice,
                (Spelling.nearest(to: field, among: keys).map { "did you mean \"\($0)\"? Else " } ?? "")
                    + "give --prompt-field and --completion-field, or --prompt-template with fields in braces"
            )
        case MetricError.malformedLine:
            (
                #", or "completion"."#,
                #", or "completion"; other fields are named with --prompt-field and --completion-field"#
            )
        case DataError.otherTask(_, let task): (DataError.taskAdvice, "give --task \(task)")
        case DataError.missingCompletionField: (DataError.completionAdvice, "name its field with --completion-field")
        case DataError.malformed:
            (
                DataError.headingNeeded,
                DataError.headingNeeded + "; other columns are named with --prompt-field and --completion-field"
            )
        case DataError.tooFewToHoldOut: ("validation data of its own", "files with --validation")
        case ChatError.noTemplate, DataError.badConversation:
            (ChatError.templateAdvice, "give one with --chat-template FILE")
        case is TaskRecordError: (TaskRecordError.advice, "give --task")
        case TrainingError.diverged:
            (
                "start again with a lower learning rate or a warm-up",
                "start again with a lower --learning-rate or a --warmup"
            )
        case TrainingError.nothingToResume: ("start a new run", "leave out --resume to start a new run")
        case TrainingError.otherRun:
            ("or start a new run in another output folder", "or leave out --resume and choose another output folder")
        case TrainingError.folderInUse:
            (
                "continue it, or choose another output folder",
                "continue it with --resume, or choose another output folder"
            )
        case PrefixError.notAPrefix:
            ("", " (a LoRA adapter is given with --lora, a bottleneck adapter with --adapter)")
        case PrefixError.notLowRank(_, let kind) where ["PREFIX_TUNING", "PROMPT_TUNING", "P_TUNING"].contains(kind):
            ("", "; give it with --prefix")
        case PrefixError.notLowRank(_, "BOTTLENECK"): ("", "; give it with --adapter")
        case PrefixError.notAnInfix: ("", "; train one with --method infix")
        case PrefixError.notBottleneckAdapters:
            ("", "; train them with --method adapter (a prefix is given with --prefix, a LoRA adapter with --lora)")
        case PrefixError.architectureNeeded, CacheFileError.modelNeeded: ("", " with --model")
        case HubError.noServer, HubError.longReply: ("", " with --url")
        case CacheFileError.notADeployment, CacheFileError.notForServer:
            (CacheFileError.advice, "write the prefix with prefixtune convert --to llama-slot")
        case CacheFileError.tooFewPlaceholders: ("", " with --placeholders")
        case DeploymentError.unsound(let findings) where findings.last == .cannotTell:
            (DeploymentError.canaryAdvice, "write the prefix anew with another --canary")
        case ExperimentError.notOurFolder: ("", " with --output")
        case ExperimentError.otherExperiment:
            ("choose another folder, or remove it", "choose another folder with --output, or remove it")
        case CheckpointError.unsupportedPrecision:
            (
                CheckpointError.otherPrecisions,
                "give --precision stored, which takes as little memory with 16-bit files, or --precision int8, which is faster"
            )
        case CheckpointError.exceedsMemory:
            (
                "hold them in fewer bits, or take a smaller model or a larger machine",
                "hold them in fewer bits (--precision int4), or take a smaller model or a larger machine"
            )
        case is TensorError:
            (
                TensorError.remedies,
                "give a smaller --batch-size or --tokens-per-pass, --recompute layer or --precision int8, or make more memory "
                    + "free"
            )
        default: nil
        }
    }
}
