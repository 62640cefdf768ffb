import ChatTemplates
import Foundation
import LanguageModels
import PrefixTuning
import Tensors
import TestSupport
import Testing
import Tokenizers

/// What is learnt of conversations.
@Suite("Chat training") @Compute struct ChatTrainingTests {
    private static let template = """
        {% for m in messages %}{{ m.role[0] }} {{ m.content }} {% endfor %}{% if add_generation_prompt %}a{% endif %}
        """
    private static let chat = ChatExample(
        messages: [
            .message(role: "user", content: "the text"), .message(role: "assistant", content: "near"),
            .message(role: "user", content: "the"), .message(role: "assistant", content: "river"),
        ], location: DataLocation(file: "chats.jsonl", line: 3))

    private static func format(
        _ model: LanguageModel, loss: ChatForm.Loss = .assistant, system: String? = nil
    ) throws -> TaskFormat {
        var format = TuningTask.chat.format
        let chat = ChatFormat(template: try ChatTemplate(template), tokenizer: model.tokenizer)
        format.chat = ChatForm(chat, system: system, loss: loss)
        return format
    }

    @Test("answers are learnt, and nothing else")
    func masks() throws {
        let model = try TinyModel.worded()
        let tokenizer = model.tokenizer
        let example = try #require(
            try ExampleTokenizer(model, format: Self.format(model)).example(Example(Self.chat)))
        #expect(tokenizer.decode(example.tokens) == "u the text a near u the a river ")
        #expect(tokenizer.decode(example.targets) == " near  river ")
        #expect(example.isCounted?.first == true && example.isCounted?.last == true)
        #expect(
            example.targetCount == example.targets.count && example.isCounted?.contains(false) == true)
        let all = try #require(
            try ExampleTokenizer(model, format: Self.format(model, loss: .all)).example(
                Example(Self.chat)))
        #expect(all.targetStart == 1 && all.isCounted == nil && all.tokens == example.tokens)
        let told = try ExampleTokenizer(model, format: Self.format(model, system: "is")).example(
            Example(Self.chat))
        #expect(told.map { tokenizer.decode($0.tokens) }?.hasPrefix("s is u the text") == true)
        // One answer needs no mask; what is asked is the prompt.
        var single = Self.chat
        single.messages.removeLast(2)
        #expect(
            try ExampleTokenizer(model, format: Self.format(model)).example(Example(single))?.isCounted
                == nil)
        let prompt = try ExampleTokenizer(model, format: Self.format(model)).prompt(Example(Self.chat))
        #expect(tokenizer.decode(prompt) == "u the text a near u the a")
    }

    @Test("the loss of a conversation is that of its answers, each after all before it")
    func losses() throws {
        let model = try TinyModel.worded()
        let example = try #require(
            try ExampleTokenizer(model, format: Self.format(model)).example(Example(Self.chat)))
        let isCounted = try #require(example.isCounted)
        let scorer = Scorer(model.network)
        let other = TokenizedExample(tokens: Array(example.tokens.prefix(6)), targetStart: 2)
        let scores = try scorer.score([other, example, other])
        #expect(scores[1].token_ids == example.targets && scores[0] == scores[2])
        var expected: [Float] = []
        for (index, counts) in isCounted.enumerated() where counts {
            let place = example.targetStart + index
            let alone = TokenizedExample(tokens: Array(example.tokens[...place]), targetStart: place)
            expected += try scorer.score([alone])[0].logprobs
        }
        #expect(scores[1].logprobs.count == expected.count)
        #expect(zip(scores[1].logprobs, expected).allSatisfy { abs($0 - $1) < 1e-5 })
    }

    @Test("tokens that do not count teach nothing")
    func gradients() throws {
        let model = try TinyModel.worded()
        let example = try #require(
            try ExampleTokenizer(model, format: Self.format(model)).example(Example(Self.chat)))
        let isCounted = try #require(example.isCounted)
        // The same as one example for each run of counted tokens, that go through the model together.
        var parts: [TokenizedExample] = []
        var place = 0
        while place < isCounted.count {
            let end = isCounted[place...].firstIndex { $0 != isCounted[place] } ?? isCounted.count
            if isCounted[place] {
                let tokens = Array(example.tokens[..<(example.targetStart + end)])
                parts.append(TokenizedExample(tokens: tokens, targetStart: example.targetStart + place))
            }
            place = end
        }
        #expect(parts.count == 2)
        func first(_ examples: [TokenizedExample]) throws -> Trainer.Step {
            let method = try PrefixMethod(
                model: model, settings: .tiny(length: 3, hiddenWidth: nil), seed: 5)
            var training = TrainingSettings()
            (training.batchSize, training.duration, training.reduction) = (
                examples.count, .steps(1), .mean
            )
            return try Trainer(method, examples: examples, settings: training).step()
        }
        let whole = try first([example])
        let apart = try first(parts)
        #expect(abs(whole.tokenLoss - apart.tokenLoss) < 1e-5)
        #expect(
            abs(whole.gradientNorm - apart.gradientNorm) < 1e-4 * apart.gradientNorm
                && whole.gradientNorm > 0)
    }

    @Test("what does not fit, or has no answer, is named by file and line")
    func bad() throws {
        let model = try TinyModel.worded()
        func tokenizer(_ overflow: TaskFormat.Overflow = .fail) throws -> ExampleTokenizer {
            var format = try Self.format(model)
            format.overflow = overflow
            return ExampleTokenizer(model, format: format, reservedPositions: 0)
        }
        var long = Self.chat
        long.messages[0] = .message(role: "user", content: String(repeating: "the text ", count: 60))
        let error = failure(DataError.self) { _ = try tokenizer().example(Example(long)) }
        guard case .tooLong(long.location, _, 40)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(try tokenizer(.skip).example(Example(long)) == nil)
        #expect(throws: DataError.self) { try tokenizer(.truncate).example(Example(long)) }
        var unanswered = Self.chat
        unanswered.messages.removeLast()
        unanswered.messages.remove(at: 1)
        #expect(throws: DataError.missingCompletion(unanswered.location)) {
            try tokenizer().example(Example(unanswered))
        }
        // Data of conversations for a model without template.
        let bare = ExampleTokenizer(model, format: .plain)
        #expect(
            failure(DataError.self) { _ = try bare.example(Example(Self.chat)) }?.description
                .hasPrefix("chats.jsonl, line 3: ") == true)
    }
}
