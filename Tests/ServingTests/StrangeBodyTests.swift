import Foundation
import Tensors
import Testing

@testable import Serving

/// Bodies that chance made of good ones: refused with a sentence, or taken.
@Suite struct StrangeBodyTests {
    /// Bytes changed, cut, doubled and moved.
    private func changed(_ body: [UInt8], _ generator: inout SeededGenerator) -> [UInt8] {
        var body = body
        for _ in 0..<Int.random(in: 1...4, using: &generator) where body.count > 2 {
            let place = Int.random(in: 0..<body.count - 1, using: &generator)
            let end = min(body.count, place + Int.random(in: 1...12, using: &generator))
            switch Int.random(in: 0..<5, using: &generator) {
            case 0: body[place] = UInt8.random(in: 0...255, using: &generator)
            case 1: body.removeSubrange(place..<end)
            case 2: body.insert(contentsOf: body[place..<end], at: place)
            case 3:
                body.insert(contentsOf: Array("[{\"\\-1e999".utf8).shuffled(using: &generator), at: place)
            default: body = Array(body[..<end])
            }
        }
        return body
    }

    private func isTaken(_ read: () throws(ServingError) -> Void) -> Bool {
        do throws(ServingError) {
            try read()
            return true
        } catch {
            #expect((400..<500).contains(error.status) && error.description.count > 10)
            return false
        }
    }

    @Test func requestsAndForms() {
        var generator = SeededGenerator(seed: 18)
        let completion = Array(
            #"{"model":"m","prompt":["a",[1,2]],"max_tokens":5,"temperature":0.5,"stop":["x"],"logit_bias":{"5":1},"stream":true,"stream_options":{"include_usage":true}}"#
                .utf8)
        let chat = Array(
            #"{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"é"}]},{"role":"assistant","content":null,"tool_calls":[]}],"tools":[{"a":{"b":1}}],"chat_template_kwargs":{"x":true},"logprobs":true,"top_logprobs":2}"#
                .utf8)
        let form = Array(
            "--B\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nx\r\n--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.bin\"\r\n\r\n123\r\n--B--\r\n"
                .utf8)
        var taken = 0
        var count = 0
        for _ in 0..<3000 {
            let bodies = [completion, chat, form].map { Data(changed($0, &generator)) }
            if isTaken({ () throws(ServingError) in
                _ = try CompletionRequest(bodies[0], vocabularySize: 100)
            }) {
                taken += 1
            }
            if isTaken({ () throws(ServingError) in _ = try ChatRequest(bodies[1], vocabularySize: 100) }) {
                taken += 1
            }
            let wholeForm = try? FormTests.parts(of: bodies[2]),
                piecewise = try? FormTests.parts(of: bodies[2], size: 7)
            #expect(
                wholeForm?.map(\.name) == piecewise?.map(\.name) && wholeForm?.map(\.bytes) == piecewise?.map(\.bytes))
            if wholeForm != nil { taken += 1 }
            count += 3
        }
        // Both happen, else nothing is tried.
        #expect(taken > count / 50 && taken < count)
    }

    @Test func filesOfKeys() {
        var generator = SeededGenerator(seed: 19)
        let line = Array(
            KeyFile.newKey("alice").line.replacing(" -\n", with: " requests=5,weight=2\n").utf8)
        for _ in 0..<3000 {
            let text = String(decoding: changed(line, &generator), as: UTF8.self)
            do throws(KeyFile.Mistake) { _ = try KeyFile(text, file: "keys") } catch {
                #expect(error.description.hasPrefix("keys:"))
            }
        }
    }

    @Test func deepNests() {
        for text in [
            String(repeating: "[", count: 100_000), String(repeating: "{\"a\":", count: 100_000),
        ] {
            let whole = "{\"model\":\"m\",\"messages\":" + text
            #expect(
                !isTaken { () throws(ServingError) in
                    _ = try ChatRequest(Data(whole.utf8), vocabularySize: 9)
                })
        }
        let closed =
            "{\"model\":\"m\",\"prompt\":" + String(repeating: "[", count: 400)
            + String(repeating: "]", count: 400) + "}"
        #expect(
            !isTaken { () throws(ServingError) in
                _ = try CompletionRequest(Data(closed.utf8), vocabularySize: 9)
            })
    }
}
