import EverlineProtocol
private import Foundation

/// Quarters of an hour since 1970 as a time zone's clocks show them.
struct LocalTime: Sendable {
    /// From which quarters on the zone is how many ahead of UTC.
    private let changes: [(from: Int64, offset: Int64)]

    /// Nowhere were clocks turned twice within so many quarters, six days: 6.96 days at the least (Brazil in 2000; IANA database 2025b, from 1970 on).
    private static let look: Int64 = 576
    /// Weeks begin before the range that touches them, and end after it.
    private static let margin: Int64 = 960

    /// - Parameter range: the quarters that are asked for.
    /// - Throws: `invalid_params` for a zone that is not known.
    init(_ name: String, _ range: Range<Int64>) throws(RPCError) {
        guard name.utf8.allSatisfy({ UInt8(ascii: "A")...UInt8(ascii: "Z") ~= $0 & 0xDF || "0123456789/_+-".utf8.contains($0) }),
            let zone = TimeZone(identifier: name)
        else { throw RPCError(.invalidParams, detail: "timeZone is a name such as Asia/Taipei", parameter: "timeZone") }
        // Asking a zone takes microseconds, and is done for each day and bucket: so it is asked for the changes, once.
        var quarter = range.lowerBound - Self.margin
        var changes = [(from: quarter, offset: Self.offset(of: zone, at: quarter))]
        while quarter < range.upperBound + Self.margin {
            let next = quarter + Self.look
            let offset = Self.offset(of: zone, at: next)
            if offset != changes[changes.count - 1].offset {
                var (before, after) = (quarter, next)
                while after - before > 1 {
                    let middle = before + (after - before) / 2
                    if Self.offset(of: zone, at: middle) == offset { after = middle } else { before = middle }
                }
                changes.append((after, offset))
            }
            quarter = next
        }
        self.changes = changes
    }

    /// All zones are whole quarters ahead since they were made by law.
    private static func offset(of zone: TimeZone, at quarter: Int64) -> Int64 {
        let seconds = zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(quarter) * 900))
        return Int64((Double(seconds) / 900).rounded())
    }

    /// Quarters that the zone is ahead of UTC then.
    func offset(at quarter: Int64) -> Int64 {
        var (low, high) = (0, changes.count)
        while high - low > 1 {
            let middle = (low + high) / 2
            if changes[middle].from <= quarter { low = middle } else { high = middle }
        }
        return changes[low].offset
    }

    static func divide(_ value: Int64, by divisor: Int64) -> Int64 {
        value >= 0 ? value / divisor : (value - divisor + 1) / divisor
    }

    /// Days since 1970 on the local calendar.
    func day(at quarter: Int64) -> Int64 { Self.divide(quarter + offset(at: quarter), by: 96) }

    /// 0 for Monday.
    static func weekday(ofDay day: Int64) -> Int { Int(day + 3 - divide(day + 3, by: 7) * 7) }

    /// The beginnings of the hours, days or weeks that a range of quarters touches, and the end of the last.
    func boundaries(_ bucket: StatsParams.Bucket, _ range: Range<Int64>) -> [Int64] {
        var found: [Int64] = []
        switch bucket {
        case .hour:
            // Where clocks are turned by other than whole hours, one is shorter or longer.
            func isHour(_ quarter: Int64) -> Bool { (quarter + offset(at: quarter)) & 3 == 0 }
            var next = range.lowerBound
            while !isHour(next) { next -= 1 }
            while next < range.upperBound {
                found.append(next)
                next += 1
                while !isHour(next) { next += 1 }
            }
            found.append(next)
        case .day, .week:
            let step: Int64 = bucket == .day ? 1 : 7
            var day = self.day(at: range.lowerBound)
            if bucket == .week { day -= Int64(Self.weekday(ofDay: day)) }
            while true {
                let start = beginning(ofDay: day)
                // A day that a country left out is none.
                if start != found.last { found.append(start) }
                if start >= range.upperBound { break }
                day += step
            }
        }
        return found
    }

    /// The first quarter of a local day, whether its midnight was left out, or was there twice.
    private func beginning(ofDay day: Int64) -> Int64 {
        var quarter = day * 96 - offset(at: day * 96) - 12
        while self.day(at: quarter) < day { quarter += 1 }
        return quarter
    }
}
