import Synchronization
import Tensors

/// Sixteen rows of a pool, of every layer. They go back to the pool when nothing refers to the page any more: sequences that
/// remember tokens there, and whoever keeps it for a later prompt.
final class KeyValuePage: Sendable {
    /// Rows of a page.
    static let rowCount = 16

    /// The number of its first row within the pool.
    let firstRow: Int32
    private let ledger: PageLedger

    fileprivate init(firstRow: Int32, ledger: PageLedger) {
        self.firstRow = firstRow
        self.ledger = ledger
    }

    deinit { ledger.put(firstRow) }

    /// Its rows.
    var rows: Range<Int32> { firstRow..<firstRow + Int32(Self.rowCount) }
}

/// Which pages of a pool nobody has. A page may be let go on any thread.
final class PageLedger: Sendable {
    private let free: Mutex<[Int32]>  // first rows in falling order, so that the lowest is at hand

    /// A ledger of no pages.
    init() { free = Mutex([]) }

    /// Pages that nobody has.
    var freeCount: Int { free.withLock(\.count) }

    /// Enters new pages: the rows that they begin at.
    func add(_ rows: StrideTo<Int32>) { free.withLock { $0 = Array((Array(rows) + $0).sorted(by: >)) } }

    /// The lowest free page, so that what a prompt takes at once lies side by side where possible.
    func take() -> KeyValuePage? {
        free.withLock { $0.popLast() }.map { KeyValuePage(firstRow: $0, ledger: self) }
    }

    fileprivate func put(_ row: Int32) {
        free.withLock { free in
            var (low, high) = (0, free.count)
            while low < high {
                let middle = (low + high) / 2
                if free[middle] > row { low = middle + 1 } else { high = middle }
            }
            free.insert(row, at: low)
        }
    }
}

/// Hands out rows to the sequences of one request, page after page: its prompt, then a row for each of its beams or answers.
///
/// Beams go on in the page that they have in common, each in rows of its own, so that to fork one copies row numbers and
/// references to pages, and never keys and values. A request can therefore not take more pages than the rows that it writes
/// in all fill.
@Compute final class PageFiller {
    private var page: KeyValuePage?
    private var used: Int32 = 0

    /// Rows for the next tokens of a sequence, and the pages that they lie in.
    func take(_ count: Int, from pool: KeyValuePool) -> (rows: [Int32], pages: [KeyValuePage]) {
        var rows: [Int32] = [], pages: [KeyValuePage] = []
        while rows.count < count {
            if page == nil || used == Int32(KeyValuePage.rowCount) {
                page = pool.page()
                used = 0
            }
            guard let page else { break }
            let more = min(Int32(count - rows.count), Int32(KeyValuePage.rowCount) - used)
            rows += page.firstRow + used..<page.firstRow + used + more
            pages.append(page)
            used += more
        }
        return (rows, pages)
    }
}
