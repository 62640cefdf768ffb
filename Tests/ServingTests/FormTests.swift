import Foundation
import Testing

@testable import Serving

@Suite struct FormTests {
    @Test func quotedTextIsJSON() throws {
        for text in ["", "a\"b\\c\n\r\t\u{0}\u{1f}", "größe 日本語 🙂", "\u{2028}\u{7f}", "</script>"] {
            let back = try JSONDecoder().decode(String.self, from: Data(EventText.quoted(text).utf8))
            #expect(back == text)
        }
    }

    @Test func chunksAreJSONOfOpenAIsForm() throws {
        for form in [EventText.Form.chat, .completion] {
            let chunks = EventText(form, id: "x\"y", created: 5, model: "m", includesUsage: true)
            for text in [
                chunks.role(1), chunks.text("a\n", index: 2, logprobs: "{\"content\":[]}", tokens: [1, 2]),
                chunks.finish(0, .length, stop: .string("\"")), chunks.usage(Usage()),
            ] {
                #expect(text.hasPrefix("data: {") && text.hasSuffix("}\n\n"))
                let json = try RequestValue(parsing: Data(text.dropFirst(6).utf8))
                #expect(json["id"] == .string("x\"y") && json["created"] == .integer(5))
            }
        }
    }

    @Test func metricsAreWrittenAsPrometheusReadsThem() {
        let registry = MetricsRegistry(labelLimit: 2)
        registry.declare("a_total", .counter, "Help \\ and\nmore.", label: "key")
        registry.declare("b", .gauge, "Nothing yet.")
        registry.declare("c_seconds", .histogram, "Times.", bounds: [0.1, 1])
        registry.add("a_total", label: "x\"\\\n")
        registry.add("a_total", 2, label: "y")
        registry.add("a_total", 5, label: "z")
        registry.add("a_total", 5, label: "w")
        registry.observe("c_seconds", 0.1)
        registry.observe("c_seconds", 0.5)
        registry.observe("c_seconds", 7)
        #expect(
            registry.text(MetricsNames(prefix: "p_")) == """
                # HELP p_a_total Help \\\\ and\\nmore.
                # TYPE p_a_total counter
                p_a_total{key="_other"} 10
                p_a_total{key="x\\"\\\\\\n"} 1
                p_a_total{key="y"} 2
                # HELP p_b Nothing yet.
                # TYPE p_b gauge
                p_b 0
                # HELP p_c_seconds Times.
                # TYPE p_c_seconds histogram
                p_c_seconds_bucket{le="0.1"} 1
                p_c_seconds_bucket{le="1"} 2
                p_c_seconds_bucket{le="+Inf"} 3
                p_c_seconds_sum 7.6
                p_c_seconds_count 3

                """)
    }

    @Test func partsOfAForm() throws {
        let body =
            "--B\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nx\r\n--B\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a/b.bin\"\r\n\r\n\r\n-B-\r\n\r\n--B--\r\n"
        for size in [1, 2, 5, 1000] {
            let parts = try Self.parts(of: Data(body.utf8), size: size)
            #expect(parts.map(\.name) == ["name", "file"] && parts[1].fileName == "b.bin")
            #expect(parts[0].bytes == Array("x".utf8) && parts[1].bytes == Array("\r\n-B-\r\n".utf8))
        }
        for bad in [
            "", "--B", "--B\r\n\r\n", "--B\r\nContent-Disposition: form-data\r\n\r\nx\r\n--B--", "--Bxx\r\n",
            "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx",
        ] {
            #expect(throws: ServingError.self) {
                try Self.parts(of: Data(bad.utf8))
            }
        }
        let many = String(repeating: "--B\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n", count: 40) + "--B--"
        #expect(throws: ServingError.self) { try Self.parts(of: Data(many.utf8)) }
        let long = "--B\r\nX: " + String(repeating: "x", count: 10_000) + "\r\n\r\n\r\n--B--"
        #expect(throws: ServingError.self) { try Self.parts(of: Data(long.utf8), size: 100) }
    }

    /// The parts of a form that comes in pieces.
    static func parts(
        of body: Data, size: Int = .max
    ) throws -> [(name: String, fileName: String?, bytes: [UInt8])] {
        var reader = try MultipartReader(contentType: "multipart/form-data; boundary=B")
        var parts: [(name: String, fileName: String?, bytes: [UInt8])] = [], rest = body[...]
        while !rest.isEmpty {
            try reader.append(rest.prefix(size)) { event in
                switch event {
                case .begin(let name, let fileName): parts.append((name, fileName, []))
                case .bytes(let bytes): parts[parts.count - 1].bytes += bytes
                case .end: break
                }
            }
            rest = rest.dropFirst(size)
        }
        try reader.finish()
        return parts
    }

    @Test func everyErrorSaysWhatToDo() {
        let errors: [ServingError] = [
            .notJSON(reason: "r"), .missing(field: "f"), .keyMissing, .keyUnknown, .forbidden(scope: "s"),
            .modelNotFound("m"), .rateLimited(limit: "l", retryAfter: 3), .overloaded(waiting: "w", retryAfter: 2),
            .draining,
            .outOfMemory(needed: 3, available: 2), .internalError(request: "r"), .bodyTooLarge(limit: 3), .diskFull,
            .uploadsFull(limit: 1),
            .pinsFull(needed: 3, limit: 2),
        ]
        for error in errors {
            #expect(error.description.count > 15 && error.code != nil)
            #expect((400..<600).contains(error.status))
        }
        #expect(EventText.encoded(ErrorBody(.keyMissing)).contains("\"param\":null"))
    }
}
