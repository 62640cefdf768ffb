// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

// `make` sets it (Tools/commit.sh), so that `prefixtune --version` can say what it was built from. A new commit compiles one C file
// anew. SwiftPM's own Context.gitInformation is remembered as long as this file stays the same, and would name an old commit.
let commit: [CSetting] =
    Context.environment["PREFIXTUNE_COMMIT"].map { [.define("PREFIXTUNE_COMMIT", to: "\"\($0)\"")] } ?? []

let serving: TargetDependencyCondition? = .when(traits: ["Serving"])

let package = Package(
    name: "prefixtune",
    platforms: [.macOS(.v15)],
    products: [
        .library(
            name: "PrefixTuning",
            targets: [
                "PrefixTuning", "LanguageModels", "Tensors", "Tokenizers", "TextMetrics", "Hub", "Reports",
                "ChatTemplates",
            ]),
        // The paper's experiments, the embedded model and tables (6.4 MB), pretraining.
        .library(name: "PrefixExperiments", targets: ["PrefixExperiments"]),
        .executable(name: "prefixtune", targets: ["prefixtune"]),
    ],
    traits: [
        // The command serve. Without it (--disable-default-traits) the server's packages are neither fetched nor built.
        .trait(name: "Serving", description: "The command serve and the HTTP server's packages."),
        .default(enabledTraits: ["Serving"]),
    ],
    dependencies: [
        // Exact: Package.resolved is not committed. `prefixtune --version` prints it (Sources/prefixtune/Version.swift).
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        // Only for Serving. Without hummingbird's traits it needs neither swift-configuration nor all of Foundation.
        .package(url: "https://github.com/hummingbird-project/hummingbird", exact: "2.28.1", traits: []),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", exact: "2.37.6"),
        .package(url: "https://github.com/apple/swift-http-types", exact: "1.8.0"),
    ],
    targets: [
        // C: vector loops with run-time dispatch (vector loops written in Swift were measured 50 times slower).
        .target(name: "CKernels", linkerSettings: [.linkedLibrary("gomp", .when(platforms: [.linux]))]),
        // The one door to oneDNN; hides the difference between its 2.x and 3.x interfaces.
        .target(name: "COneDNN", linkerSettings: [.linkedLibrary("dnnl")]),
        // zlib, for gzip-compressed data sets and METEOR's table of paraphrases.
        .systemLibrary(
            name: "CZlib", path: "Sources/CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"]), .brew(["zlib"])]),
        // Oniguruma, for the regular expressions in tokenizer files.
        .systemLibrary(
            name: "COniguruma", path: "Sources/COniguruma", pkgConfig: "oniguruma",
            providers: [.apt(["libonig-dev"]), .brew(["oniguruma"])]),
        // OpenSSL, for checksums where there is no CryptoKit.
        .systemLibrary(
            name: "COpenSSL", path: "Sources/COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        // The one door to sentencepiece, which is C++; lets no exception out.
        .target(name: "CSentencePiece", linkerSettings: [.linkedLibrary("sentencepiece")]),
        // The one door to MPI, which is opened when a launcher has started the process: nothing of it is built or linked against.
        .target(name: "CMPI", linkerSettings: [.linkedLibrary("dl", .when(platforms: [.linux]))]),
        // The commit that the program was built from: C, as Swift's conditions have no values.
        .target(name: "CVersion", cSettings: commit),

        .target(name: "Tensors", dependencies: ["CKernels", "COneDNN"], swiftSettings: strict),
        .target(name: "Tokenizers", dependencies: ["COniguruma", "CSentencePiece"], swiftSettings: strict),
        .target(name: "TextMetrics", dependencies: ["CZlib"], swiftSettings: strict),
        .target(
            name: "Hub",
            dependencies: [.target(name: "COpenSSL", condition: .when(platforms: [.linux]))], swiftSettings: strict),
        // The part of Jinja that chat templates use: no library of Swift's has it.
        .target(name: "ChatTemplates", swiftSettings: strict),
        // One self-contained HTML page.
        .target(name: "Reports", swiftSettings: strict),
        // SHA-256 as Hub has it.
        .target(
            name: "LanguageModels",
            dependencies: [
                "Tensors", "Tokenizers", "ChatTemplates",
                .target(name: "COpenSSL", condition: .when(platforms: [.linux])),
            ], swiftSettings: strict),
        .target(
            name: "PrefixTuning",
            dependencies: [
                "LanguageModels", "Tensors", "Tokenizers", "ChatTemplates", "TextMetrics", "Reports", "CZlib", "CMPI",
            ],
            swiftSettings: strict),
        .target(
            name: "PrefixExperiments",
            dependencies: ["PrefixTuning", "LanguageModels", "Tensors", "Tokenizers", "TextMetrics", "Reports"],
            resources: [.copy("Resources")], swiftSettings: strict),
        // The HTTP server: engine, store, OpenAI's forms. Built only with the trait Serving.
        .target(
            name: "Serving",
            dependencies: [
                "PrefixTuning", "LanguageModels", "Tensors", "Tokenizers", "Hub", "ChatTemplates",
                .product(name: "Hummingbird", package: "hummingbird", condition: serving),
                .product(name: "HummingbirdCore", package: "hummingbird", condition: serving),
                .product(name: "HummingbirdTLS", package: "hummingbird", condition: serving),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle", condition: serving),
                .product(name: "UnixSignals", package: "swift-service-lifecycle", condition: serving),
                .product(name: "Logging", package: "swift-log", condition: serving),
                .product(name: "NIOCore", package: "swift-nio", condition: serving),
                .product(name: "NIOPosix", package: "swift-nio", condition: serving),
                .product(name: "NIOSSL", package: "swift-nio-ssl", condition: serving),
                .product(name: "HTTPTypes", package: "swift-http-types", condition: serving),
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "prefixtune",
            dependencies: [
                .target(name: "Serving", condition: serving),
                .product(name: "Logging", package: "swift-log", condition: serving),
                "PrefixExperiments", "PrefixTuning", "LanguageModels", "Tensors", "Tokenizers", "TextMetrics",
                "Reports", "Hub", "ChatTemplates", "CVersion",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),

        // Built with the tests, so that they compile; the first is the README's.
        .executableTarget(
            name: "LibraryExample", dependencies: ["PrefixExperiments", "PrefixTuning", "LanguageModels"],
            path: "Examples/Library", swiftSettings: strict),
        .executableTarget(
            name: "ManyPrefixesExample", dependencies: ["PrefixExperiments", "PrefixTuning", "LanguageModels"],
            path: "Examples/ManyPrefixes", swiftSettings: strict),

        .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: strict),
        .testTarget(name: "TensorsTests", dependencies: ["Tensors", "TestSupport"], swiftSettings: strict),
        .testTarget(name: "TokenizersTests", dependencies: ["Tokenizers", "TestSupport"], swiftSettings: strict),
        .testTarget(name: "TextMetricsTests", dependencies: ["TextMetrics", "TestSupport"], swiftSettings: strict),
        .testTarget(name: "HubTests", dependencies: ["Hub", "TestSupport"], swiftSettings: strict),
        .testTarget(name: "ChatTemplatesTests", dependencies: ["ChatTemplates", "TestSupport"], swiftSettings: strict),
        .testTarget(name: "ReportsTests", dependencies: ["Reports"], swiftSettings: strict),
        .testTarget(
            name: "LanguageModelsTests",
            dependencies: ["LanguageModels", "Tensors", "Tokenizers", "ChatTemplates", "TestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "PrefixTuningTests",
            dependencies: [
                "PrefixTuning", "LanguageModels", "Tensors", "Tokenizers", "TextMetrics", "Reports", "ChatTemplates",
                "TestSupport",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "PrefixExperimentsTests",
            dependencies: [
                "PrefixExperiments", "PrefixTuning", "LanguageModels", "Tensors", "Tokenizers", "TextMetrics",
                "Reports",
                "TestSupport",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "ServingTests",
            dependencies: [
                "Serving", "PrefixExperiments", "PrefixTuning", "LanguageModels", "Tensors", "Tokenizers",
                "ChatTemplates",
                "TestSupport",
                .product(name: "HummingbirdTesting", package: "hummingbird", condition: serving),
                .product(name: "Hummingbird", package: "hummingbird", condition: serving),
                .product(name: "NIOCore", package: "swift-nio", condition: serving),
                .product(name: "HTTPTypes", package: "swift-http-types", condition: serving),
                .product(name: "Logging", package: "swift-log", condition: serving),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "CommandLineTests",
            dependencies: [
                "prefixtune", "PrefixExperiments", "PrefixTuning", "LanguageModels", "Tensors", "Tokenizers",
                "ChatTemplates", "TestSupport",
            ],
            swiftSettings: strict),
    ],
    swiftLanguageModes: [.v6],
    cxxLanguageStandard: .cxx17
)
