import ArgumentParser
import Foundation
import Hub
import LanguageModels
import PrefixExperiments
import PrefixTuning
import Tensors

/// Runs one of the paper's comparisons.
struct ExperimentCommand: ComputeCommand {
    static let configuration = CommandConfiguration(
        commandName: "experiment",
        abstract: "Run one of the paper's comparisons and write its table beside the paper's.",
        discussion: """
            Without options, on the embedded model and tables. Settings are JSON; what is used stands in experiment.json of \
            the output folder, and any key of it can be changed by --settings FILE or --set KEY=VALUE. Runs that are done are \
            not done again: after Ctrl-C or a crash the same command goes on, also with more rows, seeds, subsets or sizes. \
            The same command in several processes, or on several machines with one folder, shares the runs among them.

            \(Experiment.all.map { "  " + $0.name.padding(toLength: 17, withPad: " ", startingAt: 0) + $0.title }
                .joined(separator: "\n"))

            Data sets: embedded; e2e, webnlg, dart, xsum, news-to-sports and within-news in the folder --data-folder.

            EXAMPLE
              prefixtune experiment table1 --dry-run
              prefixtune experiment table1 --model gpt2-medium --data e2e webnlg \\
                --data-folder data --output table1
            """)

    @Argument(help: ArgumentHelp("Which: \(Experiment.all.map(\.name).joined(separator: ", ")).")) var name: String
    @Option(help: .model("Its folder, org/name[@revision] on the hub, or embedded, which is the default."))
    var model = ModelName.embedded
    @Option(parsing: .upToNextOption, help: .text("Data sets; the experiment's own by default.")) var data: [String] =
        []
    @Option(help: .folder("Where their files are: data-folder/e2e/src1_train.txt and so on.")) var dataFolder: URL?
    @Option(help: .folder("The folder to write to; experiment-NAME by default.")) var output: URL?
    @Option(parsing: .upToNextOption, help: .file("JSON files of settings, laid over the defaults.")) var settings:
        [URL] = []
    @Option(parsing: .upToNextOption, help: .text("Settings as KEY=VALUE: seeds=[1,2] methods.prefix.steps=400."))
    var set: [String] = []
    @Option(
        parsing: .upToNextOption,
        help: .text("Only the runs of these names, which a dry run lists, or patterns of them: 'e2e-prefix-*'."))
    var only: [String] = []
    @Option(
        help: .text(
            """
            Only every n-th run: 1/4 to 4/4 are four parts of an experiment. Parts in folders of their own become one by --merge.
            """))
    var shard: RunChoice.Shard?
    @Option(
        parsing: .upToNextOption,
        help: .folder(
            "Folders with parts of the experiment: their runs are united in --output and reported; nothing is trained.")
    )
    var merge: [URL] = []
    @Option(help: WeightPrecision.help) var precision = WeightPrecision.float32
    @Option(help: "Runs of one frozen model that are trained in the same passes, or auto: as many as memory holds.")
    var jobs = Jobs.count(1)
    @Flag(help: "Print the runs with their parameters and an estimate of the time, and stop.") var dryRun = false
    @OptionGroup(title: "General") var common: CommonOptions

    enum Jobs: ExpressibleByArgument {
        case count(Int)
        case auto

        init?(argument: String) {
            if argument == "auto" {
                self = .auto
            } else if let count = Int(argument), count > 0 {
                self = .count(count)
            } else {
                return nil
            }
        }

        var number: Int? { if case .count(let count) = self { count } else { nil } }
        var defaultValueDescription: String { number.map(String.init) ?? "auto" }
    }

    @Compute func compute() async throws {
        Interrupt.outliveReaders()
        let folder = output ?? URL(fileURLWithPath: "experiment-\(name)")
        let experiment = try await prepared(folder)
        guard merge.isEmpty else { return try unite(experiment) }
        if dryRun { return print(try DryRunTable(experiment.trial()).text) }
        var display = ProgressDisplay(quiet: common.quiet, unit: ProgressDisplay.percent)
        do {
            // Between the steps of a run nothing is lost but the report of what is done.
            try Interrupt.gracefully(deadline: 1.5) {
                try experiment.run {
                    show($0, on: &display)
                } shouldStop: {
                    Interrupt.isRequested
                }
            }
        } catch let stop as ExperimentError {
            // What is done is saved, as with train: no error.
            guard case .interrupted = stop else { throw stop }
            return display.note("\(stop)")
        }
        print("The report is at \(experiment.output.appendingPathComponent("report.html").path)")
    }

    func validate() throws {
        guard !merge.isEmpty else { return }
        for (option, isGiven) in [("--dry-run", dryRun), ("--only", !only.isEmpty), ("--shard", shard != nil)]
        where isGiven {
            throw ValidationError("\(option) has no meaning with --merge; leave it out.")
        }
        if output == nil { throw ValidationError("--merge needs a folder for all; give --output, too.") }
    }

    @Compute private func unite(_ experiment: Experiment) throws {
        let (done, total) = try experiment.merge(merge)
        if done < total {
            common.note(
                "\(done) of \(counted(total, "run")) \(done == 1 ? "is" : "are") done; the same command without --merge does the rest"
            )
        }
        print("The report is at \(experiment.output.appendingPathComponent("report.html").path)")
    }

    private func show(_ event: Experiment.Event, on display: inout ProgressDisplay) {
        switch event {
        case .begins(let plans):
            display.note(
                plans.count == 1 ? plans[0].identifier : "\(plans.count) runs together, from \(plans[0].identifier) on")
        case .step(let step, let plan, let total, let share, let left):
            display.update(
                Int(100 * share), of: 100,
                facts: String(format: "%@  step %d/%d  loss %.3f", plan.identifier, step.number, total, step.tokenLoss),
                secondsLeft: left)
        case .answers(let plan):
            if common.verbose { display.note("\(plan.identifier): answering the test sources") }
        case .ended(let result, let done, let total):
            let scores = result.tests.compactMap { test in
                test.scores.first.map { "\(test.split): " + String(format: "%@ %.1f", $0.name, $0.value) }
            }
            display.note(
                "\(done)/\(total) \(result.plan.identifier): \(result.failure ?? scores.joined(separator: ", "))")
        case .leaves(let plans):
            display.note(
                "Other processes are at \(counted(plans.count, "run")) more (\(plans[0].identifier)\(plans.count > 1 ? ", …" : "")); the "
                    + "last one writes the report of all")
        }
    }

    @Compute private func prepared(_ output: URL) async throws -> Experiment {
        let base = try BaseModel(
            folder: await model.located(quiet: common.quiet), name: model.title, precision: precision)
        var chosen = try ExperimentSettings.settings(
            for: name, suitsEmbeddedModel: model.isEmbedded, files: settings, assignments: set)
        if !data.isEmpty { chosen.data = data }
        let sets = try chosen.data.map { name in
            if name == "embedded" { return try ExperimentDataSet.embedded() }
            guard let dataFolder else { throw CommandError.dataFolderNeeded(dataSet: name) }
            return try ExperimentDataSet.read(name, in: dataFolder)
        }
        var choice = RunChoice()
        (choice.names, choice.shard) = (only, shard)
        return try Experiment(
            name, base: base, data: sets, settings: chosen, output: output, choice: choice, jobs: jobs.number,
            command: ShellWords.commandLine(without: ["--only", "--shard", "--merge"]), version: Version.build)
    }
}

extension RunChoice.Shard: ExpressibleByArgument {
    /// `2/4`.
    public init?(argument: String) {
        let numbers = argument.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
        guard numbers.count == 2, let index = numbers[0], let count = numbers[1] else { return nil }
        self.init(index, of: count)
    }
}

/// What a trial of the runs found, as a table.
struct DryRunTable {
    private let trial: [Experiment.Trial]

    init(_ trial: [Experiment.Trial]) { self.trial = trial }

    var text: String {
        func pad(_ text: String, _ width: Int) -> String {
            String(repeating: " ", count: max(0, width - text.count)) + text
        }
        let width = max(3, trial.map(\.plan.identifier.count).max() ?? 0)
        var lines = [
            "run".padding(toLength: width, withPad: " ", startingAt: 0) + pad("trained", 12) + pad("stored", 11)
                + pad("examples", 10) + pad("steps", 8) + pad("time", 9)
        ]
        for run in trial {
            lines.append(
                run.plan.identifier.padding(toLength: width, withPad: " ", startingAt: 0)
                    + pad("\(run.trainableParameters)", 12) + pad("\(run.storedParameters)", 11)
                    + pad("\(run.examples)", 10) + pad("\(run.steps)", 8) + pad(ProgressDisplay.time(run.seconds), 9))
        }
        let total = trial.reduce(0) { $0 + $1.seconds }
        lines.append(
            "\(counted(trial.count, "run")), about \(ProgressDisplay.time(total)) by a trial of a few steps of each row"
        )
        return lines.joined(separator: "\n")
    }
}
