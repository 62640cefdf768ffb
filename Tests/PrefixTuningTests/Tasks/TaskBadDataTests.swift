import Foundation
import PrefixTuning
import Testing

/// Malformed data: each error names the file, the line, what was found and what to do.
@Suite struct TaskBadDataTests {
    @Test(arguments: [
        (TuningTask.e2e, "a||b\n\nc||d", "line 2: the line is empty"),
        (.e2e, "a||b\nno separator", "line 2: found \"no separator\", but \"table||text\""),
        (.e2e, "a|| \n", "line 1: found \"a|| \""),
        (.e2e, "||b", "line 1: found \"||b\""),
        (.e2e, #"{"mr":"name","ref":"x"}"#, "line 1: found \"name\", but \"name[…], key[value], …\""),
        (.e2e, #"{"mr":"name[a] b[c]","ref":"x"}"#, "line 1: found"),
        (.e2e, #"{"mr":"name[a]","ref":" "}"#, "line 1: there is no text to learn"),
        (.e2e, #"{"mr":"name[a]"}"#, "line 1: found no \"ref\" in"),
        (.e2e, "mr,ref\nname[a],b,c", "line 2: found 3 fields"),
        (.e2e, "mr,ref\nname[a],\"b", "line 2: found a quoted field without an end"),
        (.e2e, "mr,ref\n", "is empty"),
        (.jsonl, "{\"prompt\":\"a\"}\n{\"prompt\":", "line 2: found invalid JSON"),
        (.jsonl, "{\"prompt\":\"a\"}\n{\"text\":\"b\"}", "line 2: found no \"prompt\" in \"{\"text\":\"b\"}\""),
        (.jsonl, #"{"prompt":3}"#, "line 1: found a value of another type at \"prompt\""),
        (.jsonl, #"{"prompt":"a","references":["x",3]}"#, "at \"references\", item 2"),
        (.jsonl, "[1]", "entry 1: found a value of another type"),
        (.webnlg, #"{"triples":[["a","b"]],"references":[]}"#, "line 1: found triples"),
        (.webnlg, #"{"triples":[],"references":[]}"#, "line 1: found triples []"),
        (
            .webnlg, #"{"entries":[{"1":{"lexicalisations":[]}}]}"#,
            "entry 1: found no \"modifiedtripleset\" at \"1\" in"
        ),
        (.webnlg, #"{"entries":[]}"#, "is empty"),
        (.webnlg, "hello", "line 1: found invalid JSON: \"hello\""),
        (.dart, "[]", "is empty"),
        (.dart, "[{}]", "entry 1: found no \"tripleset\" in \"{}\""),
        (.dart, #"[{"tripleset":[["a"]],"annotations":[]}]"#, "entry 1: found triples"),
        (.dart, "[{}", "it ends in entry 1"),
        (.dart, #"[{"tripleset":[["a","b","c"]],"annotations":[]},]"#, "entry 2: found invalid JSON"),
        (.dart, #"[{"tripleset":[["a","b","c"]],"annotations":[]}] x"#, "there is text behind the list"),
        (.webnlg, #"{"entries":[{"1":{"modifiedtripleset":[],"lexicalisations":[]}}]}"#, "entry 1: found triples"),
        (.webnlg, #"{"entries":[{"1":{"modifiedtripleset":[],"lexicalisations":[]}}"#, "it ends in entry 1"),
        (.webnlg, #"{"entries":[]"#, "what follows entry 0 is not valid JSON"),
        (.webnlg, #"{"entries":{}}"#, "it does not begin like that"),
        (.dart, #"{"tripleset":[["a","b","c"]]}"#, "no \"references\""),
        (.dart, "", "is empty; name a file with at least one example"),
        (.jsonl, " \n\t\r\n", "is empty"),
        (
            .jsonl, "version https://git-lfs.github.com/spec/v1\noid sha256:4d\nsize 12345\n",
            "is a git-lfs pointer, not the data; run git lfs pull"
        ),
    ])
    func refuses(_ kind: TuningTask, _ text: String, says: String) throws {
        let error = try #require(try taskFailure(kind, Data(text.utf8)), "accepted")
        #expect("\(error)".contains(says), "\(error)")
        #expect("\(error)".contains("data.txt"))
    }

    @Test func refusesOtherEncodings() throws {
        let error = try #require(try taskFailure(.e2e, Data("a||b\ncaf".utf8) + [0xE9] + Data("||c".utf8)))
        #expect("\(error)".contains("line 2: the text is not UTF-8"))
    }

    @Test func saysWhatIsNoFile() throws {
        try withTaskFile(Data([1])) { url in
            let absent = url.deletingLastPathComponent().appendingPathComponent("absent")
            #expect { try TuningTask.e2e.read(absent) } throws: { "\($0)".contains("no such file") }
            #expect { try TuningTask.e2e.read(url.deletingLastPathComponent()) } throws: {
                "\($0)".contains("a folder")
            }
        }
    }
}
