/// Who was a member at which `members_rev`, as appends have shown: the right to the fast form, which asks PostgreSQL only whether that number
/// still holds.
struct KnownMembers: Sendable {
    private struct Room {
        let rev: Int64
        var members: Set<Int64>
    }

    /// Of which the ids are numbers.
    private var epoch = ""
    private var rooms: [Int64: Room] = [:]
    private var count = 0
    private static let bound = 200_000

    init(epoch: String = "") { self.epoch = epoch }

    /// The numbers to compare, by room; `nil` if one of the entries needs the careful form.
    func revs(for entries: some Sequence<Entry>, epoch: String) -> [Int64: Int64]? {
        guard epoch == self.epoch else { return nil }
        var revs: [Int64: Int64] = [:]
        for entry in entries {
            guard entry.replyTo == nil, entry.named == nil, let room = rooms[entry.room], room.members.contains(entry.sender)
            else { return nil }
            revs[entry.room] = room.rev
        }
        return revs
    }

    mutating func learn(_ entries: some Sequence<Entry>, _ batch: AppendedBatch, epoch: String) {
        if count > Self.bound || epoch != self.epoch { self = KnownMembers(epoch: epoch) }
        for (entry, outcome) in zip(entries, batch.outcomes) {
            guard case .accepted = outcome, let rev = batch.membersRevs[entry.room] else { continue }
            if let room = rooms[entry.room], room.rev != rev {
                count -= room.members.count
                rooms[entry.room] = nil
            }
            if rooms[entry.room, default: Room(rev: rev, members: [])].members.insert(entry.sender).inserted { count += 1 }
        }
    }

}
