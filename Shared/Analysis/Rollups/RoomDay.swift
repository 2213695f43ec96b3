/// What a room was like on a day (in UTC): how much each person said in each quarter of an hour, and how soon others answered. Quarters, because
/// that is what time zones differ by.
package struct RoomDay: Sendable, Equatable {
    package struct Cell: Sendable, Hashable {
        package let quarter: Int
        package let sender: Int64
    }
    package struct Response: Sendable, Hashable {
        package let quarter: Int
        /// As `ResponseTime` has it.
        package let time: Int
    }

    package private(set) var messages: [Cell: Int] = [:]
    package private(set) var responses: [Response: Int] = [:]

    package static let quarters = 96
    package static let quarterMilliseconds: Int64 = 900_000

    package init() {}

    /// Quarters of an hour since 1970; a day of them is a `RoomDay`.
    package static func quarter(ofMilliseconds milliseconds: Int64) -> Int64 {
        milliseconds >= 0 ? milliseconds / quarterMilliseconds : (milliseconds - quarterMilliseconds + 1) / quarterMilliseconds
    }
    package static func day(ofQuarter quarter: Int64) -> Int64 { quarter >= 0 ? quarter / 96 : (quarter - 95) / 96 }

    package mutating func count(quarter: Int, sender: Int64, _ more: Int) {
        let cell = Cell(quarter: quarter, sender: sender)
        let sum = messages[cell, default: 0] + more
        messages[cell] = sum == 0 ? nil : sum
    }
    package mutating func count(response time: Int, quarter: Int) {
        responses[Response(quarter: quarter, time: time), default: 0] += 1
    }

    // MARK: As bytes

    /// All of it.
    package var detail: [UInt8] {
        var bytes: [UInt8] = []
        let cells = messages.sorted { ($0.key.quarter, $0.key.sender) < ($1.key.quarter, $1.key.sender) }
        Varint.write(UInt64(cells.count), to: &bytes)
        var (quarter, sender) = (0, Int64(0))
        for (cell, count) in cells {
            if cell.quarter != quarter { sender = 0 }
            Varint.write(UInt64(cell.quarter - quarter), to: &bytes)
            Varint.write(UInt64(cell.sender - sender), to: &bytes)
            Varint.write(UInt64(count), to: &bytes)
            (quarter, sender) = (cell.quarter, cell.sender)
        }
        let times = responses.sorted { ($0.key.quarter, $0.key.time) < ($1.key.quarter, $1.key.time) }
        Varint.write(UInt64(times.count), to: &bytes)
        for (response, count) in times {
            Varint.write(UInt64(response.quarter), to: &bytes)
            Varint.write(UInt64(response.time), to: &bytes)
            Varint.write(UInt64(count), to: &bytes)
        }
        return bytes
    }

    /// `nil` if the bytes are damaged.
    package init?(detail: UnsafeRawBufferPointer) {
        var day = RoomDay()
        let isWell = Self.each(of: detail) {
            day.messages[Cell(quarter: $0, sender: $1)] = $2
        } response: {
            day.responses[Response(quarter: $0, time: $1)] = $2
        }
        guard isWell else { return nil }
        self = day
    }

    /// Reads `detail`; false if it is damaged.
    package static func each(
        of detail: UnsafeRawBufferPointer, cell: (_ quarter: Int, _ sender: Int64, _ messages: Int) -> Void,
        response: (_ quarter: Int, _ time: Int, _ count: Int) -> Void
    ) -> Bool {
        var reader = VarintReader(detail)
        var (quarter, sender) = (0, Int64(0))
        var left = reader.nextInt()
        while left > 0 {
            let step = reader.nextInt()
            if step != 0 { sender = 0 }
            quarter &+= step
            sender &+= Int64(reader.nextInt())
            let count = reader.nextInt()
            if reader.isDamaged || !(0..<quarters ~= quarter) { return false }
            cell(quarter, sender, count)
            left -= 1
        }
        left = reader.nextInt()
        while left > 0 {
            let (quarter, time, count) = (reader.nextInt(), reader.nextInt(), reader.nextInt())
            if reader.isDamaged || !(0..<quarters ~= quarter) || !(0..<ResponseTime.count ~= time) { return false }
            response(quarter, time, count)
            left -= 1
        }
        return !reader.isDamaged && reader.isAtEnd
    }

    /// Messages of each quarter, as the distance to the last one that has any, and how many.
    package var quarterBytes: [UInt8] {
        var sums = [Int](repeating: 0, count: Self.quarters)
        for (cell, count) in messages { sums[cell.quarter] += count }
        return Self.bytes(ofCounts: sums)
    }

    static func bytes(ofCounts sums: [Int]) -> [UInt8] {
        var bytes: [UInt8] = []
        var last = 0
        for (quarter, sum) in sums.enumerated() where sum > 0 {
            Varint.write(UInt64(quarter - last), to: &bytes)
            Varint.write(UInt64(sum), to: &bytes)
            last = quarter
        }
        return bytes
    }

    /// Of each person how many messages, and the first and the last quarter with one: enough to know on which side of a midnight somewhere on Earth
    /// they were there.
    package var senderBytes: [UInt8] {
        var people: [Int64: (count: Int, first: Int, last: Int)] = [:]
        for (cell, count) in messages {
            let known = people[cell.sender] ?? (0, cell.quarter, cell.quarter)
            people[cell.sender] = (known.count + count, min(known.first, cell.quarter), max(known.last, cell.quarter))
        }
        return Self.bytes(ofSenders: people)
    }

    static func bytes(ofSenders people: [Int64: (count: Int, first: Int, last: Int)]) -> [UInt8] {
        var bytes: [UInt8] = []
        var last: Int64 = 0
        for (sender, one) in people.sorted(by: { $0.key < $1.key }) {
            Varint.write(UInt64(sender - last), to: &bytes)
            Varint.write(UInt64(one.count), to: &bytes)
            Varint.write(UInt64(one.first), to: &bytes)
            Varint.write(UInt64(one.last), to: &bytes)
            last = sender
        }
        return bytes
    }

    /// How often each response time occurred.
    package var responseBytes: [UInt8] {
        var sums: [Int: Int] = [:]
        for (response, count) in responses { sums[response.time, default: 0] += count }
        return Self.bytes(ofResponses: sums)
    }

    static func bytes(ofResponses sums: [Int: Int]) -> [UInt8] {
        var bytes: [UInt8] = []
        for (time, count) in sums.sorted(by: { $0.key < $1.key }) {
            Varint.write(UInt64(time), to: &bytes)
            Varint.write(UInt64(count), to: &bytes)
        }
        return bytes
    }

    /// The messages of each quarter as `quarterBytes` have them, or of each hour of a week; `nil` if they are damaged.
    package static func sums(_ bytes: UnsafeRawBufferPointer, of quarters: Int = quarters) -> [Int]? {
        var sums = [Int](repeating: 0, count: quarters)
        let isWell = sums.withUnsafeMutableBufferPointer { sums in
            var reader = VarintReader(bytes)
            var quarter = 0
            while !reader.isAtEnd {
                quarter &+= reader.nextInt()
                let count = reader.nextInt()
                if reader.isDamaged || !(0..<quarters ~= quarter) { return false }
                sums[quarter] &+= count
            }
            return !reader.isDamaged
        }
        return isWell ? sums : nil
    }

    /// What somebody sent on a day, or in a week.
    package struct Person: Sendable {
        package let sender: Int64
        package let messages: Int
        /// The quarters (of a week: the hours) of the first and the last.
        package let first: Int
        package let last: Int
    }

    /// The people of `senderBytes`; `nil` if these are damaged.
    package static func people(_ bytes: UnsafeRawBufferPointer, of quarters: Int = quarters) -> [Person]? {
        var isWell = true
        // Each takes four bytes at the least.
        let people = [Person](unsafeUninitializedCapacity: bytes.count / 4) { people, count in
            var reader = VarintReader(bytes)
            var sender: Int64 = 0
            while !reader.isAtEnd {
                let (step, messages, first, last) = reader.nextFour()
                guard !reader.isDamaged, 0..<quarters ~= first, 0..<quarters ~= last else {
                    isWell = false
                    break
                }
                sender &+= Int64(step)
                people.initializeElement(at: count, to: Person(sender: sender, messages: messages, first: first, last: last))
                count += 1
            }
        }
        return isWell ? people : nil
    }

    /// Reads `responseBytes`; false if they are damaged.
    package static func eachResponse(_ bytes: UnsafeRawBufferPointer, _ body: (_ time: Int, _ count: Int) -> Void) -> Bool {
        var reader = VarintReader(bytes)
        while !reader.isAtEnd {
            let (time, count) = (reader.nextInt(), reader.nextInt())
            if reader.isDamaged || !(0..<ResponseTime.count ~= time) { return false }
            body(time, count)
        }
        return !reader.isDamaged
    }
}

/// How soon somebody else wrote after a message in its room: the next message, if another person sent it within the hour. Messages that were deleted
/// since count, for they were sent. In whole seconds under a minute, in whole minutes from there on.
package enum ResponseTime {
    /// How many different ones there are.
    package static let count = 119

    package static func of(_ milliseconds: Int64) -> Int? {
        guard 0..<3_600_000 ~= milliseconds else { return nil }
        return milliseconds < 60_000 ? Int(milliseconds / 1_000) : 59 + Int(milliseconds / 60_000)
    }

    package static func seconds(_ time: Int) -> Int { time < 60 ? time : (time - 59) * 60 }
}
