import Foundation

/// What `strftime_now` asks for the time.
public struct ChatClock: Sendable {
    /// A time of day somewhere.
    public struct Moment: Equatable, Sendable {
        /// Seconds since 1970-01-01 00:00 UTC.
        public var seconds: Int
        /// How many seconds the clocks there are ahead of UTC.
        public var offset: Int

        /// A moment by its seconds since 1970, and the clocks' offset.
        public init(seconds: Int, offset: Int = 0) {
            self.seconds = seconds
            self.offset = offset
        }
    }

    /// Gives the time.
    public var now: @Sendable () -> Moment

    /// A clock.
    public init(now: @escaping @Sendable () -> Moment) { self.now = now }

    /// The system's clock and time zone.
    public static let system = ChatClock {
        let date = Date()
        return Moment(
            seconds: Int(date.timeIntervalSince1970.rounded(.down)), offset: TimeZone.current.secondsFromGMT(for: date))
    }

    /// A clock that stands.
    public static func fixed(_ moment: Moment) -> ChatClock { ChatClock { moment } }
}

extension ChatClock.Moment {
    private static let days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]
    private static let months = [
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
        "December",
    ]

    /// What C's `strftime` makes of a format in the C locale; nil where a mark is not known.
    func text(_ format: String) -> String? {
        let local = seconds + offset, day = Int((Double(local) / 86_400).rounded(.down)), second = local - day * 86_400
        let date = Self.date(ofDay: day), hour = second / 3_600
        func two(_ number: Int, _ pad: String = "0") -> String { number < 10 ? "\(pad)\(number)" : "\(number)" }
        func three(_ number: Int) -> String {
            String(repeating: "0", count: max(0, 3 - "\(number)".count)) + "\(number)"
        }
        let weekday = ((day + 4) % 7 + 7) % 7, weekdayName = Self.days[weekday], monthName = Self.months[date.month - 1]
        var result = "", characters = format.unicodeScalars.makeIterator()
        while let character = characters.next() {
            guard character == "%" else {
                result.unicodeScalars.append(character)
                continue
            }
            guard var mark = characters.next() else { return nil }
            // "%-d" is without zeros in front.
            let isBare = mark == "-"
            if isBare {
                guard let next = characters.next() else { return nil }
                mark = next
            }
            let pad = isBare ? "" : "0"
            switch mark {
            case "Y": result += "\(date.year)"
            case "y": result += two(date.year % 100, pad)
            case "m": result += two(date.month, pad)
            case "d": result += two(date.day, pad)
            case "e": result += two(date.day, isBare ? "" : " ")
            case "H": result += two(hour, pad)
            case "I": result += two((hour + 11) % 12 + 1, pad)
            case "M": result += two(second / 60 % 60, pad)
            case "S": result += two(second % 60, pad)
            case "p": result += hour < 12 ? "AM" : "PM"
            case "B": result += monthName
            case "b", "h": result += monthName.prefix(3)
            case "A": result += weekdayName
            case "a": result += weekdayName.prefix(3)
            case "w": result += "\(weekday)"
            case "u": result += "\(weekday == 0 ? 7 : weekday)"
            case "j": result += isBare ? "\(date.dayOfYear)" : three(date.dayOfYear)
            case "F": result += "\(date.year)-\(two(date.month))-\(two(date.day))"
            case "D": result += "\(two(date.month))/\(two(date.day))/\(two(date.year % 100))"
            case "T": result += "\(two(hour)):\(two(second / 60 % 60)):\(two(second % 60))"
            case "R": result += "\(two(hour)):\(two(second / 60 % 60))"
            case "s": result += "\(seconds)"
            case "n": result += "\n"
            case "t": result += "\t"
            case "%": result += "%"
            default: return nil
            }
        }
        return result
    }

    /// The date of a day since 1970-01-01 in the Gregorian calendar.
    private static func date(ofDay day: Int) -> (year: Int, month: Int, day: Int, dayOfYear: Int) {
        // Years begin in March, so that the leap day is the last of one (H. Hinnant, "chrono-compatible low-level date algorithms").
        let shifted = day + 719_468, era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfShiftedYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfShiftedYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let lengths = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        let dayOfMonth = dayOfShiftedYear - (153 * shiftedMonth + 2) / 5 + 1
        return (year, month, dayOfMonth, lengths[..<(month - 1)].reduce(dayOfMonth, +))
    }
}
