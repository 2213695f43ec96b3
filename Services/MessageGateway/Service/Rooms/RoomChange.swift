import EverlineProtocol

/// What changed in a room, for those who have it open.
struct RoomChange: WireObject {
    let room: String
    /// created, joined, left, invited, removed, banned, unbanned, muted, unmuted, role, updated; several: more than one thing, which could not be told while the reader was behind.
    let change: String
    let user: User?

    init(room: String, change: String, user: User?) {
        self.room = room
        self.change = change
        self.user = user
    }
    init(from fields: inout Fields) throws(RPCError) {
        room = try fields.string("room")
        change = try fields.string("change")
        user = try fields.optionalObject("user")
    }
    func encode(to object: inout ObjectWriter) {
        object.field("room", room)
        object.field("change", change)
        object.field("user", user)
    }
}
