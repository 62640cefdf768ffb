/// Numbers, dates, fractions and phone numbers.
extension PTBScanner {
    func matchNumbers(_ start: Int, _ best: inout Match) {
        let signed = at(start) == 0x2B || at(start) == 0x2D
        if let end = numberEnd(signed ? start + 1 : start) { best.offer(end - start, .number, .word) }
        if let end = dateEnd(start) { best.offer(end - start, .number) }
        if let end = fractionEnd(start) { best.offer(end - start, .fraction, .spaced) }
        if let end = phoneEnd(start) { best.offer(end - start, .phone, .spaced) }
    }

    /// Digits with `.`, `:` or `,` between or before them.
    private func numberEnd(_ start: Int) -> Int? {
        var end = run(start) { $0.isDigit }
        while [0x2E, 0x3A, 0x2C, 0xAD, 0x66B, 0x66C].contains(at(end)), at(end + 1).isDigit {
            end = run(end + 1) { $0.isDigit }
        }
        return end > start ? end : nil
    }

    /// 31-12-99, 31/12/1999.
    private func dateEnd(_ start: Int) -> Int? {
        var end = start
        for _ in 0..<2 {
            let digits = run(end, limit: 3) { $0.isDigit }
            guard (1...2).contains(digits - end), at(digits) == 0x2D || at(digits) == 0x2F else { return nil }
            end = digits + 1
        }
        let digits = run(end, limit: 4) { $0.isDigit }
        return digits - end >= 2 ? digits : nil
    }

    /// 1/2, 4 1/2, 4-1/2.
    private func fractionEnd(_ start: Int) -> Int? {
        let first = run(start, limit: 5) { $0.isDigit }
        guard (1...4).contains(first - start) else { return nil }
        if let end = simpleFractionEnd(start) { return end }
        return [0x20, 0x2D, 0xA0].contains(at(first)) ? simpleFractionEnd(first + 1) : nil
    }

    private func simpleFractionEnd(_ start: Int) -> Int? {
        let above = run(start, limit: 5) { $0.isDigit }
        guard (1...4).contains(above - start) else { return nil }
        let slash = at(above) == 0x2F || at(above) == 0x2044 ? 1 : (at(above) == 0x5C && at(above + 1) == 0x2F ? 2 : 0)
        let below = run(above + slash, limit: 4) { $0.isDigit }
        return slash > 0 && below > above + slash ? below : nil
    }

    // MARK: - Phone numbers

    /// "(01223) 555666"-like groups, "+44 20-7946 0999", "123.456.7890"; the longest reading.
    private func phoneEnd(_ start: Int) -> Int? {
        let unit = at(start)
        guard unit.isASCIIDigit || unit == 0x28 || unit == 0x2B else { return nil }
        var longest: Int?
        for middle in areaEnds(start) {
            for ends in digits([middle], 3...4) {
                let joined = [0x20, 0x2D, 0xA0].contains(at(ends)) ? [ends, ends + 1] : [ends]
                for end in digits(joined, 3...5) { longest = max(longest ?? 0, end) }
            }
        }
        for ends in [dotted(digits(prefixes(start), 2...4)), prefixes(start)] {
            let lasts = digits(dotted(digits(dotted(digits(ends, 2...4)), 3...4)), 3...5)
            for end in lasts { longest = max(longest ?? 0, end) }
        }
        return longest
    }

    /// Where the subscriber's number can begin: after "(ddd)" or after one or two groups of digits, each with a separator.
    private func areaEnds(_ start: Int) -> [Int] {
        if at(start) == 0x28 {
            let inner = run(start + 1, limit: 3) { $0.isASCIIDigit }
            guard inner - start - 1 >= 2, at(inner) == 0x29 else { return [] }
            return at(inner + 1) == 0x20 || at(inner + 1) == 0xA0 ? [inner + 1, inner + 2] : [inner + 1]
        }
        let one = separated(digits(prefixes(start), 2...4))
        return one + separated(digits(one, 2...4))
    }

    /// The places after an optional + or ++.
    private func prefixes(_ start: Int) -> [Int] {
        guard at(start) == 0x2B else { return [start] }
        return at(start + 1) == 0x2B ? [start + 1, start + 2] : [start + 1]
    }

    private func digits(_ starts: [Int], _ counts: ClosedRange<Int>) -> [Int] {
        starts.flatMap { start in
            let most = run(start, limit: counts.upperBound) { $0.isASCIIDigit } - start
            return most < counts.lowerBound ? [] : (counts.lowerBound...most).map { start + $0 }
        }
    }

    private func separated(_ ends: [Int]) -> [Int] {
        ends.filter { [0x20, 0x2D, 0xA0].contains(at($0)) }.map { $0 + 1 }
    }

    private func dotted(_ ends: [Int]) -> [Int] {
        ends.filter { at($0) == 0x2E }.map { $0 + 1 }
    }
}
