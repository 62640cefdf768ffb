import ArgumentParser

/// How a training run tells what happens.
struct LogOptions: ParsableArguments {
    /// The form of the events on standard error.
    enum Form: String, CaseIterable, ExpressibleByArgument {
        case text, json
    }

    @Option(
        help: """
            What happens, on standard error: text for people, or json, a line for each step, validation and save: \
            {"event":"step","step":1,"loss":…}. Errors and warnings stay sentences.
            """)
    var log = Form.text
    @Flag(help: "Write an event file for TensorBoard into the output folder, too; --resume continues it.")
    var tensorboard = false
}
