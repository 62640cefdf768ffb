import Foundation

/// The `README.md` of an uploaded adapter: metadata that the hub reads, what it is, how to use it, how it was trained.
struct ModelCard {
    let text: String

    init(_ adapter: AdapterFolder, repository: String) {
        let isPrefix = adapter.kind == "PREFIX_TUNING"
        let method = adapter.kind.lowercased().replacingOccurrences(of: "_", with: "-")
        let base = adapter.baseModel ?? "MODEL"
        var lines = ["---"]
        if let model = adapter.baseModel { lines.append("base_model: \(model)") }
        lines.append("library_name: peft")
        if adapter.task == "CAUSAL_LM" { lines.append("pipeline_tag: text-generation") }
        lines += ["tags:", "- \(method)", "- prefixtune", "---", ""]
        lines += ["# \(repository.split(separator: "/").last ?? "")", ""]
        let what = isPrefix ? "A prefix" : "An adapter (\(adapter.kind))"
        let length = adapter.virtualTokens.map { " of \($0) virtual positions" } ?? ""
        let model =
            adapter.baseModel.map { "[\($0)](https://huggingface.co/\($0))" } ?? "a model that is not on the hub"
        lines += ["\(what)\(length) for \(model), in PEFT's file layout.", ""]
        if isPrefix {
            lines += [
                "Prefix-tuning (Li & Liang 2021, https://arxiv.org/abs/2101.00190) keeps the model as it is and trains keys "
                    + "and values that every token can attend to.", "",
            ]
        }
        lines += [
            "## Use", "", "With prefixtune:", "", "```sh",
            "prefixtune generate --model \(base) --prefix \(repository) --prompt \"…\"", "```", "", "With PEFT:", "",
            "```python", "from peft import PeftModel",
            "from transformers import \(Self.autoClass(adapter.task)), AutoTokenizer", "",
            "model = \(Self.autoClass(adapter.task)).from_pretrained(\"\(base)\")",
            "model = PeftModel.from_pretrained(model, \"\(repository)\")",
            "tokenizer = AutoTokenizer.from_pretrained(\"\(base)\")",
            "inputs = tokenizer(\"…\", return_tensors=\"pt\")",
            "tokens = model.generate(**inputs, max_new_tokens=100\(isPrefix ? ", use_cache=False" : ""))",
            "print(tokenizer.decode(tokens[0], skip_special_tokens=True))", "```", "",
        ]
        if isPrefix {
            lines += [
                "`use_cache=False` is needed with transformers 5.24, whose cache drops the prefix that PEFT passes on: answers are then "
                    + "those of the model alone. With 5.23 and PEFT 0.21 it can be left out.", "",
            ]
        }
        if isPrefix, adapter.task == "CAUSAL_LM" {
            lines += [
                "With llama-server, llama-completion or mlx-lm, unchanged: `served/HOWTO.md` then has the commands.",
                "", "```sh",
                "prefixtune convert \(repository) served --to llama-slot --model MODEL.gguf   # or llama-session, mlx",
                "```",
                "",
            ]
        }
        lines += Self.training(adapter.training)
        text = lines.joined(separator: "\n")
    }

    private static func autoClass(_ task: String?) -> String {
        task == "SEQ_2_SEQ_LM" ? "AutoModelForSeq2SeqLM" : "AutoModelForCausalLM"
    }

    private static func training(_ facts: TrainingFacts?) -> [String] {
        guard let facts else { return [] }
        func number(_ value: Double?) -> String? { value.map { String(format: "%.4g", $0) } }
        let rows: [(String, String?)] = [
            ("method", facts.method), ("task", facts.details?["task"]), ("steps", facts.steps.map(String.init)),
            ("tokens", facts.tokens.map(String.init)), ("batch size", facts.settings?.batch_size.map(String.init)),
            ("learning rate", number(facts.settings?.learning_rate)), ("seed", facts.settings?.seed.map { String($0) }),
            ("stored parameters", facts.stored_parameters.map(String.init)),
            ("last loss per token (nats)", number(facts.last_loss)),
            ("least validation loss per token (nats)", number(facts.best_validation_loss)),
        ]
        let known = rows.compactMap { name, value in value.map { "| \(name) | \($0) |" } }
        return known.isEmpty ? [] : ["## Training", "", "| | |", "| --- | --- |"] + known + [""]
    }
}
