private import Foundation

/// A moment in UTC, in milliseconds since 1970; on the wire RFC 3339 with three decimals and `Z`.
package struct Timestamp: Sendable, Hashable, Comparable, CustomStringConvertible {
    package let milliseconds: Int64

    package init(milliseconds: Int64) { self.milliseconds = milliseconds }

    package static var now: Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }

    package static func < (left: Timestamp, right: Timestamp) -> Bool { left.milliseconds < right.milliseconds }

    package var description: String {
        String(unsafeUninitializedCapacity: Self.length) { text in
            if let base = text.baseAddress { write(to: base) }
            return Self.length
        }
    }

    /// How many bytes it has on the wire, from the year 0 to 9999.
    package static let length = 24

    /// Writes it as on the wire.
    ///
    /// - Parameter text: room for `length` bytes.
    package func write(to text: UnsafeMutablePointer<UInt8>) {
        let days = (milliseconds >= 0 ? milliseconds : milliseconds - 86_399_999) / 86_400_000
        let inDay = UInt32(truncatingIfNeeded: milliseconds - days * 86_400_000)
        let (year, month, day) = civil(fromDays: days)
        @inline(__always) func digits(_ value: UInt32, at offset: Int, _ count: Int, _ after: StaticString) {
            var rest = value
            for index in stride(from: offset + count - 1, through: offset, by: -1) {
                text[index] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            }
            text[offset + count] = after.utf8Start[0]
        }
        digits(UInt32(truncatingIfNeeded: year), at: 0, 4, "-")
        digits(UInt32(truncatingIfNeeded: month), at: 5, 2, "-")
        digits(UInt32(truncatingIfNeeded: day), at: 8, 2, "T")
        digits(inDay / 3_600_000, at: 11, 2, ":")
        digits(inDay / 60_000 % 60, at: 14, 2, ":")
        digits(inDay / 1_000 % 60, at: 17, 2, ".")
        digits(inDay % 1_000, at: 20, 3, "Z")
    }

    /// RFC 3339 with any number of decimals and any offset; finer than a millisecond is cut off.
    package init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count >= 20 else { return nil }
        func number(_ range: Range<Int>) -> Int64? {
            guard range.upperBound <= bytes.count else { return nil }
            var value: Int64 = 0
            for byte in bytes[range] {
                guard UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte else { return nil }
                value = value * 10 + Int64(byte - UInt8(ascii: "0"))
            }
            return value
        }
        guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10), let hour = number(11..<13),
            let minute = number(14..<16), let second = number(17..<19),
            bytes[4] == UInt8(ascii: "-"), bytes[7] == UInt8(ascii: "-"), bytes[10] | 0x20 == UInt8(ascii: "t"),
            bytes[13] == UInt8(ascii: ":"), bytes[16] == UInt8(ascii: ":"),
            1...12 ~= month, day >= 1, day <= daysIn(month: month, of: year), hour < 24, minute < 60, second <= 60
        else { return nil }
        var index = 19
        var thousandths: Int64 = 0
        if bytes[index] == UInt8(ascii: ".") {
            index += 1
            var weight: Int64 = 100
            let start = index
            while index < bytes.count, UInt8(ascii: "0")...UInt8(ascii: "9") ~= bytes[index] {
                thousandths += Int64(bytes[index] - UInt8(ascii: "0")) * weight
                weight /= 10
                index += 1
            }
            guard index > start, index < bytes.count else { return nil }
        }
        var offset: Int64 = 0
        if bytes[index] | 0x20 == UInt8(ascii: "z") {
            guard index + 1 == bytes.count else { return nil }
        } else {
            guard bytes[index] == UInt8(ascii: "+") || bytes[index] == UInt8(ascii: "-"), bytes.count == index + 6,
                bytes[index + 3] == UInt8(ascii: ":"), let hours = number(index + 1..<index + 3),
                let minutes = number(index + 4..<index + 6),
                hours < 24, minutes < 60
            else { return nil }
            offset = (hours * 60 + minutes) * 60_000 * (bytes[index] == UInt8(ascii: "-") ? -1 : 1)
        }
        let inDay = ((hour * 60 + minute) * 60 + second) * 1_000 + thousandths
        milliseconds = days(fromCivil: (year, month, day)) * 86_400_000 + inDay - offset
    }
}

extension Fields {
    package mutating func optionalTimestamp(_ name: String) throws(RPCError) -> Timestamp? {
        guard let text = try optionalString(name) else { return nil }
        guard let time = Timestamp(text) else {
            throw RPCError(.invalidParams, detail: "\(name) is a time such as 2026-01-31T08:00:00.000Z", parameter: name)
        }
        return time
    }
    package mutating func timestamp(_ name: String) throws(RPCError) -> Timestamp {
        guard let time = try optionalTimestamp(name) else {
            throw RPCError(.invalidParams, detail: "\(name) is missing", parameter: name)
        }
        return time
    }
}

// Howard Hinnant, "chrono-compatible low-level date algorithms": days since 1970-01-01 in the proleptic Gregorian calendar.
private func days(fromCivil date: (year: Int64, month: Int64, day: Int64)) -> Int64 {
    let year = date.month <= 2 ? date.year - 1 : date.year
    let era = (year >= 0 ? year : year - 399) / 400
    let ofEra = year - era * 400
    let ofYear = (153 * (date.month + (date.month > 2 ? -3 : 9)) + 2) / 5 + date.day - 1
    return era * 146_097 + ofEra * 365 + ofEra / 4 - ofEra / 100 + ofYear - 719_468
}

private func civil(fromDays days: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let shifted = days + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let ofEra = shifted - era * 146_097
    let yearOfEra = (ofEra - ofEra / 1_460 + ofEra / 36_524 - ofEra / 146_096) / 365
    let ofYear = ofEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * ofYear + 2) / 153
    let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, ofYear - (153 * shiftedMonth + 2) / 5 + 1)
}

private func daysIn(month: Int64, of year: Int64) -> Int64 {
    let next = month == 12 ? days(fromCivil: (year + 1, 1, 1)) : days(fromCivil: (year, month + 1, 1))
    return next - days(fromCivil: (year, month, 1))
}
