/// Where a term occurs: a message, and about when it was sent.
package struct Posting: Sendable, Hashable, Comparable {
    /// In units of 4.096 s since 1970: enough to know which messages can be the newest, in a byte where milliseconds take three.
    package let time: Int64
    package let room: Int64
    package let seq: Int64

    package init(time: Int64, room: Int64, seq: Int64) {
        self.time = time
        self.room = room
        self.seq = seq
    }

    package static func time(ofMilliseconds milliseconds: Int64) -> Int64 { milliseconds >> 12 }
    /// The first millisecond of a unit.
    package static func milliseconds(ofTime time: Int64) -> Int64 { time << 12 }

    package static func < (left: Posting, right: Posting) -> Bool {
        if left.time != right.time { return left.time < right.time }
        return left.room != right.room ? left.room < right.room : left.seq < right.seq
    }
}

/// The postings of a term in a block, as bytes: one or more pieces, each with its own beginning, so that the bytes of two blocks put one after the
/// other are those of both. That is how PostgreSQL merges blocks without reading them.
///
/// A piece: how many; the first's time; then of each the time since the one before, 0 for the room of the one before or the room's id + 1, and
/// the number, in the same room as the difference to the one before (zigzag). All are varints.
package enum Postings {
    /// - Parameter sorted: ascending.
    package static func encode(_ sorted: some Collection<Posting>) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(8 + sorted.count * 5)
        Varint.write(UInt64(sorted.count), to: &bytes)
        guard let first = sorted.first else { return bytes }
        Varint.write(Varint.zigzag(first.time), to: &bytes)
        var last = Posting(time: first.time, room: -1, seq: 0)
        for one in sorted {
            Varint.write(UInt64(one.time - last.time), to: &bytes)
            if one.room == last.room {
                Varint.write(0, to: &bytes)
                Varint.write(Varint.zigzag(one.seq - last.seq), to: &bytes)
            } else {
                Varint.write(UInt64(one.room + 1), to: &bytes)
                Varint.write(UInt64(one.seq), to: &bytes)
            }
            last = one
        }
        return bytes
    }

    /// Appends what is wanted of the postings, in the order of the pieces; false if the bytes are damaged.
    package static func decode(_ bytes: UnsafeRawBufferPointer, where isWanted: (Posting) -> Bool, into found: inout [Posting])
        -> Bool
    {
        var reader = VarintReader(bytes)
        while !reader.isAtEnd {
            let count = reader.nextInt()
            if count == 0 { continue }
            var (time, room, seq) = (Varint.unzigzag(reader.next()), Int64(-1), Int64(0))
            for _ in 0..<count {
                time &+= Int64(truncatingIfNeeded: reader.next())
                let mark = reader.next()
                let value = reader.next()
                if mark == 0 {
                    seq &+= Varint.unzigzag(value)
                } else {
                    room = Int64(truncatingIfNeeded: mark) - 1
                    seq = Int64(truncatingIfNeeded: value)
                }
                if reader.isDamaged { return false }
                let posting = Posting(time: time, room: room, seq: seq)
                if isWanted(posting) { found.append(posting) }
            }
        }
        return !reader.isDamaged
    }

    /// What is in both, ascending both.
    package static func intersection(_ left: [Posting], _ right: [Posting]) -> [Posting] {
        var found: [Posting] = []
        var (i, j) = (0, 0)
        while i < left.count, j < right.count {
            if left[i] == right[j] {
                found.append(left[i])
                i += 1
                j += 1
            } else if left[i] < right[j] {
                i += 1
            } else {
                j += 1
            }
        }
        return found
    }
}
