import Foundation
import Logging
import Synchronization

/// A value of a line: what is logged as a number is written as one.
private enum Field: Encodable {
    case text(String)
    case number(Int)

    init(_ value: Logger.MetadataValue) {
        if case .stringConvertible(let number as Int) = value {
            self = .number(number)
        } else {
            self = .text("\(value)")
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .text(let text): try container.encode(text)
        case .number(let number): try container.encode(number)
        }
    }
}

/// Log messages as lines of JSON: `time`, `level`, `message`, and the metadata.
///
/// Nobody's texts are ever among them: what is logged of a request are its id, key, model, numbers of tokens, status.
package struct JSONLogHandler: LogHandler {
    private static let output = Mutex(FileHandle.standardError)

    /// What every message tells.
    package var metadata: Logger.Metadata = [:]
    /// What is less important is not written.
    package var logLevel = Logger.Level.info
    private let write: @Sendable (String) -> Void

    /// A handler that writes to standard error, or elsewhere.
    package init(level: Logger.Level = .info, write: (@Sendable (String) -> Void)? = nil) {
        logLevel = level
        self.write =
            write ?? { line in
                Self.output.withLock { try? $0.write(contentsOf: Data(line.utf8)) }
            }
    }

    package subscript(metadataKey key: String) -> Logger.MetadataValue? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        var fields = metadata.merging(event.metadata ?? [:]) { $1 }.mapValues(Field.init)
        fields["time"] = .text(Self.time(Date()))
        fields["level"] = .text("\(event.level)")
        fields["message"] = .text("\(event.message)")
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(fields) else { return }
        write(String(decoding: data, as: UTF8.self) + "\n")
    }

    private static func time(_ date: Date) -> String {
        date.formatted(.iso8601.year().month().day().time(includingFractionalSeconds: true))
    }
}
