/// A client's place in an open room.
///
/// Confined to its client's loop.
final class Subscription {
    let client: Client
    let room: Int64
    /// The numbers that the client gets next: of a message, and of a revision.
    var next: Int64
    var nextRev: Int64
    /// Whether it follows the live messages; otherwise it is behind and catches up: first with the messages, then with what became of them.
    var live = false
    var fetching = false
    /// How much it is read at a time while it is behind: about what it could take the last time, as the rest of a read is thrown away.
    private(set) var page = LoopHub.page
    /// Whether its user was seen to be a member: who was one and is none any more stops receiving.
    var member: Bool
    /// The room's `members_rev` when its right to read was looked at.
    var asOf: Int64
    /// Something without a number happened while it could not be told.
    var missedChange = false

    init(client: Client, room: Int64, next: Int64, nextRev: Int64, member: Bool, asOf: Int64) {
        self.client = client
        self.room = room
        self.next = next
        self.nextRev = nextRev
        self.member = member
        self.asOf = asOf
    }

    /// - Parameter taken: of so many that were read.
    func took(_ taken: Int64, of count: Int) {
        page = taken < count ? max(10, taken) : min(LoopHub.page, 2 * page)
    }
}
