/// Who was a member at which `members_rev`, as appends have shown: the right to the fast form, which asks PostgreSQL only whether that number
/// still holds.
struct KnownMembers: Sendable {
    private struct Room {
        let rev: Int64
        var members: Set<Int64>
    }

    private var rooms: [Int64: Room] = [:]
    private var count = 0
    private static let bound = 200_000

    /// The numbers to compare, by room; `nil` if one of the entries needs the careful form.
    func revs(for entries: some Sequence<Entry>) -> [Int64: Int64]? {
        var revs: [Int64: Int64] = [:]
        for entry in entries {
            guard entry.replyTo == nil, let room = rooms[entry.room], room.members.contains(entry.sender) else { return nil }
            revs[entry.room] = room.rev
        }
        return revs
    }

    mutating func learn(_ entries: some Sequence<Entry>, _ batch: AppendedBatch) {
        if count > Self.bound { forget() }
        for (entry, outcome) in zip(entries, batch.outcomes) {
            guard case .accepted = outcome, let rev = batch.membersRevs[entry.room] else { continue }
            if let room = rooms[entry.room], room.rev != rev {
                count -= room.members.count
                rooms[entry.room] = nil
            }
            if rooms[entry.room, default: Room(rev: rev, members: [])].members.insert(entry.sender).inserted { count += 1 }
        }
    }

    mutating func forget() {
        rooms = [:]
        count = 0
    }
}
