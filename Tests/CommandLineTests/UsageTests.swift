import Foundation
import Testing

/// Command lines that cannot be understood: exit code 2, nothing on standard output, one sentence on standard error.
@Suite struct UsageTests {
    struct Case: CustomTestStringConvertible {
        let line: String
        let message: String
        var testDescription: String { line }
    }

    private static let model = "--model model"
    private static let train = "train --model model --data data.jsonl --output run"

    static let cases = [
        Case(line: "bogus", message: "\"bogus\" is no command; prefixtune --help lists them."),
        Case(line: "trian", message: "\"trian\" is no command; did you mean \"train\"?"),
        Case(line: "tran --model x", message: "\"tran\" is no command; did you mean \"train\"?"),
        Case(line: "help tarin", message: "\"tarin\" is no command; did you mean \"train\"?"),
        Case(line: "\(train) --lr 1", message: "Unknown option '--lr'. Here it is called '--learning-rate'."),
        Case(
            line: "\(train) --eval_steps 5",
            message: "Unknown option '--eval_steps'. Here it is called '--validate-every'."
        ),
        Case(line: "\(train) -lr 1", message: "Unknown option '-lr'. Here it is called '--learning-rate'."),
        Case(
            line: "train --num_virtual_tokens 8 --output run",
            message: "Unknown option '--num_virtual_tokens'. Here it is called '--prefix-length'."),
        Case(
            line: "score \(model) --input data.jsonl",
            message: "Unknown option '--input'. Here it is called '--data'."),
        Case(
            line: "compare \(model) --prefix a --prompt x",
            message: "Unknown option '--prefix'. Did you mean '--prefixes'?"),
        Case(line: "train --resume", message: "--resume needs the folder of the run; give --output, too."),
        Case(
            line: "train data.jsonl",
            message:
                "Missing expected argument '--data <file> ...'. \"data.jsonl\" stands there by itself; write --data "
                + "before it."),
        Case(
            line: "evaluate a.jsonl b.jsonl",
            message: "Missing expected argument '--predictions <file>'. \"a.jsonl\" stands there by itself; write "
                + "--predictions before it."),
        Case(
            line: "generate \(model) --max-new-tokens 3 Hello --beams 2",
            message:
                "Give either --prompt TEXT or --input FILE; - in the place of either is standard input. \"Hello\" stands "
                + "there by itself; write --prompt before it."),
        Case(
            line: "generate \(model) data.jsonl",
            message:
                "Give either --prompt TEXT or --input FILE; - in the place of either is standard input. \"data.jsonl\" "
                + "stands there by itself; write --input before it."),
        Case(line: "eval --predictions a", message: "\"eval\" is no command; here it is called \"evaluate\"."),
        Case(line: "version", message: "\"version\" is no command; here it is called \"--version\"."),
        Case(
            line: "\(train) --method PREFIX_TUNING",
            message: "The value 'PREFIX_TUNING' is invalid for '--method <method>'. Did you mean 'prefix'? "
                + "Please provide one of the following:"),
        Case(
            line: "\(train) --precision fp16",
            message: "The value 'fp16' is invalid for '--precision <precision>'. Did you mean 'stored'? "
                + "Please provide one of the following:"),
        Case(
            line: "generate \(model) --prompt x --cache-type float16",
            message:
                "The value 'float16' is invalid for '--cache-type <cache-type>'. Please provide one of 'f32' and 'bf16'."
        ),
        Case(
            line: "generate \(model) --prompt x --cache-type bfloat16",
            message: "The value 'bfloat16' is invalid for '--cache-type <cache-type>'. Did you mean 'bf16'? "
                + "Please provide one of 'f32' and 'bf16'."),
        Case(
            line: "generate \(model) --prompt x --cache-type-k bf16",
            message: "Unknown option '--cache-type-k'. Here it is called '--cache-type'."),
        Case(
            line: "\(train) --init model",
            message:
                "The value 'model' is invalid for '--init <init>'. Write adapter:model to go on from an adapter, file:model "
                + "to begin with the words of a text."),
        Case(
            line: "\(train) --validation 10%",
            message: "--validation is 10%, but a file, or a share as a number between 0 and 1, such as 0.1, is needed."),
        Case(
            line: "\(train) --learning-rat 1",
            message: "Unknown option '--learning-rat'. Did you mean '--learning-rate'?"),
        Case(
            line: "generate \(model) --prompt x --max-tokens 5",
            message: "Unknown option '--max-tokens'. Here it is called '--max-new-tokens'."),
        Case(line: "\(train) --plot x", message: "Unknown option '--plot'"),
        Case(line: "--frobnicate", message: "Unknown option '--frobnicate'"),
        Case(line: "\(train) --frobnicate", message: "Unknown option '--frobnicate'"),
        Case(line: "generate \(model) --prompt x --frobnicate", message: "Unknown option '--frobnicate'"),
        Case(line: "score \(model) --data data.jsonl --frobnicate", message: "Unknown option '--frobnicate'"),
        Case(line: "evaluate --predictions a --references b --frobnicate", message: "Unknown option '--frobnicate'"),
        Case(line: "inspect model --frobnicate", message: "Unknown option '--frobnicate'"),
        Case(line: "train --model model --output run", message: "Missing expected argument '--data <file> ...'"),
        Case(
            line: "score --data data.jsonl",
            message:
                "No model is named; give --model, set $PREFIXTUNE_MODEL, or give an adapter, which records its own."
        ),
        Case(
            line: "train --data data.jsonl --output run",
            message: "No model is named; give --model or set $PREFIXTUNE_MODEL."),
        Case(line: "benchmark", message: "No model is named; give --model or set $PREFIXTUNE_MODEL."),
        Case(line: "inspect", message: "Missing expected argument '<folder>'"),
        Case(
            line: "\(train) --learning-rate fast",
            message: "The value 'fast' is invalid for '--learning-rate <x>'"),
        Case(
            line: "\(train) --task e3e",
            message: "The value 'e3e' is invalid for '--task <task>'. Did you mean 'e2e'? "
                + "Please provide one of the following:"),
        Case(
            line: "\(train) --method fine-tune --precision int8",
            message: "--method fine-tune changes the weights: --precision must be f32."),
        Case(
            line: "benchmark \(model) --rounds 0", message: "--rounds is 0, but at least 1 is needed."),
        Case(line: "\(train) --epochs 1 --steps 1", message: "Give --epochs or --steps, not both."),
        Case(line: "\(train) --validate-every 0", message: "--validate-every is 0, but at least 1 is needed."),
        Case(line: "\(train) --prefix-length 0", message: "--prefix-length is 0, but at least 1 is needed."),
        Case(
            line: "\(train) --prefix-dropout 1",
            message: "--prefix-dropout is 1.0, but a number from 0 to below 1 is needed."),
        Case(
            line: "\(train) --method fine-tune --prefix-length 3",
            message: "Prefix options have no meaning with --method fine-tune; leave them out."),
        Case(line: "\(train) --threads 0", message: "--threads is 0, but a number from 1 to 1024 is needed."),
        Case(
            line: "\(train) --quiet --verbose",
            message: "--quiet and --verbose contradict each other; give one of them."),
        Case(
            line: "generate \(model)",
            message: "Give either --prompt TEXT or --input FILE; - in the place of either is standard input."),
        Case(
            line: "generate \(model) --prompt x --input data.jsonl",
            message: "Give either --prompt TEXT or --input FILE; - in the place of either is standard input."),
        Case(line: "generate \(model) --prompt x --beams 0", message: "--beams is 0, but must be between 1 and 256."),
        Case(
            line: "generate \(model) --prompt x --max-new-tokens 0",
            message: "--max-new-tokens is 0, but must be 1 or more."),
        Case(
            line: "generate \(model) --prompt x --no-repeat-ngram-size=-1",
            message: "--no-repeat-ngram-size is -1, but must be 0 (off) or more."),
        Case(
            line: "generate \(model) --prompt x --repetition-penalty 0",
            message: "--repetition-penalty is 0.0, but must be greater than 0 (1 is off)."),
        Case(
            line: "generate \(model) --prompt x --temperature 0.5",
            message: "--temperature has no meaning without --sample; add --sample or leave it out."),
        Case(
            line: "generate \(model) --prompt x --sample --beams 4",
            message: "--sample and the options of beam search exclude each other; leave one of them out."),
        Case(
            line: "generate \(model) --prompt x --sample --temperature 0",
            message: "--temperature is 0.0, but must be greater than 0; use greedy search for the most probable tokens."
        ),
        Case(
            line: "generate \(model) --prompt x --sample --top-p 1.5",
            message: "--top-p is 1.5, but must be greater than 0 and at most 1 (off)."),
        Case(
            line: "generate \(model) --prompt x --presence-penalty -3",
            message: "--presence-penalty is -3.0, but must be between -2 and 2 (0 is off)."),
        Case(
            line: "generate \(model) --prompt x --answers 2",
            message: "--answers is 2, but must be at most the number of beams, unless answers are drawn at random."),
        Case(
            line: "generate \(model) --prompt x --beams 3 --answers 4",
            message: "--answers is 4, but must be at most the number of beams, unless answers are drawn at random."),
        Case(line: "generate \(model) --prompt x --logprobs 2", message: "--logprobs are written as JSON; add --json."),
        Case(
            line: "generate \(model) --input data.jsonl --logprobs 101",
            message: "--logprobs is 101, but must be between 0 and 100."),
        Case(
            line: "generate \(model) --input data.jsonl --resume",
            message: "--resume goes on in a file; give --input FILE and --output FILE."),
        Case(
            line: "generate \(model) --input data.jsonl --batch-size 0",
            message: "--batch-size is 0, but at least 1 is needed."),
        Case(
            line: "evaluate --predictions a --references b --task jsonl",
            message: "The value 'jsonl' is invalid for '--task <task>'. "
                + "Please provide one of 'e2e', 'webnlg', 'dart', 'xsum' or 'plain'."),
        Case(line: "\(train) --patience 2", message: "--patience counts validations; give --validation, too."),
        Case(
            line: "\(train) --patience 0 --validation data.jsonl", message: "--patience is 0, but at least 1 is needed."
        ),
        Case(line: "\(train) --seed 1 --seeds 1 2", message: "Give --seed or --seeds, not both."),
        Case(line: "\(train) --seeds 1 1", message: "A seed stands twice among --seeds; name each once."),
        Case(line: "synthesize --output x --megabytes 0", message: "--megabytes must be positive, not 0.0."),
    ]

    @Test(arguments: cases)
    func isRefused(_ item: Case) async throws {
        let workspace = try Workspace()
        let before = try workspace.snapshot()
        let result = try await Tool.run(item.line.split(separator: " ").map(String.init), in: workspace)
        #expect(result.code == 2)
        #expect(result.output == "")
        #expect(result.errors.split(separator: "\n").first.map(String.init) == "Error: \(item.message)")
        #expect(result.errors.contains("\nUsage: prefixtune "))
        #expect(result.errors.contains(" --help' for more information."))
        #expect(try workspace.snapshot() == before)
    }
}
