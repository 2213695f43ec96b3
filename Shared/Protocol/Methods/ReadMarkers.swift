/// How far a member has read, and what is unread behind it; also the push `room.read` to the member's other connections.
package struct ReadMarker: WireObject {
    package let room: String
    package let epoch: String
    package let readSeq: Int64
    package let unread: Int64
    /// Those of the unread that name the member.
    package let mentions: Int64

    package init(room: String, epoch: String, readSeq: Int64, unread: Int64, mentions: Int64) {
        self.room = room
        self.epoch = epoch
        self.readSeq = readSeq
        self.unread = unread
        self.mentions = mentions
    }
    package init(from fields: inout Fields) throws(RPCError) {
        room = try fields.string("room")
        epoch = try fields.string("epoch")
        readSeq = try fields.int("readSeq")
        unread = try fields.int("unread")
        mentions = try fields.int("mentions")
    }
    package func encode(to object: inout ObjectWriter) {
        object.field("room", room)
        object.field("epoch", epoch)
        object.field("readSeq", readSeq)
        object.field("unread", unread)
        object.field("mentions", mentions)
    }
}

/// Moves the caller's marker forward; a number before it changes nothing.
package enum RoomMarkRead: Method {
    package static let name = "room.markRead"
    package typealias Result = ReadMarker

    package struct Params: WireObject {
        package let room: String
        package let epoch: String
        package let seq: Int64

        package init(from fields: inout Fields) throws(RPCError) {
            room = try fields.room()
            epoch = try fields.string("epoch")
            seq = try fields.int("seq")
        }
        package func encode(to object: inout ObjectWriter) {
            object.field("room", room)
            object.field("epoch", epoch)
            object.field("seq", seq)
        }
    }
}
