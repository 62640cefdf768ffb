import Foundation
import LanguageModels

extension Deployment {
    /// Some ten lines: the commands, and what goes wrong where one is left out.
    var howTo: String {
        let lines =
            switch target {
            case .llamaSession: sessionLines
            case .mlx: mlxLines
            default: slotLines
            }
        return "\(Self.howToTitle)\(title)\n\n" + lines.enumerated().map { "\($0 + 1). \($1)\n" }.joined()
    }

    /// What the file begins with.
    static let howToTitle = "# A prefix of "

    private var title: String {
        let program = target == .mlx ? "mlx-lm" : target == .llamaSession ? "llama-completion" : "llama-server"
        return "\(facts.length) positions for \(program)"
    }

    /// What must be told to llama.cpp so that its cache is that of the file.
    private var llamaOptions: String {
        let type = forms.settings.cacheType
        var words: [String] = []
        if type != .float16 { words.append("-ctk \(type.rawValue) -ctv \(type.rawValue)") }
        if forms.settings.transposesValues { words.append("-fa off") }
        if facts.window != nil { words.append("--swa-full") }
        if options.lora != nil { words.append("--lora LORA.gguf") }
        return words.map { " " + $0 }.joined()
    }

    private var slotLines: [String] {
        let slots = forms.settings.streamCount > 1 ? " -np \(forms.settings.streamCount) -no-kvu" : " -np 1"
        let template =
            options.chatTemplate == nil ? "" : " --jinja --chat-template-file FOLDER/chat_template.jinja"
        let url = "http://127.0.0.1:8080", tokens = facts.placeholders.map(String.init).joined(separator: ",")
        var lines = [
            "Start: `llama-server -m MODEL.gguf --slot-save-path FOLDER/\(slots) --cache-ram 0\(llamaOptions)\(template)`",
            "With --cache-ram 0: else the server keeps states that other requests drove out of the slot, also one in which the placeholders "
                + "were evaluated, and brings them back in place of the prefix.",
            "Restore, before the first request: `curl '\(url)/slots/0?action=restore' -d '{\"filename\": \"\(facts.file)\"}'`, which "
                + "reports `\"n_restored\":\(facts.length)`.",
            "Check: `prefixtune deploy check --url \(url) --slot 0 FOLDER`; it answers the prompt of canary.json.",
            "Text prompts begin with `\(facts.placeholderText)`" + beginRemark,
            "Prompts of tokens begin with [\(tokens)]: `{\"prompt\": [\(tokens), \"your text\"], \"id_slot\": 0}`.",
            template.isEmpty
                ? "The model has no chat template; use /completion or /v1/completions."
                : "Clients of /v1/chat/completions stay as they are: chat_template.jinja writes the placeholders.",
            "Restore again whenever an answer reports `cache_n` (or `cached_tokens`) below \(facts.length): other requests took the slot.",
            "Never send the placeholders before restoring: what is computed for them stays in the server's memory; restart it then.",
        ]
        if let window = facts.window {
            lines.append(
                "Without --swa-full the server drops the restored cells: layers of this model see a window of \(window)."
            )
        }
        return lines + [loraLine]
    }

    private var sessionLines: [String] {
        [
            "Run: `llama-completion -m MODEL.gguf --prompt-cache FOLDER/\(facts.file) --prompt-cache-ro -no-cnv --temp 0\(llamaOptions) -p "
                + "'PLACEHOLDERS and your text'`",
            "PLACEHOLDERS are `\(facts.placeholderText)`" + beginRemark,
            "Always with --prompt-cache-ro: without it the program writes the file anew.",
            "Every prompt must begin with the token \(forms.anchor?.first ?? 0) (`\(anchorText ?? "")`): the program evaluates the last "
                + "token that it finds again. Another beginning is chosen with `prefixtune convert … --anchor TEXT`.",
            "The prompt of canary.json: `\(facts.prompt.replacing("\n", with: "\\n"))`",
            "Its answer begins with `\(facts.answer.replacing("\n", with: "\\n"))`",
            "The file is for a context of one sequence, with a cache of \(forms.settings.cacheType.rawValue)\(forms.settings.transposesValues ? ", without flash attention" : "").",
            "A prompt that ends with the token that ends texts gets no answer: the program takes it for the answer's end. Such prompts are "
                + "for llama-server.",
            "A message \"failed to replay last token\" says that the prompt has another beginning than the placeholders and that token.",
        ] + [loraLine]
    }

    private var mlxLines: [String] {
        [
            "Run: `mlx_lm.generate --prompt-cache-file FOLDER/\(facts.file) --ignore-chat-template --temp 0 --prompt 'your text'`",
            "The model is `\(forms.modelName)`, as the file says; --model must name it in the same way, or be left out.",
            "No placeholders: the text stands behind the prefix by itself.",
            "Without --ignore-chat-template the program sends only what follows the user's header.",
            "In Python: `load_prompt_cache(file)`, then `stream_generate(model, tokenizer, prompt, prompt_cache=cache)`; load it anew for "
                + "each prompt, because generating extends it.",
            "The first prompt of canary.json: `\(facts.prompt.replacing("\n", with: "\\n"))`",
            "Its answer begins with `\(facts.answer.replacing("\n", with: "\\n"))`",
            "mlx_lm.server cannot load a file.",
            options.lora.map {
                "Load the LoRA adapter \($0) there, too (--adapter-path): the prefix was trained with it."
            } ?? "The file is all: no adapter is to be loaded.",
        ]
    }

    private var beginRemark: String {
        guard let begin = begins else { return "." }
        return
            "; the server puts token \(begin) before them by itself, so write it out behind them where the text was trained with it."
    }

    private var loraLine: String {
        options.lora.map {
            "Load the LoRA adapter \($0) there, too: the prefix was trained with it (convert_lora_to_gguf.py makes LORA.gguf)."
        } ?? "The file is all: no adapter is to be loaded."
    }
}
