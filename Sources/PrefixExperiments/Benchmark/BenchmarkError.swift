import PrefixTuning

/// Why nothing was measured.
public enum BenchmarkError: Error, Equatable, CustomStringConvertible {
    /// A size without meaning.
    case badSetting(name: String, value: Int, least: Int)
    /// More positions than the model has.
    case tooLong(needed: Int, positions: Int)

    /// What happened, and what to do.
    public var description: String {
        switch self {
        case .badSetting(let name, let value, let least): "the \(name) is \(value), but at least \(least) is needed"
        case .tooLong(let needed, let positions):
            "prefix, prompt and new tokens take \(needed) positions, but the model has \(positions); "
                + "ask for shorter ones"
        }
    }
}
