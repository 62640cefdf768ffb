import Tensors

/// Pages of keys and values of prompts that were read, for later prompts that begin alike.
///
/// A page is kept under SHA-256 of all that its keys and values follow from: the page before it and its own 16 tokens, and for the
/// first one the model, what stands before the text (contents, not names) and at which position the text begins, and a salt of
/// whoever asked. Only what was computed in reading a prompt is kept, never what was computed in writing an answer: the kernels
/// for one and for many tokens differ in their last bits, and a request that finds something here has the same bits as one that
/// does not.
@Compute final class PromptCache {
    /// A page that is kept.
    private final class Entry {
        var page: KeyValuePage
        var lastUse: Int
        let depth: Int

        init(_ page: KeyValuePage, lastUse: Int, depth: Int) {
            self.page = page
            self.lastUse = lastUse
            self.depth = depth
        }
    }

    private let identity: String
    private var entries: [String: Entry] = [:]
    private var uses = 0

    /// A cache for a model, as whatever tells it from others of its kind calls it.
    init(identity: String) { self.identity = identity }

    /// Pages that are kept.
    var count: Int { entries.count }

    /// What the pages of a prompt are kept under: those that are full.
    ///
    /// - Parameters:
    ///   - prompt: Its tokens.
    ///   - starts: What it comes after.
    ///   - position: Where the text begins.
    ///   - salt: Of whoever asks.
    func keys(_ prompt: [Int32], after starts: [InitialKeyValues], at position: Int, salt: String) -> [String] {
        let size = KeyValuePage.rowCount
        var keys: [String] = []
        // What no page depends on is not hashed: a prefix is large where a prompt is short.
        if prompt.count < size { return keys }
        let root = ContentHasher()
        root.add(identity)
        root.add(salt)
        root.add(position)
        for start in starts { root.add(start.digest) }
        var last = root.finish()
        for first in stride(from: 0, through: prompt.count - size, by: size) {
            let hasher = ContentHasher()
            hasher.add(last)
            hasher.add(prompt[first..<first + size])
            last = hasher.finish()
            keys.append(last)
        }
        return keys
    }

    /// The pages that a prompt of so many tokens need not read: the first ones, as long as they are kept and 4 tokens are left.
    func pages(_ keys: [String], ofPrompt count: Int) -> [KeyValuePage] {
        uses += 1
        let most = max(0, count - 4) / KeyValuePage.rowCount
        var pages: [KeyValuePage] = []
        for key in keys.prefix(most) {
            guard let entry = entries[key] else { break }
            entry.lastUse = uses
            pages.append(entry.page)
        }
        return pages
    }

    /// Keeps the pages of a prompt that was read.
    func keep(_ pages: [KeyValuePage], under keys: [String]) {
        uses += 1
        for (depth, (key, page)) in zip(keys, pages).enumerated() {
            if let entry = entries[key] {
                entry.lastUse = uses
            } else {
                entries[key] = Entry(page, lastUse: uses, depth: depth)
            }
        }
    }

    /// Lets go an eighth of the pages that no request uses, those that were not used for longest, and of one prompt the last ones.
    ///
    /// - Returns: Whether there was one.
    func reclaim() -> Bool {
        let unused = entries.filter { isKnownUniquelyReferenced(&$0.value.page) }
        if unused.isEmpty { return false }
        let oldest = unused.sorted { a, b in
            (a.value.lastUse, -a.value.depth) < (b.value.lastUse, -b.value.depth)
        }
        for (key, _) in oldest.prefix((unused.count + 7) / 8) { entries[key] = nil }
        return true
    }

    /// Lets go all of them.
    func clear() { entries = [:] }
}
