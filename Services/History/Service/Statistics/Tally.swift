import EverlineAnalysis

/// Sums up rollups, and what is not in them yet.
struct Tally {
    /// The quarters at which buckets begin, and where the last ends.
    let boundaries: [Int64]
    private let local: LocalTime
    private(set) var messages: [Int]
    private(set) var hourWeekday = [Int64](repeating: 0, count: 168)
    private(set) var responses: [Int: Int] = [:]
    private(set) var bySender: [Int64: Int] = [:]
    private(set) var byRoom: [Int64: Int] = [:]
    private var senders: Presence
    private var rooms: Presence
    private var offsets: [Int64: Int64?] = [:]

    init(_ boundaries: [Int64], _ local: LocalTime) {
        self.boundaries = boundaries
        self.local = local
        let count = boundaries.count - 1
        messages = Array(repeating: 0, count: count)
        senders = Presence(buckets: count)
        rooms = Presence(buckets: count)
    }

    func senders(in bucket: Int) -> Int { senders.count(bucket) }
    func rooms(in bucket: Int) -> Int { rooms.count(bucket) }

    /// The bucket that a quarter falls into.
    func bucket(of quarter: Int64) -> Int {
        var (low, high) = (0, boundaries.count - 1)
        while high - low > 1 {
            let middle = (low + high) / 2
            if boundaries[middle] <= quarter { low = middle } else { high = middle }
        }
        return low
    }

    /// Messages of somebody in a quarter.
    mutating func add(_ room: Int64, _ quarter: Int64, _ sender: Int64, _ count: Int, bucket: Int) {
        messages[bucket] += count
        hourWeekday[hour(quarter)] += Int64(count)
        bySender[sender, default: 0] += count
        byRoom[room, default: 0] += count
        senders.insert(sender, bucket)
        rooms.insert(room, bucket)
    }

    mutating func add(response time: Int, _ count: Int) { responses[time, default: 0] += count }

    /// A whole day of a room, with at most one boundary in it; false if it cannot be read.
    mutating func add(
        _ room: Int64, day: Int64, quarters: UnsafeRawBufferPointer, people: UnsafeRawBufferPointer, times: UnsafeRawBufferPointer
    ) -> Bool {
        let first = bucket(of: day * 96)
        // The quarter at which the next bucket begins; beyond the day if none does.
        let split = first + 1 < messages.count ? Int(min(96, boundaries[first + 1] - day * 96)) : 96
        var sum = 0
        var isWell = RoomDay.eachQuarter(quarters) { quarter, count in
            let bucket = quarter < split ? first : first + 1
            messages[bucket] += count
            hourWeekday[hour(day * 96 + Int64(quarter))] += Int64(count)
            rooms.insert(room, bucket)
            sum += count
        }
        byRoom[room, default: 0] += sum
        isWell =
            RoomDay.eachSender(people) { sender, count, earliest, latest in
                bySender[sender, default: 0] += count
                let index = senders.index(sender)
                if earliest < split { senders.insert(index: index, first) }
                if latest >= split { senders.insert(index: index, first + 1) }
            } && isWell
        return RoomDay.eachResponse(times) { responses[$0, default: 0] += $1 } && isWell
    }

    /// Of the week, Monday's first hour as 0.
    private mutating func hour(_ quarter: Int64) -> Int {
        let day = LocalTime.divide(quarter, by: 96)
        let local: Int64
        if let known = offsets[day] {
            local = quarter + (known ?? self.local.offset(at: quarter))
        } else {
            // In most days it is the same from end to end.
            let (first, last) = (self.local.offset(at: day * 96), self.local.offset(at: day * 96 + 95))
            offsets[day] = .some(first == last ? first : nil)
            local = quarter + (first == last ? first : self.local.offset(at: quarter))
        }
        let hours = LocalTime.divide(local, by: 4)
        let localDay = LocalTime.divide(hours, by: 24)
        return LocalTime.weekday(ofDay: localDay) * 24 + Int(hours - localDay * 24)
    }
}

/// Who or what was there in which buckets.
private struct Presence {
    private let buckets: Int
    private var indexes: [Int64: Int] = [:]
    /// A row of words for each.
    private var bits: [[UInt64]] = []

    init(buckets: Int) { self.buckets = buckets }

    mutating func index(_ id: Int64) -> Int {
        if let known = indexes[id] { return known }
        indexes[id] = bits.count
        bits.append(Array(repeating: 0, count: (buckets + 63) / 64))
        return bits.count - 1
    }
    mutating func insert(_ id: Int64, _ bucket: Int) { insert(index: index(id), bucket) }
    mutating func insert(index: Int, _ bucket: Int) { bits[index][bucket >> 6] |= 1 << UInt64(bucket & 63) }
    func count(_ bucket: Int) -> Int { bits.reduce(0) { $0 + ($1[bucket >> 6] >> UInt64(bucket & 63) & 1 == 1 ? 1 : 0) } }
}
