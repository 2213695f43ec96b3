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
    private var offsets: [Int64: Int64?] = [:]

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

    /// Messages of somebody in a quarter.
    mutating func add(_ room: Int64, _ quarter: Int64, _ sender: Int64, _ count: Int, bucket: Int) {
        messages[bucket] += count
        hourWeekday[hour(quarter)] += Int64(count)
        let (sender, room) = (senders.index(sender), rooms.index(room))
        senders.add(sender, count, bucket)
        rooms.add(room, count, bucket)
    }

    mutating func add(response time: Int, _ count: Int) { responses[time] += count }

    /// A whole day of a room, with at most one boundary in it; false if it cannot be read.
    mutating func add(
        _ room: Int64, day: Int64, quarters: UnsafeRawBufferPointer, people: UnsafeRawBufferPointer, times: UnsafeRawBufferPointer
    ) -> Bool {
        let first = bucket(of: day * 96)
        // The quarter at which the next bucket begins; beyond the day if none does.
        let split = first + 1 < messages.count ? Int(min(96, boundaries[first + 1] - day * 96)) : 96
        let index = rooms.index(room)
        let start = day * 96
        // The first quarter's on a local clock, if that goes evenly through the day.
        let even = offset(ofDay: day).map { start + $0 - LocalTime.divide(start + $0, by: 672) * 672 }
        var isWell = RoomDay.eachQuarter(quarters) { quarter, count in
            let bucket = quarter < split ? first : first + 1
            messages[bucket] += count
            rooms.add(index, count, bucket)
            let hour = even.map { Self.hour(ofLocal: Int($0) + quarter) } ?? hour(start + Int64(quarter))
            hourWeekday[hour] += Int64(count)
        }
        isWell =
            RoomDay.eachSender(people) { sender, count, earliest, latest in
                let index = senders.index(sender)
                senders.add(index, count, earliest < split ? first : first + 1)
                if latest >= split, earliest < split { senders.insert(index, first + 1) }
            } && isWell
        return RoomDay.eachResponse(times) { responses[$0] += $1 } && isWell
    }

    /// Quarters that local clocks are ahead all of a day; `nil` if that changes within it.
    private mutating func offset(ofDay day: Int64) -> Int64? {
        if let known = offsets[day] { return known }
        let (first, last) = (local.offset(at: day * 96), local.offset(at: day * 96 + 95))
        offsets[day] = .some(first == last ? first : nil)
        return first == last ? first : nil
    }

    /// - Parameter quarter: of the local week that 1970 began in, whose Monday was three days before; or of a later one.
    private static func hour(ofLocal quarter: Int) -> Int { ((quarter + 288) % 672) / 4 }

    /// Of the week, Monday's first hour as 0.
    private mutating func hour(_ quarter: Int64) -> Int {
        let local = quarter + (offset(ofDay: LocalTime.divide(quarter, by: 96)) ?? self.local.offset(at: quarter))
        return Self.hour(ofLocal: Int(local - LocalTime.divide(local, by: 672) * 672))
    }
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
        insert(index, bucket)
    }
    @inline(__always)
    mutating func insert(_ index: Int, _ bucket: Int) { bits[index * words + (bucket >> 6)] |= 1 << UInt64(bucket & 63) }

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
