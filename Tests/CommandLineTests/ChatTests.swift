import ChatTemplates
import Foundation
import Testing

@testable import prefixtune

/// Conversations: `chat`, and `generate --chat`.
@Suite struct ChatTests {
    private static let template = """
        {%- for message in messages %}
            {%- if loop.index0 > 0 and message.role == messages[loop.index0 - 1].role %}
                {{- raise_exception('turns must alternate') }}
            {%- endif %}
            {{- '<' + message.role + '> ' + message.content + '\n' }}
        {%- endfor %}
        {{- mood }}
        {%- if add_generation_prompt %}
            {{- '<assistant>' }}
        {%- endif %}
        """
    private static let options = ["--model", "model", "--chat-template", "t.jinja", "--threads", "1"]

    private func workspace() throws -> Workspace {
        let workspace = try Workspace()
        try workspace.write(Self.template, to: "t.jinja")
        return workspace
    }

    private func lines(_ text: String) throws -> [ChatValue] {
        try text.split(separator: "\n").map { try ChatValue(json: String($0)) }
    }

    @Test func promptsAreWrittenByTheTemplate() async throws {
        let workspace = try workspace()
        let chat = ["generate", "--chat", "--json", "--max-new-tokens", "4"] + Self.options
        let result = try await Tool.run(
            chat + [
                "--prompt", "Hello", "--system", "Be brief.", "--chat-variables", "{\"mood\": \"calm\"}",
            ],
            in: workspace)
        #expect(result.code == 0, "\(result.errors)")
        let line = try #require(try lines(result.output).first)
        let prompt = "<system> Be brief.\n<user> Hello\ncalm<assistant>"
        #expect(line["prompt"]?.string == prompt)
        // The same tokens are answered where the text is given as it is.
        let raw = try await Tool.run(
            [
                "generate", "--json", "--max-new-tokens", "4", "--model", "model", "--threads", "1",
                "--raw-prompt",
                "--prompt", prompt,
            ],
            in: workspace)
        #expect(try lines(raw.output).first?["token_ids"] == line["token_ids"])
    }

    @Test func filesOfConversations() async throws {
        let workspace = try workspace()
        let first =
            #"{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "é"}]}"#
        let second = #"{"prompt": "x"}"#
        try workspace.write("\(first)\n\(second)\n", to: "chats.jsonl")
        try workspace.write("[\(first), \(second)]", to: "chats.json")
        let generate = ["generate", "--chat", "--max-new-tokens", "3", "--input"]
        let result = try await Tool.run(generate + ["chats.jsonl"] + Self.options, in: workspace)
        #expect(result.code == 0, "\(result.errors)")
        let prompts = try lines(result.output).map { $0["prompt"]?.string }
        #expect(prompts == ["<user> a\n<assistant> b\n<user> é\n<assistant>", "<user> x\n<assistant>"])
        let list = try await Tool.run(generate + ["chats.json"] + Self.options, in: workspace)
        #expect(list.output == result.output)
        try workspace.write("x\n", to: "chats.txt")
        let text = try await Tool.run(generate + ["chats.txt"] + Self.options, in: workspace)
        #expect(try lines(text.output) == lines(result.output).suffix(1))
        let kept = try await Tool.run(
            generate + ["chats.jsonl", "--output", "out.jsonl"] + Self.options, in: workspace)
        #expect(kept.code == 0, "\(kept.errors)")
        #expect(try workspace.text("out.jsonl") == result.output)
    }

    @Test(arguments: [
        (
            #"{"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]}"#,
            "line 1: message 2, of \"user\" after one of \"user\", does not fit: t.jinja, line 3, refuses the messages: turns must alternate"
        ),
        (
            #"{"messages": [{"role": "user", "content": 5}]}"#,
            "line 1: message 1 has a \"content\" that is neither text nor a list of parts"
        ),
        (#"{"messages": [{"content": "a"}]}"#, "line 1: message 1 has no \"role\""),
        (#"{"messages": ["a"]}"#, "line 1: message 1 is no object"),
        (#"{"messages": []}"#, "line 1: there are no messages"),
        (#"{"messages": 5}"#, "line 1: found a \"messages\" that is no list"),
        (
            #"{"messages": [{"role": "assistant", "content": "a"}]}"#,
            "line 1: the last message is one of \"assistant\""
        ),
        (#"{"messages": [}"#, "line 1: found invalid JSON (byte 14 of the JSON: a value is missing)"),
        (#"{"text": "a"}"#, "line 1: found \"{\"text\": \"a\"}\", but {\"messages\""),
    ])
    func badConversations(text: String, sentence: String) async throws {
        let workspace = try workspace()
        try workspace.write(text + "\n", to: "chats.jsonl")
        let result = try await Tool.run(
            ["generate", "--chat", "--input", "chats.jsonl"] + Self.options, in: workspace)
        #expect(result.code == 1 && result.output == "")
        #expect(
            result.errors.replacing(workspace.folder.path + "/", with: "").contains(sentence),
            "\(result.errors)")
    }

    @Test(arguments: [
        ("{% for %}", "t.jinja, line 1: expected a name, found \"%}\""),
        (
            "\n{{ raise_exception('never') }}",
            "message 1, of \"user\", does not fit: t.jinja, line 2, refuses the messages: never"
        ),
        (
            "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
            "t.jinja, line 1: more than 1000000 steps"
        ),
        (
            "\n\n{{ messages[0].content.frob() }}", "t.jinja, line 3: a value of type str has no \"frob\""
        ),
    ])
    func badTemplates(template: String, sentence: String) async throws {
        let workspace = try workspace()
        try workspace.write(template, to: "t.jinja")
        let result = try await Tool.run(
            ["generate", "--chat", "--prompt", "a"] + Self.options, in: workspace)
        #expect(result.code == 1 && result.output == "")
        #expect(
            result.errors.replacing(workspace.folder.path + "/", with: "").contains(sentence),
            "\(result.errors)")
    }

    @Test func aModelWithoutTemplate() async throws {
        let workspace = try workspace()
        for command in [["chat"], ["generate", "--chat", "--prompt", "a"]] {
            let result = try await Tool.run(command + ["--model", "model"], in: workspace)
            #expect(
                result.code == 1 && result.errors.contains("has no chat template"), "\(result.errors)")
            #expect(result.errors.hasSuffix("give one with --chat-template FILE\n"), "\(result.errors)")
        }
        let missing = try await Tool.run(
            ["chat", "--model", "model", "--chat-template", "none.jinja"], in: workspace)
        #expect(missing.code == 1 && missing.errors.contains("none.jinja"), "\(missing.errors)")
    }

    @Test(arguments: [
        (["--prompt", "a", "--system", "b"], "--system has no meaning without --chat"),
        (["--prompt", "a", "--chat", "--raw-prompt"], "leave out --raw-prompt"),
        (["--prompt", "a", "--chat", "--task", "e2e"], "leave out --task"),
        (["--prompt", "a", "--chat", "--chat-variables", "{"], "--chat-variables is no JSON"),
        (["--prompt", "a", "--chat", "--chat-variables", "5"], "--chat-variables is no JSON object"),
    ])
    func badOptions(options: [String], sentence: String) async throws {
        let workspace = try workspace()
        let result = try await Tool.run(["generate", "--model", "model"] + options, in: workspace)
        #expect(result.code == 2 && result.errors.contains(sentence), "\(result.errors)")
    }

    @Test func aConversationInAPipe() async throws {
        let workspace = try workspace()
        let chat = Tool.line(["chat", "--max-new-tokens", "4", "--quiet"] + Self.options)
        let whole = try await Tool.shell(
            "printf 'Hello\\n\\nAgain\\n/reset\\nHello\\n/exit\\nmore\\n' | \(chat)", in: workspace)
        #expect(whole.code == 0, "\(whole.errors)")
        let first = try await Tool.shell("printf 'Hello' | \(chat)", in: workspace)
        // After a reset all is as at the beginning; what follows /exit is not answered.
        #expect(
            first.output.isEmpty == false && whole.output.hasPrefix(first.output)
                && whole.output.hasSuffix(first.output))
        // The second answer comes after the first.
        let answer = String(first.output.dropLast())
        let messages: ChatValue = [
            "messages": [
                .message(role: "user", content: "Hello"), .message(role: "assistant", content: answer),
                .message(role: "user", content: "Again"),
            ]
        ]
        guard case .array(let list)? = messages["messages"] else { return }
        let said = list.map {
            "{\"role\": \"\($0["role"]?.string ?? "")\", \"content\": \(json($0["content"]?.string ?? ""))}"
        }
        try workspace.write("{\"messages\": [\(said.joined(separator: ", "))]}\n", to: "chats.jsonl")
        let generated = try await Tool.run(
            ["generate", "--chat", "--max-new-tokens", "4", "--input", "chats.jsonl"] + Self.options,
            in: workspace)
        let second = try #require(
            try lines(generated.output).first?["text"]?.string, "\(generated.errors)")
        #expect(whole.output == first.output + second + "\n" + first.output)
    }

    private func json(_ text: String) -> String {
        String(decoding: (try? JSONEncoder().encode(text)) ?? Data(), as: UTF8.self)
    }

    @Test func whatIsWrongInAPipeEndsIt() async throws {
        let workspace = try workspace()
        try workspace.write("{{ messages[5].content }}{{ messages[5].content.x }}", to: "t.jinja")
        let result = try await Tool.shell(
            "echo a | \(Tool.line(["chat"] + Self.options))", in: workspace)
        #expect(result.code == 1 && result.errors.contains("t.jinja, line 1"), "\(result.errors)")
    }

    @Test func conversationsAreLearnt() async throws {
        let workspace = try workspace()
        let chats = (1...4).map { number in
            #"{"messages": [{"role": "user", "content": "q\#(number)"}, {"role": "assistant", "content": "a\#(number)"}, "#
                + #"{"role": "user", "content": "more"}, {"role": "assistant", "content": "b"}]}"#
        }
        try workspace.write(chats.joined(separator: "\n"), to: "chats.jsonl")
        let train = [
            "train", "--task", "chat", "--data", "chats.jsonl", "--validation", "0.25", "--steps", "2",
            "--output", "run",
        ]
        let result = try await Tool.run(train + Self.options, in: workspace)
        #expect(result.code == 0, "\(result.errors)")
        let resumed = try await Tool.run(
            ["train", "--resume", "--output", "run", "--steps", "3"], in: workspace)
        #expect(resumed.code == 0, "\(resumed.errors)")
        // What was trained on conversations answers such.
        let answered = try await Tool.run(
            ["generate", "--prefix", "run", "--prompt", "Hello", "--json", "--max-new-tokens", "3"]
                + Self.options, in: workspace)
        #expect(
            try lines(answered.output).first?["prompt"]?.string == "<user> Hello\n<assistant>",
            "\(answered.errors)")
        let scored = try await Tool.run(
            ["score", "--prefix", "run", "--data", "chats.jsonl"] + Self.options, in: workspace)
        let first = try #require(try lines(scored.output).first, "\(scored.errors)")
        #expect(first["token_ids"]?.array?.count == first["logprobs"]?.array?.count)
        let all = try await Tool.run(
            train.map { $0 == "run" ? "all" : $0 } + ["--loss-on", "all"] + Self.options, in: workspace)
        #expect(all.code == 0, "\(all.errors)")
        let other = try await Tool.run(
            ["train", "--data", "chats.jsonl", "--output", "other", "--model", "model"], in: workspace)
        #expect(other.code == 1 && other.errors.contains("chats.jsonl, line 1: found no \"prompt\""), "\(other.errors)")
        let useless = try await Tool.run(
            [
                "train", "--data", "chats.jsonl", "--output", "other", "--model", "model", "--loss-on",
                "all",
            ], in: workspace)
        #expect(
            useless.code == 2 && useless.errors.contains("--loss-on has no meaning without --task chat"))
    }

    @Test func instructionsAreConversations() async throws {
        let workspace = try workspace()
        func messages(_ user: String, _ assistant: String) -> String {
            "{\"messages\": [{\"role\": \"user\", \"content\": \(json(user))}, {\"role\": \"assistant\", \"content\": \(json(assistant))}]}\n"
        }
        try workspace.write(messages("Name a colour.", "red") + messages("Sum.\n\n1 2", "3"), to: "chats.jsonl")
        try workspace.write(
            #"{"instruction": "Name a colour.", "input": "", "output": "red"}"# + "\n"
                + #"{"instruction": "Sum.", "input": "1 2", "output": "3"}"# + "\n", to: "instructions.jsonl")
        try workspace.write(
            #"{"q": "Name a colour.", "a": "red"}"# + "\n" + #"{"q": "Sum.\n\n1 2", "a": "3"}"# + "\n",
            to: "fields.jsonl")
        try workspace.write("prompt,completion\nName a colour.,red\n\"Sum.\n\n1 2\",3\n", to: "table.csv")
        try workspace.write(
            #"[{"x": "Name a colour.", "y": "", "a": ["red"]}, {"x": "Sum.", "y": "\n\n1 2", "a": ["3"]}]"#,
            to: "list.json")
        let score = ["score", "--task", "chat"] + Self.options
        let expected = try await Tool.run(score + ["--data", "chats.jsonl"], in: workspace)
        #expect(expected.code == 0 && !expected.output.isEmpty, "\(expected.errors)")
        let files: [(String, [String])] = [
            ("instructions.jsonl", []), ("fields.jsonl", ["--prompt-field", "q", "--completion-field", "a"]),
            ("table.csv", []), ("list.json", ["--prompt-template", "{x}{y}", "--completion-field", "a"]),
        ]
        for (file, fields) in files {
            let found = try await Tool.run(score + ["--data", file] + fields, in: workspace)
            #expect(found.output == expected.output, "\(file): \(found.errors)")
        }
        let generated = try await Tool.run(
            ["generate", "--chat", "--input", "fields.jsonl", "--prompt-field", "q", "--max-new-tokens", "2"]
                + Self.options,
            in: workspace)
        #expect(
            try lines(generated.output).map { $0["prompt"]?.string }
                == ["<user> Name a colour.\n<assistant>", "<user> Sum.\n\n1 2\n<assistant>"], "\(generated.errors)")
        let missing = try await Tool.run(score + ["--data", "fields.jsonl", "--prompt-field", "z"], in: workspace)
        #expect(
            missing.code == 1 && missing.errors.contains("fields.jsonl, line 1: found no \"z\""), "\(missing.errors)")

        // A prefix knows the fields that it was trained with.
        let trained = try await Tool.run(
            [
                "train", "--task", "chat", "--data", "fields.jsonl", "--prompt-template", "Q: {q}",
                "--completion-field", "a",
                "--steps", "1", "--output", "run",
            ] + Self.options, in: workspace)
        #expect(trained.code == 0, "\(trained.errors)")
        for more in [[], ["--chat"]] {
            let answered = try await Tool.run(
                [
                    "generate", "--prefix", "run", "--prompt", "Hello", "--json", "--max-new-tokens", "2", "--model",
                    "model",
                ] + more,
                in: workspace)
            #expect(
                try lines(answered.output).first?["prompt"]?.string == "<user> Q: Hello\n<assistant>",
                "\(answered.errors)")
        }
    }

    @Test func answersAreEvaluated() async throws {
        let workspace = try workspace()
        let chat =
            #"{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "one two three four"}]}"#
        try workspace.write("\(chat)\n\(chat)\n", to: "chats.jsonl")
        try workspace.write("one two three four\nfive\n", to: "texts.txt")
        let result = try await Tool.run(
            ["evaluate", "--predictions", "texts.txt", "--references", "chats.jsonl", "--json"], in: workspace)
        // One question that is asked twice is answered twice.
        #expect(result.code == 0, "\(result.errors)")
        let generated = try await Tool.run(
            ["generate", "--chat", "--input", "chats.jsonl", "--output", "out.jsonl", "--max-new-tokens", "2"]
                + Self.options,
            in: workspace)
        #expect(generated.code == 0, "\(generated.errors)")
        let whole = try await Tool.run(
            ["evaluate", "--predictions", "out.jsonl", "--references", "chats.jsonl"], in: workspace)
        #expect(whole.code == 0 && whole.output.contains("BLEU"), "\(whole.errors)")
    }

    @Test func adaptersTakeTheirTemplateAlong() async throws {
        let workspace = try workspace()
        let chat = #"{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}"#
        try workspace.write(chat + "\n", to: "chats.jsonl")
        let trained = try await Tool.run(
            ["train", "--task", "chat", "--data", "chats.jsonl", "--steps", "1", "--output", "run"] + Self.options,
            in: workspace)
        #expect(trained.code == 0, "\(trained.errors)")
        let record = try ChatValue(json: workspace.text("run/prefixtune_task.json"))
        #expect(record["chat_template"]?.string == Self.template)
        #expect(record["chat_template_digest"]?.string?.count == 16)
        // The model has no template of its own, and none is named.
        let plain = ["--model", "model", "--prefix", "run", "--threads", "1"]
        let generate = ["generate", "--prompt", "a", "--json", "--max-new-tokens", "3"]
        let named = try await Tool.run(generate + plain + ["--chat-template", "t.jinja"], in: workspace)
        #expect(named.code == 0 && !named.errors.contains("Warning"), "\(named.errors)")
        for more in [[], ["--chat"]] {
            let found = try await Tool.run(generate + more + plain, in: workspace)
            #expect(found.code == 0 && found.output == named.output, "\(found.errors)")
            #expect(!found.errors.contains("Warning"), "\(found.errors)")
        }
        let said = try await Tool.shell(
            "printf 'a\\n' | \(Tool.line(["chat", "--max-new-tokens", "3"] + plain))", in: workspace)
        #expect(said.code == 0 && !said.output.isEmpty, "\(said.errors)")
        let scored = try await Tool.run(["score", "--data", "chats.jsonl"] + plain, in: workspace)
        #expect(scored.code == 0, "\(scored.errors)")
        try workspace.write(Self.template.replacing("<", with: "["), to: "other.jinja")
        let other = try await Tool.run(generate + plain + ["--chat-template", "other.jinja"], in: workspace)
        #expect(other.code == 0 && other.output != named.output)
        #expect(
            other.errors.contains(
                "Warning: the adapter was trained on conversations that another chat template had written"),
            "\(other.errors)")
        // The record goes with a copy in another form, and a template that cannot be read is named.
        let converted = try await Tool.run(
            ["convert", "run", "copy", "--to", "peft", "--model", "model"], in: workspace)
        #expect(converted.code == 0, "\(converted.errors)")
        #expect(try workspace.text("copy/prefixtune_task.json") == workspace.text("run/prefixtune_task.json"))
        let text = try workspace.text("run/prefixtune_task.json")
        try workspace.write(text.replacing("{%- endfor %}", with: ""), to: "run/prefixtune_task.json")
        let bad = try await Tool.run(generate + plain, in: workspace)
        #expect(bad.code == 1 && bad.errors.contains("prefixtune_task.json"), "\(bad.errors)")
    }
}
