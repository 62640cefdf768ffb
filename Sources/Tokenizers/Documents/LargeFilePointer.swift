/// What stands in place of a file that git-lfs keeps elsewhere and has not fetched yet: three lines of text.
///
/// A model's files cloned without git-lfs all look like this, and no reader of them should call one a damaged file.
package enum LargeFilePointer {
    private static let beginnings = [
        "version https://git-lfs.github.com/spec/", "version https://hawser.github.com/spec/",
    ]
    /// What the specification of pointers allows.
    private static let largestSize = 1024

    /// Whether these are the contents of a pointer.
    package static func isRecognized(_ contents: some Collection<UInt8>) -> Bool {
        contents.count <= largestSize && beginnings.contains { contents.starts(with: $0.utf8) }
    }

    /// The sentence for a pointer: what it is, and what to do.
    package static func sentence(file: String) -> String {
        "\(file) is a git-lfs pointer, not the file itself; run `git lfs pull` in its folder, or fetch the repository "
            + "with `prefixtune pull`"
    }
}
