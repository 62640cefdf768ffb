import COniguruma
import CSentencePiece

extension Tokenizer {
    /// The versions of the libraries that were found. sentencepiece says none: its file is named.
    package static var libraryVersions: [(name: String, version: String)] {
        [
            ("Oniguruma", String(cString: onig_version())),
            ("sentencepiece", pts_library().map { String(cString: $0) } ?? "(file unknown)"),
        ]
    }
}
