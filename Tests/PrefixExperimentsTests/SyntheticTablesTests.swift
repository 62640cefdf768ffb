import Foundation
import Testing

@testable import PrefixExperiments
@testable import PrefixTuning

@Suite("Embedded table-to-text data")
struct SyntheticTablesTests {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../Sources/PrefixExperiments/Resources/tables").standardizedFileURL

    @Test("The committed files are what the generator makes", arguments: EmbeddedTables.Split.allCases)
    func committedFiles(split: EmbeddedTables.Split) throws {
        let committed = try Data(contentsOf: Self.folder.appending(path: split.fileName))
        #expect(try committed == EmbeddedTables.jsonLines(split))
    }

    @Test("The files hold less than 1.5 MB in total")
    func size() throws {
        let bytes = try EmbeddedTables.Split.allCases.map { try EmbeddedTables.jsonLines($0).count }.reduce(0, +)
        #expect(bytes < 1_500_000)
    }

    @Test("Tables have the announced counts, topics, references and layout", arguments: EmbeddedTables.Split.allCases)
    func structure(split: EmbeddedTables.Split) throws {
        let tables = EmbeddedTables.tables(split)
        #expect(tables.count == split.count)
        #expect(Set(tables.map(\.topic)) == Set(split.topics))
        let layout = try Regex(#"name : [^|\n]+( \| [a-z ]+ : [^|\n]+){3,5}\n"#)
        for table in tables {
            #expect(try layout.wholeMatch(in: table.prompt) != nil, "\(table.prompt)")
            #expect(table.references.count == (split == .train ? 1 : 3))
            #expect(Set(table.references).count == table.references.count, "\(table.references)")
            let values = table.prompt.dropLast().split(separator: " | ").map { $0.split(separator: " : ")[1] }
            for reference in table.references {
                for value in values { #expect(reference.contains(value), "\(value) is not in \(reference)") }
            }
        }
    }

    @Test("No table comes twice, held-out topics only in their test set")
    func disjoint() {
        let all = EmbeddedTables.Split.allCases.flatMap(EmbeddedTables.tables)
        #expect(Set(all.map(\.prompt)).count == all.count)
        #expect(Set(EmbeddedTables.seenTopics).isDisjoint(with: EmbeddedTables.heldOutTopics))
    }

    @Test("Every sentence of the task has its frame, and no pretraining document has a piece of it or a task sentence")
    func frameIsUnknownToPretraining() {
        for table in EmbeddedTables.tables(.testUnseen) {
            for reference in table.references {
                let lower = reference.lowercased()
                for fragment in EmbeddedTables.frameFragments {
                    #expect(lower.contains(fragment), "\(reference)")
                }
            }
        }
        for document in SyntheticCorpusTests.documents {
            let lower = document.lowercased()
            for fragment in EmbeddedTables.frameFragments { #expect(!lower.contains(fragment), "\(document)") }
        }
    }
}
