import ArgumentParser
import Foundation

/// What a run validates on: a file, or a share of the training data.
struct ValidationSource: ExpressibleByArgument {
    let file: InputFile
    private let named: String
    /// Where the argument is a number between 0 and 1.
    let share: Double?

    /// Refuses what was meant as a share and is none: "10%", "20".
    func validate() throws {
        let number = named.replacing(",", with: ".").prefix { $0 != "%" }
        guard share == nil, Double(number) != nil, !FileManager.default.fileExists(atPath: named) else { return }
        throw ValidationError(
            "--validation is \(named), but a file, or a share as a number between 0 and 1, such as 0.1, is needed.")
    }

    init?(argument: String) {
        guard let file = InputFile(argument: argument) else { return nil }
        self.file = file
        named = argument
        share = Double(argument).flatMap { $0 > 0 && $0 < 1 ? $0 : nil }
    }
}

extension [ValidationSource] {
    /// The share of the training data, where one value gives one: several are files.
    var share: Double? { count == 1 ? self[0].share : nil }

    /// The files.
    var files: [InputFile] { share == nil ? map(\.file) : [] }

    /// As they can be typed in any folder.
    var absolute: [String] { share.map { ["\($0)"] } ?? files.map(\.absolute) }

    /// For the summary of a run.
    func details(held: Int, of count: Int, seed: UInt64) -> [String: String] {
        guard let share else { return ["validation": files.map { $0.url(.validation).path }.joined(separator: " ")] }
        return [
            "validation": "\(share)", "held_out": "\(held) of \(counted(count, "example")), chosen by seed \(seed)",
        ]
    }
}
