import Foundation
import PrefixTuning

/// The defaults of tasks and methods as a table for the help: made of the tasks themselves, so that it cannot grow old.
enum TrainingDefaults {
    /// A line for each method, a column for each task: learning rate, epochs, examples per step.
    static let table: String = {
        let tasks = TuningTask.all
        var lines = [row("", tasks.map(\.name))]
        for method in MethodSettings.Kind.allCases {
            let settings = tasks.map { MethodSettings(method).training($0) }
            lines.append(
                row(
                    method.rawValue,
                    settings.map {
                        "\(rate($0.learningRate)) \(length($0.duration)) \($0.batchSize)"
                    }))
        }
        return lines.joined(separator: "\n")
    }()

    private static func row(_ title: String, _ cells: [String]) -> String {
        let padded = cells.map { $0.padding(toLength: 12, withPad: " ", startingAt: 0) }
        let text = "  " + title.padding(toLength: 16, withPad: " ", startingAt: 0) + padded.joined()
        return String(text.reversed().drop { $0 == " " }.reversed())
    }

    /// 0.00005 → "5e-5".
    private static func rate(_ value: Double) -> String {
        String(format: "%.0e", value).replacing("e-0", with: "e-")
    }

    private static func length(_ duration: TrainingSettings.Duration) -> String {
        switch duration {
        case .epochs(let count): "\(count)"
        case .steps(let count): "\(count) steps"
        }
    }
}
