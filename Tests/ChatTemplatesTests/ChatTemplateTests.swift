import ChatTemplates
import Testing

@Suite("Chat templates")
struct ChatTemplateTests {
    private func error(_ source: String, messages: [ChatValue] = []) -> ChatTemplateError? {
        do {
            _ = try ChatTemplate(source, name: "chat_template.jinja").render(messages: messages)
            return nil
        } catch { return error as? ChatTemplateError }
    }

    @Test("errors name template, line and reason")
    func sentences() {
        func sentence(_ source: String) -> String? { error(source)?.description }
        #expect(sentence("a\n\n{% frob %}") == "chat_template.jinja, line 3: the statement \"frob\" is not known")
        #expect(
            sentence("{% if 1 %}\n{{ 1 }}\n")
                == "chat_template.jinja, line 1: \"if\" is not ended; \"elif\" or \"else\" or \"endif\" is missing")
        #expect(sentence("\n{{ a.b.c }}") == "chat_template.jinja, line 2: \"a\" is undefined")
        #expect(
            sentence("{{ 1\n+\nnone }}")
                == "chat_template.jinja, line 1: \"+\" is not for values of types int and NoneType")
        #expect(sentence("\n\n{{ 'a'|frob }}") == "chat_template.jinja, line 3: the filter \"frob\" is not known")
        #expect(
            sentence("{{ (1 }}") == "chat_template.jinja, line 1: \"{{\" without \"}}\"" || sentence("{{ (1 }}") != nil)
        #expect(
            sentence("{% macro f(a) %}{% endmacro %}\n{{ f(b=1) }}")
                == "chat_template.jinja, line 2: the macro \"f\" has no argument \"b\"")
        #expect(
            sentence("\n{{ raise_exception('Roles must alternate') }}")
                == "chat_template.jinja, line 2, refuses the messages: Roles must alternate")
        #expect(
            sentence("{% for a in range(100000) %}{% for b in range(99) %}{% endfor %}{% endfor %}")
                == "chat_template.jinja, line 1: more than 1000000 steps; it may never end")
    }

    @Test("what a template raises is an error of its own")
    func raised() {
        #expect(
            error("{{ raise_exception('no ' ~ 5) }}")
                == .raised(template: "chat_template.jinja", line: 1, message: "no 5"))
    }

    @Test("a template is read once and renders the same again, on any thread")
    func repeated() async throws {
        let template = try ChatTemplate(ChatGoldens.template("gemma4")), conversation = ChatGoldens.conversations[8]
        let expected = try conversation.render(template)
        try await withThrowingTaskGroup(of: ChatTemplate.Rendered.self) { group in
            for _ in 0..<8 { group.addTask { try conversation.render(template) } }
            for try await rendered in group { #expect(rendered == expected) }
        }
    }

    @Test("lists that grow, as llama.cpp's templates have them")
    func growingLists() throws {
        let source = """
            {% set l = [1] %}{% set x = l.append(2) %}{% do_nothing %}
            """
        #expect(throws: ChatTemplateError.self) { try ChatTemplate(source) }
        let grown =
            "{% set l = [1] %}{% set x = l.append(2) %}{{ l.extend([3, 4]) }}{{ l.pop() }}{{ l.pop(0) }}{{ l.insert(0, 9) }}{{ l }}"
        #expect(try ChatTemplate(grown).render(messages: []).text == "None41None[9, 2, 3]")
    }

    @Test("what a caller gave is not changed")
    func inputs() throws {
        let list: ChatValue = [1, 2]
        let template = try ChatTemplate("{{ x.append(3) }}{{ x }}{{ messages }}")
        let first = try template.render(messages: [["role": "user", "content": "a"]], variables: ["x": list])
        #expect(first.text == "None[1, 2, 3][{'role': 'user', 'content': 'a'}]")
        #expect(try template.render(messages: [["role": "user", "content": "a"]], variables: ["x": list]) == first)
    }

    @Test("thoughts are found by the names that templates know")
    func reasoning() throws {
        let template = try ChatTemplate(
            "{% for m in messages %}{{ m.reasoning_content }}/{{ m.thinking }}/{{ m.reasoning }};{% endfor %}")
        let messages: [ChatValue] = [
            ["role": "assistant", "reasoning_content": "a"], ["role": "assistant", "thinking": "b"],
            ["role": "assistant", "reasoning": "c", "reasoning_content": .null], ["role": "assistant"],
        ]
        #expect(try template.render(messages: messages).text == "a/a/;b/b/;c/c/c;//;")
    }

    @Test("generation blocks are reported in bytes, and known without rendering")
    func generation() throws {
        let template = try ChatTemplate(
            "é{% for m in messages %}{% generation %}{{ m.content }}{% endgeneration %}|{% endfor %}")
        #expect(template.marksGenerations)
        let rendered = try template.render(messages: [["content": "日"], ["content": ""], ["content": "ab"]])
        #expect(rendered.text == "é日||ab|")
        #expect(rendered.generationRanges == [2..<5, 6..<6, 7..<9])
        #expect(try !ChatTemplate("{# generation #}{{ 'generation' }}").marksGenerations)
    }

    @Test("a message that cannot be continued")
    func continuation() throws {
        let template = try ChatTemplate("{% for m in messages %}{{ m.content if m.role == 'user' }}{% endfor %}")
        for messages: [ChatValue] in [
            [], [["role": "assistant", "content": "x"]], [["role": "user", "content": 5]], [["role": "user"]],
        ] {
            #expect(throws: ChatTemplateError.self) { try template.render(messages: messages, ending: .continuation) }
        }
        let parts: [ChatValue] = [["role": "user", "content": [["type": "text", "text": "ab "], ["type": "image"]]]]
        let listed = try ChatTemplate("<{% for p in messages[0].content %}{{ p.text|trim }}{% endfor %}>")
        #expect(try listed.render(messages: parts, ending: .continuation).text == "<ab")
    }

    @Test(
        "time",
        arguments: [
            (0, 0, "1970-01-01 00:00:00 Thu 001"), (951_782_400, 0, "2000-02-29 00:00:00 Tue 060"),
            (1_790_000_000, 0, "2026-09-21 14:13:20 Mon 264"),
            (1_790_000_000, 36_000, "2026-09-22 00:13:20 Tue 265"), (-1, 0, "1969-12-31 23:59:59 Wed 365"),
            (4_102_444_799, 0, "2099-12-31 23:59:59 Thu 365"),
            (1_735_603_199, 0, "2024-12-30 23:59:59 Mon 365"), (1_735_689_600, -1, "2024-12-31 23:59:59 Tue 366"),
        ])
    func clock(seconds: Int, offset: Int, expected: String) throws {
        let template = try ChatTemplate("{{ strftime_now('%Y-%m-%d %H:%M:%S %a %j') }}")
        let clock = ChatClock.fixed(.init(seconds: seconds, offset: offset))
        #expect(try template.render(messages: [], clock: clock).text == expected)
        #expect(error("{{ strftime_now('%Q') }}") != nil)
        #expect(error("{{ strftime_now('%') }}") != nil)
    }
}

@Suite("JSON of chats")
struct ChatJSONTests {
    @Test("order, kinds and escapes")
    func values() throws {
        let value = try ChatValue(
            json: #" {"b": 1, "a": [true, null, -2.5, 1e3, 0], "é": "\ud83d\ude00\u00e9\n\/\ud800x", "e\u0301": {}} "#)
        #expect(
            value
                == [
                    "b": 1, "a": [true, .null, .double(-2.5), .double(1000), 0], "é": "😀é\n/\u{FFFD}x", "e\u{301}": [:],
                ])
        #expect(value["é"]?.string?.hasPrefix("😀") == true && value["e\u{301}"] == [:])
        #expect(try ChatValue(json: "[NaN, -Infinity]").array?.count == 2)
        let twice = try ChatValue(json: #"{"a": 1, "b": 2, "a": 3}"#)
        #expect(try ChatTemplate("{{ x }}").render(messages: [], variables: ["x": twice]).text == "{'a': 3, 'b': 2}")
    }

    @Test(
        "what is no JSON",
        arguments: [
            "", "{", "[1,]", "{\"a\"}", "{\"a\":}", "{a: 1}", "01", "+1", "1.", "--1", "\"", "\"\\x\"", "\"\\u12\"",
            "\"\n\"", "nul", "1 2", "[1 2]", "12345678901234567890",
            "\"\u{0}\"", "{\"a\":1,}", "-", "'a'",
        ])
    func bad(text: String) {
        #expect(throws: ChatTemplateError.self) { try ChatValue(json: text) }
    }

    @Test("bytes that are not UTF-8, and levels without end")
    func badBytes() {
        #expect(throws: ChatTemplateError.self) { try ChatValue(json: [0x22, 0xFF, 0x22]) }
        #expect(throws: ChatTemplateError.self) { try ChatValue(json: String(repeating: "[", count: 100_000)) }
    }
}
