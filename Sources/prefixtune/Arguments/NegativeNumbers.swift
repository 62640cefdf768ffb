/// Lets a negative number follow an option: `--learning-rate -1` reads as an option without its value and another one.
enum NegativeNumbers {
    /// The arguments with each negative number joined to the option before it, as in `--learning-rate=-1`.
    static func joined(_ arguments: [String]) -> [String] {
        var joined: [String] = []
        for (index, argument) in arguments.enumerated() {
            if argument == "--" { return joined + arguments[index...] }
            if argument.hasPrefix("-"), Double(argument) != nil, let option = joined.last, option.hasPrefix("--"),
                !option.contains("=")
            {
                joined[joined.count - 1] += "=\(argument)"
            } else {
                joined.append(argument)
            }
        }
        return joined
    }
}
