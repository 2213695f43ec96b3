import EverlineAnalysis

/// Where a message stands among all that are found, the newest first: by when it was sent, then by its room and number, so that no two stand at one place.
struct HitKey: Sendable, Hashable, Comparable {
    let milliseconds: Int64
    let room: Int64
    let seq: Int64

    static func < (left: HitKey, right: HitKey) -> Bool {
        if left.milliseconds != right.milliseconds { return left.milliseconds < right.milliseconds }
        return left.room != right.room ? left.room < right.room : left.seq < right.seq
    }

    /// Before whatever was sent in that unit of postings or later, and after whatever was sent earlier.
    static func beginning(of time: Int64) -> HitKey {
        HitKey(milliseconds: Posting.milliseconds(ofTime: time), room: -1, seq: -1)
    }

    var time: Int64 { Posting.time(ofMilliseconds: milliseconds) }
}

/// A message that is found, and where.
struct Hit: Sendable {
    let key: HitKey
    let highlights: [Range<Int>]
    let score: Double
}
