import PrefixTuning

/// Why nothing was measured.
public enum BenchmarkError: Error, Equatable, CustomStringConvertible {
    /// A size without meaning.
    case badSetting(name: String, value: Int, least: Int)
    /// A size that no machine has room for.
    case tooGreat(name: String, value: Int, most: Int)
    /// More positions than the model has.
    case tooLong(needed: Int, positions: Int)

    /// What happened, and what to do.
    public var description: String {
        switch self {
        case .badSetting(let name, let value, let least): "the \(name) is \(value), but at least \(least) is needed"
        case .tooGreat(let name, let value, let most): "the \(name) is \(value), but at most \(most) is possible"
        case .tooLong(let needed, let positions):
            "prefix, prompt and new tokens take \(needed) positions, but the model has \(positions); "
                + "ask for shorter ones"
        }
    }
}
