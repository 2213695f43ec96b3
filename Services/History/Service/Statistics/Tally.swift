import EverlineAnalysis

/// Sums up rollups, and what is not in them yet.
struct Tally {
    /// The quarters at which buckets begin, and where the last ends.
    let boundaries: [Int64]
    private let local: LocalTime
    private(set) var messages: [Int]
    private(set) var hourWeekday = [Int64](repeating: 0, count: 168)
    /// By `ResponseTime`.
    private(set) var responses = [Int](repeating: 0, count: ResponseTime.count)
    private(set) var senders: Presence
    private(set) var rooms: Presence

    init(_ boundaries: [Int64], _ local: LocalTime) {
        self.boundaries = boundaries
        self.local = local
        let count = boundaries.count - 1
        messages = Array(repeating: 0, count: count)
        senders = Presence(buckets: count)
        rooms = Presence(buckets: count)
    }

    /// The bucket that a quarter falls into.
    func bucket(of quarter: Int64) -> Int {
        var (low, high) = (0, boundaries.count - 1)
        while high - low > 1 {
            let middle = (low + high) / 2
            if boundaries[middle] <= quarter { low = middle } else { high = middle }
        }
        return low
    }

    /// Where a quarter counts: looked up once for all that is in it.
    struct Place {
        let bucket: Int
        /// Of the week.
        let hour: Int
    }
    func place(of quarter: Int64) -> Place {
        Place(bucket: bucket(of: quarter), hour: Int(Self.quarterOfWeek(quarter + local.offset(at: quarter))) / 4)
    }

    /// Messages of a room in a quarter.
    mutating func add(room: Int64, _ count: Int, at place: Place) {
        messages[place.bucket] += count
        hourWeekday[place.hour] += Int64(count)
        rooms.add(rooms.index(room), count, place.bucket)
    }

    /// Somebody's messages in a quarter, which are also counted as their room's.
    mutating func add(sender: Int64, _ count: Int, at place: Place) { senders.add(senders.index(sender), count, place.bucket) }

    mutating func add(response time: Int, _ count: Int) { responses[time] += count }

    /// What a rollup sums up.
    enum Span {
        case day(Int64), week(Int64)

        fileprivate var start: Int64 {
            switch self {
            case .day(let day): day * 96
            case .week(let week): RoomWeek.firstQuarter(of: week)
            }
        }
        /// Of how many quarters of an hour each of its parts is, and how many parts it has.
        fileprivate var step: Int64 {
            switch self {
            case .day: 1
            case .week: 4
            }
        }
        fileprivate var parts: Int {
            switch self {
            case .day: RoomDay.quarters
            case .week: RoomWeek.hours
            }
        }
    }

    /// A whole day or week of a room, with at most one boundary in it, between two of its parts; false if it cannot be read.
    mutating func add(
        _ room: Int64, _ span: Span, parts: UnsafeRawBufferPointer, people: UnsafeRawBufferPointer, times: UnsafeRawBufferPointer
    ) -> Bool {
        let (start, step, length) = (span.start, span.step, span.parts)
        let first = bucket(of: start)
        // The part at which the next bucket begins; beyond the span if none does.
        let split = first + 1 < messages.count ? Int(min(Int64(length), (boundaries[first + 1] - start) / step)) : length
        guard let sums = RoomDay.sums(parts, of: length), let people = RoomDay.people(people, of: length) else { return false }
        let index = rooms.index(room)
        for (bucket, count) in [(first, sums[..<split].reduce(0, +)), (first + 1, sums[split...].reduce(0, +))] where count > 0 {
            messages[bucket] += count
            rooms.add(index, count, bucket)
        }
        if let offset = evenOffset(start, Int64(length) * step) {
            // Then the local clock goes evenly through the span.
            var quarter = Int(Self.quarterOfWeek(start + offset))
            hourWeekday.withUnsafeMutableBufferPointer { hours in
                for sum in sums {
                    hours[quarter / 4] += Int64(sum)
                    quarter += Int(step)
                    if quarter >= 672 { quarter -= 672 }
                }
            }
        } else {
            for (part, sum) in sums.enumerated() { hourWeekday[place(of: start + Int64(part) * step).hour] += Int64(sum) }
        }
        senders.add(people, first, split)
        return RoomDay.eachResponse(times) { responses[$0] += $1 }
    }

    /// Whether a week's hours are hours on the local clock too, and at most one bucket begins in it, with such an hour.
    func countsWhole(week: Int64) -> Bool {
        let start = RoomWeek.firstQuarter(of: week)
        guard let offset = evenOffset(start, RoomWeek.quarters), offset % 4 == 0 else { return false }
        let first = bucket(of: start)
        guard first + 1 < messages.count, boundaries[first + 1] < start + RoomWeek.quarters else { return true }
        return (boundaries[first + 1] - start) % 4 == 0
            && (first + 2 >= messages.count || boundaries[first + 2] >= start + RoomWeek.quarters)
    }

    /// Quarters that local clocks are ahead all of a time; `nil` if that changes within it.
    private func evenOffset(_ start: Int64, _ quarters: Int64) -> Int64? {
        let (first, last) = (local.offset(at: start), local.offset(at: start + quarters - 1))
        return first == last ? first : nil
    }

    /// Of a week of the local clock, from Monday on; 1970 began on a Thursday.
    private static func quarterOfWeek(_ local: Int64) -> Int64 { local + 288 - LocalTime.divide(local + 288, by: 672) * 672 }
}

/// Who or what was there: how much of it, and in which buckets.
struct Presence {
    private let words: Int
    private(set) var ids: [Int64] = []
    /// How many messages of each.
    private(set) var counts: [Int] = []
    /// A row of bits for each, a bit for each bucket.
    private var bits: [UInt64] = []
    /// Places by id: ids are numbered from 1, so that most are small.
    private var small: [Int32] = []
    private var large: [Int64: Int] = [:]

    private static let bound: Int64 = 1 << 20

    init(buckets: Int) { words = (buckets + 63) / 64 }

    mutating func index(_ id: Int64) -> Int {
        if 0..<Self.bound ~= id {
            let place = Int(id)
            if place >= small.count { small += [Int32](repeating: -1, count: max(1_024, place + 1 - small.count)) }
            if small[place] >= 0 { return Int(small[place]) }
            small[place] = Int32(ids.count)
        } else if let known = large[id] {
            return known
        } else {
            large[id] = ids.count
        }
        ids.append(id)
        counts.append(0)
        bits += [UInt64](repeating: 0, count: words)
        return ids.count - 1
    }

    @inline(__always)
    mutating func add(_ index: Int, _ count: Int, _ bucket: Int) {
        counts[index] += count
        bits[index * words + (bucket >> 6)] |= 1 << UInt64(bucket & 63)
    }

    /// The people of a span whose parts from `split` on are in the bucket after `first`.
    mutating func add(_ people: [RoomDay.Person], _ first: Int, _ split: Int) {
        // Places first: then whether the arrays are shared is looked at once, and not for each number.
        let places = people.map { index($0.sender) }
        let (words, second) = (words, first + 1)
        counts.withUnsafeMutableBufferPointer { counts in
            bits.withUnsafeMutableBufferPointer { bits in
                for (one, place) in zip(people, places) {
                    counts[place] += one.messages
                    if one.first < split { bits[place * words + first >> 6] |= 1 << UInt64(first & 63) }
                    if one.last >= split { bits[place * words + second >> 6] |= 1 << UInt64(second & 63) }
                }
            }
        }
    }

    /// Those with any messages.
    var present: Int { counts.count { $0 > 0 } }
    func present(in bucket: Int) -> Int {
        var count = 0
        for index in ids.indices where bits[index * words + (bucket >> 6)] >> UInt64(bucket & 63) & 1 == 1 { count += 1 }
        return count
    }
    /// The ones with the most messages.
    func most(_ limit: Int) -> [(id: Int64, messages: Int)] {
        let order = ids.indices.filter { counts[$0] > 0 }.sorted {
            counts[$0] != counts[$1] ? counts[$0] > counts[$1] : ids[$0] < ids[$1]
        }
        return order.prefix(limit).map { (ids[$0], counts[$0]) }
    }
}
