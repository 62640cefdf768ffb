import Foundation

/// What can be wrong with a file before its contents mean anything.
///
/// Cases carry data only; ``description`` writes the sentence.
public enum InputError: Error, Equatable, Sendable {
    /// The file cannot be opened or read.
    case unreadable(file: String, reason: String)
    /// Standard input, or a pipe that the shell opened, was named twice.
    case readTwice(file: String)
    /// The file begins like gzip but cannot be unpacked.
    case damagedGzip(file: String, reason: String)
    /// So few packed bytes became so many that no data looks like this.
    case unpacksTooFar(file: String, packed: Int, unpacked: Int)
    /// What is unpacked, or what comes out of a pipe, has no end in sight.
    case endless(file: String, limit: Int)
    /// A line, a record of CSV or an entry of a list that is longer than any text.
    case tooLong(file: String, place: String, limit: Int)
    /// The file is what git keeps in place of a file that git-lfs holds.
    case gitPointer(file: String)
    /// The file is of a kind that programs read, not people: a spreadsheet, a Parquet file.
    case notText(file: String, kind: String)
    /// A line has bytes of value 0: UTF-16, or no text at all.
    case binary(file: String, line: Int)
    /// A line is not UTF-8 text.
    case notUTF8(file: String, line: Int)
}

extension InputError: CustomStringConvertible, LocalizedError {
    /// One sentence: what happened, the value received, what to do.
    public var description: String {
        switch self {
        case .unreadable(let file, let reason):
            "cannot read \(file): \(reason)"
        case .readTwice(let file):
            "\(file) is to be read twice, but what comes through a pipe can be read once; write it into a file, and name that"
        case .damagedGzip(let file, let reason):
            "\(file) is gzip-compressed but damaged: \(reason); fetch it again or unpack it by hand"
        case .unpacksTooFar(let file, let packed, let unpacked):
            "\(file): its first \(packed) bytes unpack to more than \(unpacked), which no honest data does; if it is "
                + "what you want, unpack it by hand (gunzip) and name the result"
        case .endless(let file, let limit):
            "\(file): it goes on beyond \(limit) bytes; if it is what you want, write it into a plain file and name that"
        case .tooLong(let file, let place, let limit):
            "\(file), \(place): it goes on beyond \(limit) bytes without an end; put one example on each line, and split "
                + "what is longer"
        case .gitPointer(let file):
            "\(file) is a git-lfs pointer, not the data; run git lfs pull in its repository, or download the file itself"
        case .notText(let file, let kind):
            "\(file) is \(kind), not a text; export it as CSV or JSON lines, in UTF-8"
        case .binary(let file, let line):
            "\(file), line \(line): there is a byte of value 0, so that it is UTF-16 or no text; convert the file to UTF-8"
        case .notUTF8(let file, let line):
            "\(file), line \(line): the text is not UTF-8; convert the file"
        }
    }

    /// The same sentence, for code that shows any `Error`.
    public var errorDescription: String? { description }
}
