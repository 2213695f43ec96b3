import EverlineProtocol
private import Foundation

/// Quarters of an hour since 1970 as a time zone's clocks show them.
struct LocalTime: Sendable {
    private let zone: TimeZone

    /// - Throws: `invalid_params` for a zone that is not known.
    init(_ name: String) throws(RPCError) {
        guard name.utf8.allSatisfy({ UInt8(ascii: "A")...UInt8(ascii: "Z") ~= $0 & 0xDF || "0123456789/_+-".utf8.contains($0) }),
            let zone = TimeZone(identifier: name)
        else { throw RPCError(.invalidParams, detail: "timeZone is a name such as Asia/Taipei", parameter: "timeZone") }
        self.zone = zone
    }

    /// Quarters that the zone is ahead of UTC then; all zones are whole quarters ahead since they were made by law.
    func offset(at quarter: Int64) -> Int64 {
        let seconds = zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(quarter) * 900))
        return Int64((Double(seconds) / 900).rounded())
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
