// swift-tools-version: 6.2
import PackageDescription

// Fuzzers for what reads files of strangers. Built and run by `make fuzz`, which gives the compiler the option that links
// libFuzzer; a package of its own, so that nobody else needs that option.
let package = Package(
    name: "Fuzzing",
    platforms: [.macOS(.v15)],
    dependencies: [.package(name: "prefixtune", path: "..", traits: [])],
    targets: [
        .systemLibrary(name: "CLibFuzzer"),
        // The part of the server that reads what clients send, by links to its files: all of the server would need hummingbird.
        .target(name: "Requests", dependencies: [.product(name: "PrefixTuning", package: "prefixtune")]),
        .executableTarget(
            name: "Fuzz", dependencies: ["CLibFuzzer", "Requests", .product(name: "PrefixTuning", package: "prefixtune")]),
    ],
    swiftLanguageModes: [.v6]
)
