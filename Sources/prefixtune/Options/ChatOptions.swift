import ArgumentParser
import ChatTemplates
import Foundation
import LanguageModels
import PrefixTuning
import Tokenizers

/// How a conversation is put to a model.
struct ChatOptions: ParsableArguments {
    @Option(
        help: .file("The template that messages are written with (Jinja); the adapter's or the model's own by default.")
    )
    var chatTemplate: URL?
    @Option(help: .text("What the model is told before the first message, as the system's message.")) var system:
        String?
    @Option(
        help: ArgumentHelp(
            "A JSON object of what else the template looks at, such as {\"enable_thinking\": false}.", valueName: "json"
        ))
    var chatVariables: String?

    func validate() throws {
        guard let chatVariables else { return }
        let value: ChatValue
        do { value = try ChatValue(json: chatVariables) } catch {
            throw ValidationError("--chat-variables is no JSON: \(error).")
        }
        guard case .object = value else {
            throw ValidationError("--chat-variables is no JSON object; give names and values in braces.")
        }
    }

    /// The first that is given of them.
    var given: String? {
        chatTemplate != nil
            ? "--chat-template" : system != nil ? "--system" : chatVariables != nil ? "--chat-variables" : nil
    }

    /// Names and values for the template.
    var variables: [String: ChatValue] {
        guard case .object(let members)? = chatVariables.flatMap({ try? ChatValue(json: $0) }) else { return [:] }
        return members.reduce(into: [:]) { $0[$1.name] = $1.value }
    }

    /// The template that is named, or that adapters were trained with where it was not the model's, or the model's own. Says so where
    /// it is another than adapters were trained with.
    ///
    /// - Parameter record: What the adapters, or the model, record.
    /// - Throws: `ChatError/noTemplate(model:)`, `ChatTemplateError`, ``CommandError/templateUnreadable(file:reason:)``.
    func templates(
        _ files: any ModelFiles, _ record: TaskRecord?, _ common: CommonOptions
    ) throws -> ChatFormat.Templates {
        let templates = try templates(files, record)
        if let trained = record?.chatTemplateDigest, trained != TaskRecord.digest(ofTemplate: templates.all.source) {
            common.note(
                "Warning: the adapter was trained on conversations that another chat template had written; its answers may suffer."
            )
        }
        return templates
    }

    private func templates(_ files: any ModelFiles, _ record: TaskRecord?) throws -> ChatFormat.Templates {
        guard let chatTemplate else {
            if let own = try record?.ownTemplate { return ChatFormat.Templates(all: own) }
            guard let templates = try ChatFormat.Templates(files) else { throw ChatError.noTemplate(model: files.name) }
            return templates
        }
        let data: Data
        do { data = try Data(contentsOf: chatTemplate) } catch {
            throw CommandError.templateUnreadable(file: chatTemplate.path, reason: error.localizedDescription)
        }
        guard let source = String(validating: data, as: UTF8.self) else {
            throw CommandError.templateUnreadable(file: chatTemplate.path, reason: "it is not UTF-8 text")
        }
        return ChatFormat.Templates(all: try ChatTemplate(source, name: chatTemplate.path))
    }

    /// How conversations are written.
    func form(
        _ templates: ChatFormat.Templates, tokenizer: Tokenizer, loss: ChatForm.Loss = .assistant
    ) -> ChatForm {
        var form = ChatForm(
            ChatFormat(templates, tokenizer: tokenizer), system: system, variables: variables, loss: loss)
        form.carriesTemplate = chatTemplate != nil
        return form
    }
}

extension ChatForm.Loss: ExpressibleByArgument {}
