import Foundation
import PrefixTuning
import Tensors
import Tokenizers

/// Documents as token ids, packed into rows of one length, over and over in a new order each time.
///
/// A row starts where a document starts and is filled with whole documents, each followed by end-of-text; the last
/// one is cut. Text that copies from an earlier part of its document thus always finds that part in its row.
struct TextSource {
    /// Documents of at most a row's length, end-of-text included; longer ones are cut to pieces.
    private let pieces: [ArraySlice<Int32>]
    private var order: [Int]
    private var next = 0
    private var generator: SeededGenerator

    /// A source over documents.
    ///
    /// - Parameters:
    ///   - documents: Texts; at least one with a token.
    ///   - rowLength: Tokens per row.
    ///   - seed: Fixes the order.
    init(_ documents: [String], tokenizer: Tokenizer, endOfText: Int32, rowLength: Int, seed: UInt64) throws {
        var pieces: [ArraySlice<Int32>] = []
        for document in documents {
            let tokens = try tokenizer.encode(document) + [endOfText]
            for start in stride(from: 0, to: tokens.count, by: rowLength) {
                pieces.append(tokens[start..<min(start + rowLength, tokens.count)])
            }
        }
        precondition(!pieces.isEmpty, "no documents")
        self.pieces = pieces
        generator = SeededGenerator(seed: seed)
        order = pieces.indices.shuffled(using: &generator)
    }

    /// All tokens of one pass.
    var tokenCount: Int { pieces.reduce(0) { $0 + $1.count } }

    /// The next row.
    mutating func row(length: Int) -> [Int32] {
        var row: [Int32] = []
        while row.count < length {
            if next == order.count {
                order.shuffle(using: &generator)
                next = 0
            }
            row += pieces[order[next]].prefix(length - row.count)
            next += 1
        }
        return row
    }
}

/// Reads the documents of text files for pretraining.
public enum TextFiles {
    /// The documents of a file, plain or gzip-compressed: the `text` of each line of JSON lines (`.jsonl`), else the
    /// blocks that blank lines separate.
    ///
    /// - Throws: `DataError` with file and line.
    public static func documents(of url: URL) throws -> [String] {
        let file = try DataFile(url)
        let name = url.lastPathComponent
        if name.hasSuffix(".jsonl") || name.hasSuffix(".jsonl.gz") {
            struct Row: Decodable { let text: String }
            var documents: [String] = []
            try JSONLines.forEach(Row.self, in: file, expected: "{\"text\": \"…\"}") { row, _ in
                documents.append(row.text)
            }
            return documents
        }
        var documents: [String] = [], document = ""
        while let line = try file.nextLine() {
            if line.isEmpty {
                if !document.isEmpty { documents.append(document) }
                document = ""
            } else {
                document += (document.isEmpty ? "" : "\n") + (try DataFile.text(line, file.location))
            }
        }
        if !document.isEmpty { documents.append(document) }
        guard !documents.isEmpty else { throw DataError.empty(file: file.path) }
        return documents
    }
}
