import ChatTemplates
import Testing

/// Templates are files of strangers: whatever they do ends soon, within memory and stack.
@Suite("Chat templates: bounds")
struct ChatTemplateBoundsTests {
    /// What a template comes to that asks for too much.
    private func limit(_ source: String, _ variables: [String: ChatValue] = [:]) -> ChatTemplateError.Limit? {
        do {
            _ = try ChatTemplate(source).render(messages: [], variables: variables)
            return nil
        } catch ChatTemplateError.limit(_, _, let limit) {
            return limit
        } catch {
            Issue.record("another error: \(error)")
            return nil
        }
    }

    private func nested(_ opening: String, _ inner: String, _ closing: String, _ count: Int) -> String {
        String(repeating: opening, count: count) + inner + String(repeating: closing, count: count)
    }

    @Test("what is nested in the source", arguments: [1_000, 100_000])
    func source(count: Int) {
        #expect(limit("{{ " + nested("(", "1", ")", count) + " }}") == .depth(64))
        #expect(limit("{{ " + nested("[", "", "]", count) + " }}") == .depth(64))
        #expect(limit("{{ " + nested("{'a':", "1", "}", count) + " }}") == .depth(64))
        #expect(limit("{{ " + nested("not ", "1", "", count) + " }}") == .depth(64))
        #expect(limit("{{ " + nested("- ", "1", "", count) + " }}") == .depth(64))
        #expect(limit("{{ " + nested("x[", "1", "]", count) + " }}") == .depth(64))
        #expect(limit("{{ " + nested("x(", "1", ")", count) + " }}") == .depth(64))
        if count < 10_000 {
            #expect(limit(nested("{% if 1 %}", "1", "{% endif %}", count)) == .depth(64))
            #expect(limit(nested("{% for x in y %}", "1", "{% endfor %}", count)) == .depth(64))
            #expect(limit(nested("{% set x %}", "1", "{% endset %}", count)) == .depth(64))
        }
    }

    @Test("what stands in a row in the source is no depth")
    func rows() throws {
        func text(_ expression: String) throws -> String {
            try ChatTemplate("{{ \(expression) }}").render(messages: []).text
        }
        #expect(try text(Array(repeating: "1", count: 5_000).joined(separator: " + ")) == "5000")
        #expect(
            try text(Array(repeating: "'a'", count: 2_000).joined(separator: " ~ "))
                == String(repeating: "a", count: 2_000))
        #expect(try text(Array(repeating: "0", count: 5_000).joined(separator: " or ")) == "0")
        #expect(try text("'a'" + String(repeating: "|upper|lower", count: 2_000)) == "a")
        #expect(try text(Array(repeating: "0 if false", count: 2_000).joined(separator: " else ") + " else 7") == "7")
        let branches = (0..<2_000).map { "{% elif \($0) == -1 %}x" }.joined()
        #expect(try ChatTemplate("{% if false %}\(branches){% else %}y{% endif %}").render(messages: []).text == "y")
        #expect(try ChatTemplate(nested("{% if 1 %}", "a", "{% endif %}", 60)).render(messages: []).text == "a")
    }

    @Test("work")
    func steps() {
        #expect(
            limit("{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}")
                == .steps(1_000_000))
        #expect(limit("{{ [1] * 1000000000 }}") == .steps(1_000_000))
        #expect(
            limit("{% set n = namespace(l=[1]) %}{% for a in range(99) %}{% set n.l = n.l + n.l %}{% endfor %}")
                == .steps(1_000_000))
        // A list that holds itself twice, 60 times over, has 2^60 elements.
        let doubled = "{% set n = namespace(l=[1]) %}{% for a in range(60) %}{% set n.l = [n.l, n.l] %}{% endfor %}"
        #expect(limit(doubled + "{{ n.l }}") == .output(1 << 20))
        #expect(limit(doubled + "{{ n.l|tojson }}") == .output(1 << 20))
        #expect(limit(doubled + "{% set m = n.l[:] %}{{ m == n.l }}") == .steps(1_000_000))
        // Where each place of a long text may begin another: searched in linear time.
        let hay = ChatValue.string(String(repeating: "a", count: 1_000_000))
        let search = "{% for i in range(60) %}{{ needle in hay }}{{ hay.split(needle)|length }}{% endfor %}"
        let needle = ChatValue.string(String(repeating: "a", count: 500_000) + "b")
        #expect(limit(search, ["hay": hay, "needle": needle]) == .steps(1_000_000))
        #expect(
            limit("{% for i in range(100000) %}{{ hay|upper|length }}{% endfor %}", ["hay": hay]) == .steps(1_000_000))
    }

    @Test("texts")
    func output() {
        #expect(limit("{% for a in range(100000) %}{{ 'aaaaaaaaaaaaaaaaaaaa' }}{% endfor %}") == .output(1 << 20))
        #expect(limit("{{ 'a' * 1000000000000 }}") == .output(1 << 20))
        #expect(limit("{{ 'ab' * 9223372036854775807 }}") == .output(1 << 20))
        #expect(
            limit("{% set n = namespace(s='ab') %}{% for a in range(40) %}{% set n.s = n.s ~ n.s %}{% endfor %}")
                == .output(1 << 20))
        #expect(
            limit("{% set n = namespace(s='ab') %}{% for a in range(40) %}{% set n.s = n.s + n.s %}{% endfor %}")
                == .output(1 << 20))
        #expect(limit("{% set s = 'a' * 10000 %}{{ s.replace('a', s) }}") == .output(1 << 20))
        #expect(limit("{% set s = 'a' * 10000 %}{{ s|replace('', s) }}") == .output(1 << 20))
        #expect(limit("{% set s = 'a' * 10000 %}{{ range(1000)|join(s) }}") == .output(1 << 20))
        #expect(limit("{{ 'a\\nb\\nc'|indent(1000000000) }}") == .output(1 << 20))
        #expect(limit("{{ [[[1]]]|tojson(indent=1000000) }}") == .output(1 << 20))
        #expect(limit("{% set s = 'a' * 1000000 %}{{ '{0}{0}'.format(s) }}") == .output(1 << 20))
        #expect(limit("{% set s = 'a' * 1000000 %}{{ '%s%s' % (s, s) }}") == .output(1 << 20))
        #expect(
            limit("{{ content }}", ["content": .string(String(repeating: "é", count: 1 << 20))]) == .output(1 << 20))
        #expect(limit(String(repeating: "a", count: 1 << 21)) == .output(1 << 20))
    }

    @Test("macros that call themselves")
    func macros() {
        #expect(limit("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}") == .depth(64))
        #expect(
            limit("{% macro f() %}{% if 1 %}{% if 1 %}{{ [[f()]] }}{% endif %}{% endif %}{% endmacro %}{{ f() }}")
                == .depth(256))
        #expect(
            limit("{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(50) }}")
                == .steps(1_000_000))
    }

    @Test("values that lie deep, or in themselves")
    func deepValues() throws {
        #expect(limit("{% set l = [] %}{% set x = l.append(l) %}{{ l }}") == .depth(64))
        #expect(limit("{% set l = [] %}{% set x = l.append(l) %}{{ l|tojson }}") == .depth(64))
        #expect(
            limit("{% set l = [] %}{% set x = l.append(l) %}{% set m = [l] %}{% set x = m.append(m) %}{{ l == m }}")
                == nil)
        #expect(
            limit("{% set l = [] %}{% set x = l.append(l) %}{% set m = [] %}{% set x = m.append(m) %}{{ l == m }}")
                == .depth(64))
        // They are let go of without a call for each level.
        let chain = "{% set n = namespace(l=[]) %}{% for a in range(90000) %}{% set n.l = [n.l] %}{% endfor %}ok"
        #expect(try ChatTemplate(chain).render(messages: []).text == "ok")
        let grown = """
            {% set head = [] %}{% set n = namespace(l=head) %}{% for a in range(60000) %}{% set m = [] %}{% set x = n.l.append(m) %}\
            {% set n.l = m %}{% endfor %}ok
            """
        #expect(try ChatTemplate(grown).render(messages: []).text == "ok")
        var deep = ChatValue.null
        for _ in 0..<65 { deep = .array([deep]) }
        #expect(limit("{{ x }}", ["x": deep]) == .depth(64))
        #expect(throws: ChatTemplateError.self) {
            try ChatTemplate("{{ ('[' * 1000)|from_json }}").render(messages: [])
        }
    }

    @Test("numbers")
    func numbers() throws {
        for expression in [
            "9223372036854775807 + 1", "-9223372036854775807 - 2", "4611686018427387904 * 2", "2 ** 63",
            "3 ** 1000000000000",
            "(-9223372036854775807 - 1)|abs", "-(-9223372036854775807 - 1)", "(-9223372036854775807 - 1) // -1",
            "99999999999999999999",
            "range(-9223372036854775807, 9223372036854775807)|list", "range(0, 1, 0)", "[1][::0]",
        ] {
            #expect(throws: ChatTemplateError.self, "\(expression)") {
                try ChatTemplate("{{ \(expression) }}").render(messages: [])
            }
        }
        for (expression, expected) in [
            ("(-1) ** 1000000000001", "-1"), ("0 ** 0", "1"), ("[1, 2, 3][::9223372036854775807]", "[1]"),
            ("[1, 2, 3][-9223372036854775807:9223372036854775807]", "[1, 2, 3]"),
            ("[1][9223372036854775807] is defined", "False"),
            ("(-9223372036854775807 - 1) % -1 if false else 1", "1"), ("[1, 2][::-9223372036854775807]", "[2]"),
            ("1e308 * 10", "inf"),
            ("(-9223372036854775807 - 1) is divisibleby(-1)", "True"),
        ] {
            #expect(try ChatTemplate("{{ \(expression) }}").render(messages: []).text == expected, "\(expression)")
        }
    }

    @Test("numbers at the edge of 64 bits")
    func edges() throws {
        func text(_ expression: String) -> String {
            do {
                return try ChatTemplate("{% set low = -9223372036854775807 - 1 %}{{ \(expression) }}").render(
                    messages: []).text
            } catch {
                return "\(error)"
            }
        }
        for expression in [
            "-low", "low|abs", "low // -1", "low - 1", "low * -1", "low ** 3", "3 ** 100", "9223372036854775807 + 1",
            "low + low",
        ] {
            #expect(text(expression).contains("64 bits"), "\(expression): \(text(expression))")
        }
        #expect(text("low") == "-9223372036854775808")
        #expect(text("low % -1") == "0")
        #expect(text("1 ** 9223372036854775807") == "1" && text("(-1) ** 9223372036854775807") == "-1")
        #expect(text("0 ** 9223372036854775807") == "0" && text("low ** 1") == "-9223372036854775808")
        #expect(text("5|round(low)").contains("at most 15 digits"))
        #expect(text("5|round(9223372036854775807)").contains("at most 15 digits"))
        #expect(text("[1, 2, 3][low]") == "" && text("[1, 2, 3][low:][0]") == "1")
        #expect(
            text("'abc'[9223372036854775807:low:low]") == "cba" || text("'abc'[9223372036854775807:low:low]") == "c")
        #expect(text("range(low, 9223372036854775807)|length").isEmpty == false)
    }

    @Test("loops kept within one another are let go of one by one")
    func loops() throws {
        let chain =
            "{% set n = namespace(l=0) %}{% for a in range(30000) %}"
            + "{% for b in [n.l] %}{% set n.l = loop %}{% endfor %}{% endfor %}ok"
        #expect(try ChatTemplate(chain).render(messages: []).text == "ok")
    }

    @Test("members of objects are paid for")
    func members() {
        let wide = ChatValue.object((0..<5000).map { .init("k\($0)", .integer($0)) })
        for work in ["d == e", "namespace(d)", "d|list|length"] {
            #expect(
                limit("{% for i in range(10000) %}{% set x = \(work) %}{% endfor %}", ["d": wide, "e": wide])
                    == .steps(1_000_000), "\(work)")
        }
    }
}
