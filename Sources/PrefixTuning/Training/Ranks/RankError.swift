/// Why processes cannot train together, or no longer.
public enum RankError: Error, Equatable, CustomStringConvertible {
    /// A launcher started several processes, and no MPI library is there for them to find each other by.
    case noLibrary(launcher: String, tried: [String])
    /// A library that was named, or found, cannot be used.
    case badLibrary(name: String, problem: String)
    /// MPI refused a call.
    case failed(call: String, reason: String)
    /// The others did not come to an exchange in time.
    case noAnswer(seconds: Double, place: String)
    /// The processes are not of one training.
    case different(what: String, first: String, rank: Int, host: String, other: String)
    /// Parameters that have to be the same are not.
    case parted(rank: Int, host: String, step: Int)

    /// A sentence for people.
    public var description: String {
        switch self {
        case .noLibrary(let launcher, let tried):
            "\(launcher) started this process as one of several, but no MPI library was found (tried "
                + "\(tried.joined(separator: ", "))); install libopenmpi3 or libmpich12, or set PREFIXTUNE_MPI to its file"
        case .badLibrary(let name, let problem): "\(name) cannot be used as MPI library: \(problem)"
        case .failed(let call, let reason): "MPI refused \(call): \(reason)"
        case .noAnswer(let seconds, let place):
            "no answer from the other processes for \(Int(seconds)) seconds \(place); the state that was saved last is whole"
        case .different(let what, let first, let rank, let host, let other):
            "the processes are not of one training: \(what) is \(first) on rank 0, and \(other) on rank \(rank) (\(host))"
        case .parted(let rank, let host, let step):
            "rank \(rank) (\(host)) has other parameters than rank 0 after step \(step), although both had the same before; the "
                + "state that was saved last is whole"
        }
    }
}
