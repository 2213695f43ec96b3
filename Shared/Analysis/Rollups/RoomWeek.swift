/// A room's week (in UTC, from Monday on) as the sum of its days, an hour where they have a quarter: long ranges are counted from it wherever a zone is
/// whole hours ahead.
package struct RoomWeek: Sendable {
    package static let hours = 168
    package static let quarters: Int64 = 672

    private var messages = [Int](repeating: 0, count: hours)
    private var senders: [Int64: (count: Int, first: Int, last: Int)] = [:]
    private var responses: [Int: Int] = [:]

    package init() {}

    /// Weeks since that of 1970's first day, which was a Thursday.
    package static func week(ofDay day: Int64) -> Int64 { day + 3 >= 0 ? (day + 3) / 7 : (day - 3) / 7 }
    package static func firstDay(of week: Int64) -> Int64 { week * 7 - 3 }
    package static func firstQuarter(of week: Int64) -> Int64 { firstDay(of: week) * 96 }

    /// Adds a day's sums, as `RoomDay` writes them; false if they are damaged.
    /// - Parameter weekday: 0 for Monday.
    package mutating func add(
        weekday: Int, quarters: UnsafeRawBufferPointer, senders people: UnsafeRawBufferPointer,
        responses times: UnsafeRawBufferPointer
    ) -> Bool {
        let start = weekday * 24
        guard let sums = RoomDay.sums(quarters), let people = RoomDay.people(people) else { return false }
        for (quarter, sum) in sums.enumerated() { messages[start + quarter / 4] += sum }
        for one in people {
            let (first, last) = (start + one.first / 4, start + one.last / 4)
            let known = senders[one.sender] ?? (0, first, last)
            senders[one.sender] = (known.count + one.messages, min(known.first, first), max(known.last, last))
        }
        return RoomDay.eachResponse(times) { responses[$0, default: 0] += $1 }
    }

    // Written and read as a day's are, with hours instead of quarters.

    package var hourBytes: [UInt8] { RoomDay.bytes(ofCounts: messages) }
    package var senderBytes: [UInt8] { RoomDay.bytes(ofSenders: senders) }
    package var responseBytes: [UInt8] { RoomDay.bytes(ofResponses: responses) }
}
