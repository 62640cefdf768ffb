import Foundation
import LanguageModels
@testable import PrefixTuning
import Tensors
import TestSupport
import Testing
import Tokenizers

/// Documents and summaries: reading them, and making of them what an encoder–decoder model reads.
@Suite("Summarisation data") struct XSUMTaskTests {
    /// Files of one folder, which exists while `body` runs.
    private func withFiles<Result>(_ files: [String: String], _ body: (URL) throws -> Result) throws -> Result {
        try withTrainingFolder { folder in
            for (name, text) in files {
                try Data(text.utf8).write(to: folder.appendingPathComponent(name))
            }
            return try body(folder)
        }
    }

    /// What reading one of some files throws.
    private func refusal(_ files: [String: String], reading name: String) throws -> String {
        try withFiles(files) { folder in
            let error = failure(DataError.self) { _ = try TuningTask.xsum.read(folder.appendingPathComponent(name)) }
            return try #require(error, "accepted").description
                .replacingOccurrences(of: folder.path + "/", with: "")
        }
    }

    @Test("a pair of files, either of them named", arguments: ["train.source", "train.target"])
    func pair(named name: String) throws {
        try withFiles(["train.source": "First  document .\r\nSecond one\n", "train.target": "First.\nSecond.\n"]) {
            let examples = try TuningTask.xsum.read($0.appendingPathComponent(name))
            #expect(examples.map(\.prompt) == ["First  document .", "Second one"])
            #expect(examples.map(\.completion) == ["First.", "Second."])
            #expect(examples.map(\.references) == [["First."], ["Second."]])
            #expect(examples.map(\.location.description).allSatisfy { $0.contains("train.source, line ") })
        }
    }

    @Test("a compressed half of a pair, and both", arguments: [[0], [1], [0, 1]])
    func compressed(which: [Int]) throws {
        // gzip of "A document.\n" and of "A summary.\n", made by gzip -n.
        let packed = [
            "H4sIAAAAAAAAA3NUSMlPLs1NzSvR4wIAu0QGawwAAAA=", "H4sIAAAAAAAAA3NUKC7NzU0sqtTjAgBRoB+VCwAAAA==",
        ]
        try withTrainingFolder { folder in
            var names: [String] = []
            for (index, (name, text)) in [("a.source", "A document.\n"), ("a.target", "A summary.\n")].enumerated() {
                let isPacked = which.contains(index)
                names.append(isPacked ? "\(name).gz" : name)
                let data = isPacked ? try #require(Data(base64Encoded: packed[index])) : Data(text.utf8)
                try data.write(to: folder.appendingPathComponent(names[index]))
            }
            for name in names {
                let examples = try TuningTask.xsum.read(folder.appendingPathComponent(name))
                #expect(examples.map(\.prompt) == ["A document."] && examples.map(\.completion) == ["A summary."])
            }
        }
    }

    @Test("documents alone can be summarised, not learnt from; summaries alone are nothing")
    func missingPartner() throws {
        try withFiles(["test.source": "One.\nTwo.\n"]) { folder in
            let url = folder.appendingPathComponent("test.source")
            let examples = try TuningTask.xsum.read(url)
            #expect(examples.map(\.prompt) == ["One.", "Two."])
            #expect(examples.allSatisfy { $0.completion == nil && $0.references.isEmpty })
            #expect(throws: DataError.missingCompletion(examples[0].location)) {
                try TuningTask.xsum.readForTraining([url])
            }
        }
        #expect(
            try refusal(["test.target": "One.\n"], reading: "test.target")
                == "test.target: there is no file of documents beside it; test.source is needed")
        #expect(
            try refusal(["test.txt": "One.\n"], reading: "test.txt")
                == "test.txt: it is neither JSON lines nor one of a pair of files; a name that ends in .source or .target, "
                + "or lines {\"document\": \"…\", \"summary\": \"…\"}, is needed")
    }

    @Test("pairs whose lines do not match")
    func mismatches() throws {
        for (source, target, counts) in [
            ("a\nb\n", "x\n", "1, but that of a.source is 2"), ("a\n", "x\ny\nz", "3, but that of a.source is 1"),
        ] {
            for name in ["a.source", "a.target"] {
                #expect(
                    try refusal(["a.source": source, "a.target": target], reading: name)
                        == "a.target: its number of lines is \(counts); one summary per document, in the same order, is needed"
                )
            }
        }
        #expect(
            try refusal(["a.source": "a\n\nb\n", "a.target": "x\ny\nz\n"], reading: "a.target")
                == "a.source, line 2: found an empty line, but a text (or remove the line, and the same one of a.target) is "
                + "needed")
        #expect(
            try refusal(["a.source": "a\nb\n", "a.target": "x\n \n"], reading: "a.source")
                == "a.target: its number of lines is 1, but that of a.source is 2; one summary per document, in the same order, "
                + "is needed")
        #expect(
            try refusal(["a.source": "\t\nb\n"], reading: "a.source")
                == "a.source, line 1: found an empty line, but a document is needed")
        #expect(
            try refusal(["a.source": "a\n", "a.target": "\n"], reading: "a.source").hasPrefix("a.target is empty;"))
    }

    @Test("JSON lines under the names of the data sets")
    func jsonLines() throws {
        let examples = try readTask(
            .xsum,
            """
            {"document": "One.", "summary": "1", "topic": "Sports", "id": 7}
            {"text": "Two.", "target": "2"}
            {"article": "Three."}
            {"dialogue": "Four.", "summaries": ["4", "IV"]}
            {"prompt": "Five.", "references": ["5"]}
            {"prompt": "Six.", "completion": " 6"}
            """)
        #expect(examples.map(\.prompt) == ["One.", "Two.", "Three.", "Four.", "Five.", "Six."])
        #expect(examples.map(\.completion) == ["1", "2", nil, nil, nil, " 6"])
        #expect(examples.map(\.references) == [["1"], ["2"], [], ["4", "IV"], ["5"], [" 6"]])
        #expect(examples[0].topic == "Sports" && examples[1].topic == nil)
        #expect(try Array(examples[3...]).forTraining().map(\.completion) == ["4", "IV", "5", " 6"])
    }

    @Test(
        "JSON lines that are none",
        arguments: [
            (#"{"summary": "1"}"#, "found a line without a document, but {\"document\""),
            (#"{"document": " "}"#, "found an empty document, but a text to summarise is needed"),
            (#"{"document": "a", "summary": ""}"#, "found an empty summary, but a text, or no \"summary\""),
            (#"{"document": "a", "summaries": ["b", " "]}"#, "found an empty summary"),
            (#"{"document": ["a"]}"#, "found a value of another type at \"document\""),
            ("{\"document\": \"a\"", "found invalid JSON"),
        ])
    func badRows(row: String, says: String) throws {
        let error = try #require(try taskFailure(.xsum, Data("{\"document\": \"a\"}\n\(row)\n".utf8)), "accepted")
        #expect("\(error)".contains("line 2: \(says)"), "\(error)")
    }

    /// What transformers' tokenizer makes of made-up texts (Tests/Goldens/xsum/generate.py).
    struct Golden: Decodable {
        struct Row: Decodable { var document, summary: String }
        struct Example: Decodable {
            var source, target, decoder_reads: [Int32]
            var logprobs: [Float]
            var answer: [Int32]
        }
        struct Case: Decodable {
            var source_limit, target_limit: Int
            var examples: [Example]
        }
        var rows: [Row]
        var cases: [Case]

        init() throws {
            let url = TinyBART.words.appendingPathComponent("cases.json")
            self = try JSONDecoder().decode(Self.self, from: Data(contentsOf: url))
        }

        var examples: [PrefixTuning.Example] {
            rows.enumerated().map { index, row in
                .init(prompt: row.document, completion: row.summary, location: .init(file: "rows", line: index + 1))
            }
        }
    }

    @Test("sources and targets are cut as transformers cuts them, special tokens kept") @Compute
    func truncation() throws {
        let golden = try Golden(), model = try TinyBART.worded()
        #expect(golden.cases.map(\.source_limit) == [512, 24] && golden.cases.map(\.target_limit) == [60, 8])
        for limits in golden.cases {
            var format = TaskFormat.summarization
            if limits.source_limit != 512 {
                (format.sourceLimit, format.targetLimit) = (limits.source_limit, limits.target_limit)
            }
            let tokenizer = ExampleTokenizer(model, format: format)
            for (example, expected) in zip(golden.examples, limits.examples) {
                let found = try #require(try tokenizer.example(example))
                #expect(found.source == expected.source)
                #expect(try tokenizer.prompt(example) == expected.source)
                #expect(found.tokens == [2] + expected.target && found.targetStart == 1)
                #expect(Array(found.tokens.dropLast()) == expected.decoder_reads)
            }
        }
    }

    @Test("log-probabilities and summaries are those of transformers") @Compute
    func answers() throws {
        let golden = try Golden(), model = try TinyBART.worded()
        var options = DecodingOptions.summarization(endToken: 2)
        (options.minNewTokens, options.maxNewTokens) = (4, 17)
        for limits in golden.cases {
            let found = try Generator(model.network).generate(limits.examples.map(\.source), options: options)
            #expect(found.map(\.tokenIds) == limits.examples.map(\.answer))
            var worst: Float = 0, index = 0
            try Scorer(model.network).score(
                limits.examples.map { TokenizedExample(source: $0.source, tokens: [2] + $0.target, targetStart: 1) }
            ) { score in
                #expect(score.token_ids == limits.examples[index].target)
                worst = max(worst, relativeError(score.logprobs, limits.examples[index].logprobs))
                index += 1
            }
            #expect(index == 8 && worst < 1e-5, "\(worst)")
        }
    }

    @Test("texts longer than the model's positions are cut, left out or refused") @Compute
    func overflow() throws {
        let model = try TinyBART.worded()  // 520 positions
        let long = Example(
            prompt: String(repeating: "the cat sat ", count: 300), completion: "the cat",
            location: DataLocation(file: "long", line: 3))
        var format = TaskFormat.summarization
        format.sourceLimit = nil
        format.overflow = .truncate
        let cut = try #require(try ExampleTokenizer(model, format: format).example(long))
        #expect(cut.source.count == 520 && cut.source.first == 0 && cut.source.last == 2)
        let reserved = try #require(
            try ExampleTokenizer(model, format: format, reservedPositions: 20).example(long))
        #expect(reserved.source.count == 500)
        format.overflow = .skip
        #expect(try ExampleTokenizer(model, format: format).example(long) == nil)
        for overflow in [TaskFormat.Overflow.fail, .skip] {
            format.overflow = overflow
            let error = failure(DataError.self) { _ = try ExampleTokenizer(model, format: format).prompt(long) }
            guard case .tooLong(let location, let tokens, 520) = try #require(error) else { throw try #require(error) }
            #expect(location == long.location && tokens > 520)
        }
        var bare = long
        bare.completion = nil
        #expect(throws: DataError.missingCompletion(long.location)) {
            _ = try ExampleTokenizer(model, format: .summarization).example(bare)
        }
    }

    @Test("a decoder-only model keeps the mark between a document that is cut and its summary") @Compute
    func decoderOnly() throws {
        let model = try TinyModel.worded()
        var format = TaskFormat.summarization
        (format.sourceLimit, format.targetLimit) = (9, 4)
        let example = Example(
            prompt: "the table says that the text is near the river", completion: "a text about a table",
            location: DataLocation(file: "data", line: 1))
        func tokens(_ text: String) throws -> [Int32] { try model.tokenizer.encode(text) }
        #expect(try tokens(example.prompt + "\n").count > 9)
        let found = try #require(try ExampleTokenizer(model, format: format).example(example))
        #expect(found.targetStart == 9 && found.tokens.count == 13)
        #expect(
            try Array(found.tokens[..<8]) == Array(tokens(example.prompt).prefix(8))
                && found.tokens[8] == tokens("\n")[0])
        #expect(try Array(found.tokens[9..<12]) == Array(tokens("a text about a table").prefix(3)))
        #expect(found.tokens[12] == model.endOfText)
        (format.sourceLimit, format.targetLimit) = (nil, nil)
        let whole = try #require(try ExampleTokenizer(model, format: format).example(example))
        #expect(try whole.tokens == tokens(example.prompt + "\n") + tokens("a text about a table") + [model.endOfText])
    }

    @Test(
        "Wikinews: the published counts, one sentence each",
        .enabled(if: Fixtures.sharedData != nil, "needs the shared data sets: set PREFIXTUNE_DATA to their folder"),
        arguments: [("train", 9_680, 564), ("valid", 1_000, 57), ("test", 1_000, 69), ("test-2019-2020", 118, 8)])
    func wikinews(name: String, rows: Int, sports: Int) throws {
        let folder = try #require(Fixtures.sharedData).appendingPathComponent("summarization")
        let examples = try TuningTask.xsum.read(folder.appendingPathComponent("wikinews/\(name).jsonl.gz"))
        #expect(examples.count == rows && examples.count { $0.topic == "Sports" } == sports)
        #expect(examples.allSatisfy { $0.references.count == 1 && $0.completion == $0.references[0] })
    }

    @Test(
        "the other summarisation sets",
        .enabled(if: Fixtures.sharedData != nil, "needs the shared data sets: set PREFIXTUNE_DATA to their folder"),
        arguments: [
            ("agnews-headline/all", 7_600, 7_600), ("scitldr/train", 1_992, 1_992), ("scitldr/dev", 619, 1_453),
            ("scitldr/test", 618, 1_967), ("dialogsum/test", 500, 1_500),
        ])
    func others(name: String, rows: Int, summaries: Int) throws {
        let folder = try #require(Fixtures.sharedData).appendingPathComponent("summarization")
        let examples = try TuningTask.xsum.read(folder.appendingPathComponent("\(name).jsonl.gz"))
        #expect(examples.count == rows && examples.reduce(0) { $0 + $1.references.count } == summaries)
    }
}
