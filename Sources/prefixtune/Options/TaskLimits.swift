import ArgumentParser
import PrefixTuning

/// How long texts may be. What is not given is as in training where an adapter records that, else as in the paper.
struct TaskLimits: ParsableArguments {
    @Option(
        help: .n(
            """
            Tokens of a source, special tokens included, beyond which its end is cut; what an adapter was trained with, where it \
            records that, else 512 for xsum and no limit for others.
            """))
    var maxSourceTokens: Int?
    @Option(help: .n("The same for a target; else 60 for xsum and no limit for others.")) var maxTargetTokens: Int?

    func validate() throws {
        // A text has two special tokens around it in most models with an encoder.
        for (name, value) in [("source", maxSourceTokens), ("target", maxTargetTokens)] {
            guard let value, value < 3 else { continue }
            throw ValidationError("--max-\(name)-tokens is \(value), but at least 3 is needed.")
        }
    }

    /// The task's format with these limits.
    func format(of task: TuningTask) -> TaskFormat {
        var format = task.format
        format.sourceLimit = maxSourceTokens ?? format.sourceLimit
        format.targetLimit = maxTargetTokens ?? format.targetLimit
        return format
    }
}
