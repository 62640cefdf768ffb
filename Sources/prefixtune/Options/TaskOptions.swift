import ArgumentParser
import Foundation
import Hub
import PrefixTuning

/// What prompts are of: by these options, else by what the adapters record of their training, else the user's own.
struct TaskOptions: ParsableArguments {
    @Option(
        help: """
            What the prompts are of: \(TuningTask.choices); by default what the adapter was trained on, else jsonl. \
            \(TuningTask.promptHelp)
            """)
    var task: TuningTask?
    @OptionGroup var fields: FieldOptions

    func validate() throws {
        if let task { try fields.validate(for: task) }
    }

    /// The task, with the fields, lengths and white space that training had.
    ///
    /// - Parameter record: What the adapters, or the model, record.
    /// - Throws: `TaskRecordError` where that is to be followed and cannot be.
    func resolved(_ record: @autoclosure () throws -> TaskRecord?) throws -> TuningTask {
        guard let task else {
            guard fields.given != nil else { return try record()?.tuningTask() ?? .jsonl }
            // Fields can be named of the user's own data alone, whatever an adapter was trained on.
            let recorded = try? record()?.tuningTask()
            return try fields.applied(to: recorded?.fields == nil ? .jsonl : recorded ?? .jsonl)
        }
        // A task that is asked for is read as it is; what training read of it tells how long texts are and how they end.
        guard let recorded = try? record()?.tuningTask(), recorded.name == task.name else {
            return try fields.applied(to: task)
        }
        var own = task
        (own.format, own.promptEnding) = (recorded.format, recorded.promptEnding)
        return try fields.applied(to: own)
    }

    /// The same, before anything is fetched or read; nil where only what is fetched will tell.
    func known(beside adapters: [ModelReference?], of model: ModelName?) -> TuningTask? {
        if task != nil || fields.given != nil { return try? resolved(nil) }
        let given = adapters.compactMap(\.self), files = given.compactMap(\.file) + [model?.file].compactMap(\.self)
        guard let model, files.count == given.count + (model.isEmbedded ? 0 : 1) else { return nil }
        return try? files.contains { try TaskRecord.read(from: [$0]) != nil } ? nil : .jsonl
    }
}
