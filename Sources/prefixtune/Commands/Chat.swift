import ArgumentParser
import ChatTemplates
import Foundation
import LanguageModels
import PrefixTuning
import Tensors

/// A conversation in the terminal.
struct Chat: ComputeCommand {
    static let configuration = CommandConfiguration(
        abstract: "Talk with a model, with or without a prefix.",
        discussion: """
            Each line is a message; the answer appears as it is written, and the next message comes after all that was said. \
            Messages are written with the model's own chat template. /reset forgets what was said, /exit or Ctrl-D ends. Where the \
            conversation grows beyond what the model can read, its oldest messages are left out. A line from a file or pipe is a \
            message, too.

            EXAMPLES
              prefixtune chat --model HuggingFaceTB/SmolLM2-135M-Instruct
              prefixtune chat --model smollm2.gguf --prefix my-prefix --system "Be brief." --sample --temperature 0.7
              echo "Who wrote Faust?" | prefixtune chat --model smollm2.gguf
            """)

    @OptionGroup(title: "Model") var model: ModelOptions
    @OptionGroup(title: "Conversation") var chat: ChatOptions
    @OptionGroup(title: "Decoding") var decoding: DecodingFlags
    @OptionGroup(title: "General") var common: CommonOptions

    /// Tokens of an answer unless more or fewer are asked for.
    private static let answerLength = 512

    @Compute func compute() async throws {
        let files = try await model.files(common)
        let templates = try chat.templates(modelFiles(at: files.model), try? files.taskRecord, common)
        let loaded = try model.load(files, common)
        try decoding.check(fits: loaded.model)
        guard loaded.model.network.startToken == nil else {
            throw CommandError.noConversation(architecture: loaded.model.configuration.architecture)
        }
        var changes = decoding.changes
        // What is answered must leave room for what was said.
        changes.maxNewTokens = changes.maxNewTokens ?? min(Self.answerLength, max(loaded.positions / 2, 1))
        let options = try AnswerOptions(.jsonl, for: loaded.model, changes: changes).decoding
        let format = ChatFormat(templates, tokenizer: loaded.model.tokenizer)
        var conversation = Conversation(
            with: loaded, format: format, options: options, system: chat.system, variables: chat.variables)
        let isTyped = isatty(STDIN_FILENO) != 0
        if isTyped {
            common.note(
                "Talking with \(loaded.model.name)\(loaded.prefix == nil ? "" : ", after a prefix of \(counted(loaded.prefix?.length ?? 0, "position"))"). "
                    + "/reset forgets what was said, /exit or Ctrl-D ends.")
        }
        try ResultOutput.write(to: nil) { write in
            while let line = try message(isTyped, write) {
                switch line.trimmingCharacters(in: .whitespaces) {
                case "": continue
                case "/exit", "/quit": return
                case "/reset":
                    conversation.reset()
                    common.note("What was said is forgotten.")
                case let command where command.hasPrefix("/") && isTyped && !command.contains(" "):
                    common.note("There is no \(command); /reset forgets what was said, /exit ends.")
                default: try answer(line, in: &conversation, isTyped, write)
                }
            }
        }
    }

    /// The next line; nil at the end.
    private func message(_ isTyped: Bool, _ write: (String) throws -> Void) throws -> String? {
        if isTyped { try write("> ") }
        let line = readLine()
        if isTyped, line == nil { try write("\n") }
        return line
    }

    /// Answers a message, and says what there is to be said of the answer. What is wrong with one message typed is no end.
    @Compute private func answer(
        _ text: String, in conversation: inout Conversation, _ isTyped: Bool, _ write: (String) throws -> Void
    ) throws {
        let isWatched = isatty(STDOUT_FILENO) != 0, forgotten = conversation.forgotten
        do {
            let reply = try conversation.answer(
                text,
                piece: { piece in
                    try write(isWatched ? TerminalText.withoutControls(piece) : piece)
                })
            try write("\n")
            if reply.forgotten > forgotten {
                common.note(
                    "(the first \(reply.forgotten) messages no longer fit into the model's \(conversation.model.positions) positions)"
                )
            }
            if reply.generation.finishReason == .length {
                common.note(
                    "(cut at \(counted(reply.generation.tokenIds.count, "token")); --max-new-tokens allows more)")
            }
        } catch let error where isTyped && (error is ChatError || error is ChatTemplateError) {
            StandardError.write("Error: \(CommandError.sentence(for: error))\n")
        }
    }
}
