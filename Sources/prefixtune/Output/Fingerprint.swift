import Foundation

/// A short text that tells contents apart: FNV-1a of 64 bits, for noticing mistakes, not for keeping out forgery.
struct Fingerprint {
    private var hash: UInt64 = 0xcbf2_9ce4_8422_2325

    /// Takes the next bytes.
    mutating func add(_ bytes: some Sequence<UInt8>) {
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x0100_0000_01b3 }
    }

    /// Takes a text, and that it ends here.
    mutating func add(_ text: String) {
        add(text.utf8)
        add([0xff])
    }

    /// Takes a file, or the files of a folder: names, sizes and contents. Of a file above a megabyte, 64 pieces of 4 kB
    /// that are spread over it: weights that differ, differ everywhere.
    mutating func add(_ url: URL) {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder) else { return }
        guard isFolder.boolValue else { return addFile(url) }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: url.path)) ?? []
        for name in names.filter({ !$0.hasPrefix(".") }).sorted() {
            let file = url.appendingPathComponent(name)
            guard
                (try? file.resolvingSymlinksInPath().resourceValues(forKeys: [.isRegularFileKey]).isRegularFile) == true
            else { continue }
            add(name)
            addFile(file)
        }
    }

    private mutating func addFile(_ file: URL) {
        guard let data = try? Data(contentsOf: file, options: .mappedIfSafe) else { return }
        add("\(data.count)")
        if data.count <= 1 << 20 { return add(data) }
        for piece in 0..<64 {
            let start = data.startIndex + piece * (data.count - 4096) / 63
            add(data[start..<start + 4096])
        }
    }

    /// Hex digits.
    var text: String { String(hash, radix: 16) }
}
