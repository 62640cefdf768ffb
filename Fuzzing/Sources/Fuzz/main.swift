import CLibFuzzer
import Foundation

// Usage: Fuzz TARGET [libFuzzer's arguments]; see run.sh. `Fuzz seed FOLDER` writes the state of a training run there: its form
// changes, so it is not among the files that are committed.
if CommandLine.arguments.count == 3, CommandLine.arguments[1] == "seed" {
    try writeState(to: URL(fileURLWithPath: CommandLine.arguments[2]))
    exit(0)
}
guard CommandLine.arguments.count > 1, let target = FuzzTarget(rawValue: CommandLine.arguments[1]) else {
    let known = FuzzTarget.allCases.map(\.rawValue).joined(separator: ", ")
    FileHandle.standardError.write(Data("usage: Fuzz TARGET [arguments of libFuzzer], where TARGET is \(known)\n".utf8))
    exit(2)
}
FuzzTarget.current = target

// libFuzzer takes its arguments from the second on.
var count = CommandLine.argc - 1
var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv + 1
exit(LLVMFuzzerRunDriver(&count, &arguments, runOneInput))
