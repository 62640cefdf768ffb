import Foundation
import PrefixTuning
import Testing

/// Each layout of each task, on made-up rows.
@Suite struct TaskReaderTests {
    private let table = "name : The Otter | Type : pub | price : £ 20 - 25 | family friendly : no | near : Café Zoë"
    private let mr = "name[The Otter], eatType[pub], priceRange[£20-25], familyFriendly[no], near[Café Zoë]"

    @Test func readsTheAuthorsE2EFilesKeepingTheTrailingSpace() throws {
        let examples = try readTask(.e2e, "\(table)||The Otter is a pub . \nname : B||B || it is .\r\n")
        #expect(examples.map(\.prompt) == [table, "name : B"])
        #expect(examples.map(\.completion) == ["The Otter is a pub . ", "B || it is ."])
        #expect(examples.map(\.line) == [1, 2])
    }

    @Test func linearizesE2ERowsAsTheAuthorsFilesAre() throws {
        let examples = try readTask(.e2e, #"{"mr":"\#(mr)","ref":"A pub.","verbatim":true}"#)
        #expect(examples.map(\.prompt) == [table])
        #expect(examples.map(\.completion) == ["A pub."])
    }

    @Test func readsTheOfficialE2ETable() throws {
        let csv = "\u{FEFF}mr,ref\r\n\"\(mr)\",\"The \"\"Otter\"\", a\r\npub.\"\r\n\"name[B]\",B.\r\n"
        let examples = try readTask(.e2e, csv)
        #expect(examples.map(\.prompt) == [table, "name : B"])
        #expect(examples.map(\.completion) == ["The \"Otter\", a\r\npub.", "B."])
        #expect(examples.map(\.line) == [2, 4])
    }

    @Test func readsBothLayoutsOfWebNLG() throws {
        let rows = """
            {"category":"Airport","triples":[["Elm_Airport","cityServed","\\"Elm, Ohio\\""],["Elm","isPartOf","Ohio"]],\
            "references":["One.","Two."],"seen":false}
            {"triples":[["A","b_C","D"]],"references":[]}
            """
        let document = """
            { "entries" : [
              {"1": {"category":"Airport","lexicalisations":[
                {"comment":"good","lex":"One.","lid":"Id1"},{"comment":"toFix","lex":"Wrong.","lid":"Id2"},
                {"comment":"good","lex":"Two.","lid":"Id3"}],
               "modifiedtripleset":[{"subject":"Elm_Airport","property":"cityServed","object":"\\"Elm, Ohio\\""},
                {"subject":"Elm","property":"isPartOf","object":"Ohio"}]}},
              {"2": {"lexicalisations":[{"comment":"toFix","lex":"Wrong."}],
               "modifiedtripleset":[{"subject":"X","property":"y","object":"Z"}]}},
              {"3": {"lexicalisations":[],"modifiedtripleset":[{"subject":"A","property":"b_C","object":"D"}]}}
            ]}
            """
        let fromRows = try readTask(.webnlg, rows)
        let fromDocument = try readTask(.webnlg, document)
        #expect(
            fromRows.map(\.prompt)
                == [" | Elm_Airport : cityServed : \"Elm, Ohio\" | Elm : isPartOf : Ohio", " | A : b_C : D"])
        #expect(fromRows.map(\.references) == [["One.", "Two."], []])
        #expect(fromRows[0].topic == "Airport" && fromRows[0].isSeen == false && fromRows[1].isSeen == nil)
        #expect(fromDocument.map(\.prompt) == fromRows.map(\.prompt))
        #expect(fromDocument.map(\.references) == fromRows.map(\.references))
        #expect(fromDocument.map(\.line) == [1, 3])
    }

    @Test func readsBothLayoutsOfDART() throws {
        let rows =
            #"{"tripleset":[["Elm","EVENING_GOWN","8.4"],["[TABLECONTEXT]","[TITLE]","Ä List"]],"#
            + #""references":["One.","Two."],"sources":["a","b"]}"#
        let list =
            #"[{"tripleset":[["Elm","EVENING_GOWN","8.4"],["[TABLECONTEXT]","[TITLE]","Ä List"]],"subtree_was_"#
            + #"extended":true,"annotations":[{"source":"a","text":"One."},{"source":"b","text":"Two."}]}]"#
        for text in [rows, list] {
            let examples = try readTask(.dart, text)
            #expect(examples.map(\.prompt) == ["Elm : evening_gown : 8.4 | [TABLECONTEXT] : [title] : Ä List"])
            #expect(examples.map(\.references) == [["One.", "Two."]])
        }
    }

    @Test func readsJSONLinesAsGiven() throws {
        let examples = try readTask(
            .jsonl,
            """
            {"prompt":" a ","completion":" b\\n","id":7}
            {"prompt":"a","references":["x","y"]}
            {"prompt":"only"}
            """)
        #expect(examples.map(\.prompt) == [" a ", "a", "only"])
        #expect(examples.map(\.completion) == [" b\n", nil, nil])
        #expect(examples.map(\.references) == [[" b\n"], ["x", "y"], []])
    }

    @Test func trainsOnEveryReference() throws {
        let examples = try readTask(
            .jsonl, #"{"prompt":"a","references":["x","y"]}"# + "\n" + #"{"prompt":"b","completion":"z"}"#)
        let training = try examples.forTraining()
        #expect(training.map(\.prompt) == ["a", "a", "b"])
        #expect(training.map(\.completion) == ["x", "y", "z"])
        #expect(training.map(\.line) == [1, 1, 2])
        let bare = try readTask(.jsonl, #"{"prompt":"a"}"#)
        #expect { try bare.forTraining() } throws: { "\($0)".contains("line 1: there is no text to learn") }
    }

    @Test func groupsBySourceInFirstSeenOrder() throws {
        let pairs = "b||1 \na||2 \nb||3 \nc||4 \na||5 "
        let groups = try readTask(.e2e, pairs).groupedBySource()
        #expect(groups.examples.map(\.prompt) == ["b", "a", "c"])
        #expect(groups.examples.map(\.references) == [["1 ", "3 "], ["2 ", "5 "], ["4 "]])
        #expect(groups.groupOfExample == [0, 1, 0, 2, 1])
        #expect(groups.examples.allSatisfy { $0.completion == nil })
    }
}
