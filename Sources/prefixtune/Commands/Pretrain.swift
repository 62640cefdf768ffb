import ArgumentParser
import Foundation
import LanguageModels
import PrefixExperiments
import PrefixTuning
import Tensors
import Tokenizers

/// Trains a small base model from scratch.
struct Pretrain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Train a small GPT-2 and its vocabulary from text.",
        discussion: """
            Text files are plain (documents separated by blank lines) or JSON lines with "text", gzip-compressed or not.

            EXAMPLE
              prefixtune pretrain --text synthetic.jsonl --background wiki-00.txt.gz \\
                --output base-model
            """)

    @Option(parsing: .upToNextOption, help: .file("Text that the model is made for; - for standard input."))
    var text: [InputFile]
    @Option(parsing: .upToNextOption, help: .file("General text, mixed in.")) var background: [InputFile] = []
    @Option(help: .folder("The folder to write the model to.")) var output: URL
    @Option(help: .x("Tokens to train on, in millions.")) var megatokens: Double = 30
    @Option(help: .n("Entries of the byte-pair vocabulary.")) var vocabularySize = 4096
    @Option(help: .n("Width of the residual stream.")) var width = 192
    @Option(help: .n("Blocks.")) var layers = 4
    @Option(help: .n("Attention heads.")) var heads = 6
    @Option(help: .n("Longest sequence.")) var positions = 256
    @Option(help: .n("Tokens per row.")) var rowLength = 128
    @Option(help: .n("Rows per step.")) var batchSize = 16
    @Option(help: .x("Peak learning rate.")) var learningRate = 2e-3
    @Option(help: .n("Steps of rising rate.")) var warmup = 100
    @Option(help: .x("Share of rows from the background text.")) var backgroundShare = 0.25
    @Option(help: .n("Fixes initial weights and order of the data.")) var seed: UInt64 = 1
    @Option(help: .n("Stop after this many steps, without changing the schedule.")) var stopAfter: Int?
    @Flag(help: "Write 32-bit instead of 16-bit weights.") var float32 = false
    @OptionGroup(title: "General") var common: CommonOptions

    func validate() throws {
        func check(_ isRight: Bool, _ name: String, _ value: some CustomStringConvertible, _ needed: String) throws {
            guard isRight else { throw ValidationError("--\(name) is \(value), but \(needed) is needed.") }
        }
        try check(megatokens > 0 && megatokens < 1e9, "megatokens", megatokens, "a positive number")
        try check((2...max(2, positions)).contains(rowLength), "row-length", rowLength, "2 to --positions")
        try check(batchSize > 0, "batch-size", batchSize, "at least 1")
        try check(learningRate >= 0 && learningRate.isFinite, "learning-rate", learningRate, "a number from 0 on")
        try check(warmup >= 0, "warmup", warmup, "a number of steps from 0 on")
        try check((0...1).contains(backgroundShare), "background-share", backgroundShare, "a number from 0 to 1")
        try InputFile.validate(text + background)
        try check(stopAfter ?? 1 > 0, "stop-after", stopAfter ?? 1, "at least 1")
    }

    func run() async throws {
        var settings = Pretrainer.Settings()
        settings.rowLength = rowLength
        settings.batchSize = batchSize
        try settings.validate()  // Before they are multiplied.
        settings.steps = max(1, Int(megatokens * 1e6) / (rowLength * batchSize))
        settings.learningRate = learningRate
        settings.warmupSteps = warmup
        settings.backgroundShare = backgroundShare
        settings.seed = seed
        try await PretrainRun(command: self, settings: settings).run()
    }
}

@Compute private struct PretrainRun {
    let command: Pretrain
    let settings: Pretrainer.Settings

    func run() throws {
        command.common.apply()
        Interrupt.outliveReaders()
        let folder = command.output
        let lock = try FolderLock(folder)
        defer { withExtendedLifetime(lock) {} }
        if let name = HuggingFaceFolder(folder).firstFile {
            throw CheckpointError.cannotWrite(
                file: folder.path, reason: "it already holds a model (\(name)); choose another folder")
        }
        let text = try command.text.flatMap { try TextFiles.documents(of: $0.url) }
        let background = try command.background.flatMap { try TextFiles.documents(of: $0.url) }
        let sample = Self.sample(text, bytes: 12_000_000) + Self.sample(background, bytes: 6_000_000)
        let tokenizer = try BytePairTrainer(
            vocabularySize: command.vocabularySize, specialTokens: [SyntheticCorpus.endOfText]
        ).train(on: sample)
        var configuration = GPT2Configuration()
        configuration.vocabularySize = tokenizer.vocabularySize
        configuration.width = command.width
        configuration.layerCount = command.layers
        configuration.headCount = command.heads
        configuration.positionCount = command.positions
        configuration.endTokens = [tokenizer.endOfText].compactMap(\.self)
        configuration.beginToken = tokenizer.endOfText
        try configuration.validate()
        let trainer = try Pretrainer(
            configuration: configuration, tokenizer: tokenizer, text: text, background: background, settings: settings)
        if !command.common.quiet {
            print("\(configuration.parameterCount) parameters, \(counted(settings.steps, "step"))")
        }
        try train(trainer, folder)
    }

    private func train(_ trainer: Pretrainer, _ folder: URL) throws {
        let log = folder.appendingPathComponent("training-log.jsonl")
        var lines: [UInt8] = [], tokens = 0, sum = 0.0, backgroundSum = 0.0, backgroundCount = 0, count = 0
        let start = Date(), last = min(settings.steps, command.stopAfter ?? .max)
        for step in 1...last {
            let report = try trainer.step()
            tokens += report.tokens
            if let loss = report.loss {
                sum += loss
                count += 1
            }
            if let loss = report.backgroundLoss {
                backgroundSum += loss
                backgroundCount += 1
            }
            guard step <= 50 || step % 50 == 0 || step == last else { continue }
            let seconds = Date().timeIntervalSince(start)
            let gate = try step % 1000 == 0 || step == last ? trainer.gate() : nil
            struct Line: Encodable {
                let step: Int, loss: Double?, background_loss: Double?, learning_rate: Double, tokens: Int
                let seconds: Double, copy: Double?, value: Double?
            }
            let line = Line(
                step: step, loss: count == 0 ? nil : sum / Double(count),
                background_loss: backgroundCount == 0 ? nil : backgroundSum / Double(backgroundCount),
                learning_rate: report.learningRate, tokens: tokens, seconds: (seconds * 100).rounded() / 100,
                copy: gate?.copy, value: gate?.value)
            let text = try JSONText.line(line)
            lines += text.utf8
            if !command.common.quiet, step % 50 == 0 || step == last || step == 1 {
                print(text, terminator: "")
                fflush(nil)
            }
            (sum, count, backgroundSum, backgroundCount) = (0, 0, 0, 0)
            if step % 1000 == 0 || step == last {
                try AtomicFile.write(lines, to: log)
                try trainer.write(to: folder, format: command.float32 ? .float32 : .float16)
            }
        }
    }

    /// The first documents that together have about so many bytes.
    private static func sample(_ documents: [String], bytes: Int) -> [String] {
        var total = 0
        return Array(
            documents.prefix { document in
                defer { total += document.utf8.count }
                return total < bytes
            })
    }
}
