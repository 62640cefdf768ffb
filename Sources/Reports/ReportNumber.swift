import Foundation

/// How reports write numbers: grouped by thousands, with a real minus sign, whatever the locale.
package enum ReportNumber {
    /// The number with a fixed count of decimals: "−1,234.50"; "n/a" where it is not finite.
    package static func fixed(_ value: Double, decimals: Int) -> String {
        guard value.isFinite else { return "n/a" }
        guard abs(value) < 1e15 else { return scientific(value, digits: 3) }
        let digits = String(format: "%.\(max(0, min(decimals, 12)))f", abs(value))
        let point = digits.firstIndex(of: ".") ?? digits.endIndex
        let isZero = !digits.contains { ("1"..."9").contains($0) }
        return (value < 0 && !isZero ? "−" : "") + grouped(digits[..<point]) + digits[point...]
    }

    /// The number as shown with a count of decimals.
    static func rounded(_ value: Double, decimals: Int) -> Double {
        let scale = pow(10, Double(decimals))
        let scaled = value * scale
        return scaled.isFinite && abs(scaled) < 1e15 ? scaled.rounded() / scale : value
    }

    /// The number with a few significant digits: "0.00123", "12.3", "12,300", "1.23×10⁷".
    package static func short(_ value: Double, digits: Int = 4) -> String {
        guard value.isFinite else { return "n/a" }
        guard value != 0 else { return "0" }
        let exponent = Int(floor(log10(abs(value))))
        guard (-4..<6).contains(exponent) else { return scientific(value, digits: digits) }
        return trimmed(fixed(value, decimals: max(0, digits - 1 - exponent)))
    }

    /// A mark on an axis whose neighbours are a step away: as many decimals as the step has.
    static func tick(_ value: Double, step: Double) -> String {
        let exponent = Int(floor(log10(step) + 1e-9))
        if exponent < -4 || abs(value) >= 1e7 {
            return value == 0 || abs(value) < step / 2 ? "0" : scientific(value, digits: 3)
        }
        return fixed(value, decimals: max(0, -exponent))
    }

    /// "1.2×10⁻⁵", without zeros at the end of the mantissa.
    private static func scientific(_ value: Double, digits: Int) -> String {
        let parts = String(format: "%.\(digits - 1)e", value).split(separator: "e")
        guard parts.count == 2, let power = Int(parts[1]) else { return "\(value)" }
        let mantissa = trimmed(String(parts[0])).replacingOccurrences(of: "-", with: "−")
        let superscripts: [Character: Character] = [
            "0": "⁰", "1": "¹", "2": "²", "3": "³", "4": "⁴", "5": "⁵", "6": "⁶", "7": "⁷", "8": "⁸", "9": "⁹",
            "-": "⁻",
        ]
        let exponent = String(String(power).map { superscripts[$0] ?? $0 })
        switch mantissa {
        case "1": return "10" + exponent
        case "−1": return "−10" + exponent
        default: return mantissa + "×10" + exponent
        }
    }

    private static func trimmed(_ number: String) -> String {
        guard number.contains(".") else { return number }
        var text = Substring(number)
        while text.last == "0" { text.removeLast() }
        if text.last == "." { text.removeLast() }
        return String(text)
    }

    private static func grouped(_ digits: Substring) -> String {
        var text = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index).isMultiple(of: 3) { text.append(",") }
            text.append(digit)
        }
        return text
    }
}
