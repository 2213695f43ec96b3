/// A message as everyone sees it. `seq` is its number in its room, from 1 without a gap.
package struct Message: WireObject, Equatable {
    package let room: String
    package let seq: Int64
    package let epoch: String
    package let sender: String
    package let senderName: String
    package let body: String
    package let sentAt: Timestamp
    package let clientID: WireUUID
    package let replyTo: Int64?
    /// The number of its newest revision; `nil` if there is none.
    package let rev: Int64?
    package let editedAt: Timestamp?
    /// A tombstone keeps its number and nothing of its text.
    package let deleted: Bool
    /// As JSON, `nil` if there are none: an array of {reaction, count, users}, where `users` are the first twenty.
    package let reactions: [UInt8]?
    /// The usernames that it names, as JSON; `nil` if it names nobody.
    package let mentions: [UInt8]?

    package init(
        room: String, seq: Int64, epoch: String, sender: String, senderName: String, body: String, sentAt: Timestamp,
        clientID: WireUUID, replyTo: Int64?, rev: Int64? = nil, editedAt: Timestamp? = nil, deleted: Bool = false,
        reactions: [UInt8]? = nil, mentions: [UInt8]? = nil
    ) {
        self.room = room
        self.seq = seq
        self.epoch = epoch
        self.sender = sender
        self.senderName = senderName
        self.body = body
        self.sentAt = sentAt
        self.clientID = clientID
        self.replyTo = replyTo
        self.rev = rev
        self.editedAt = editedAt
        self.deleted = deleted
        self.reactions = reactions
        self.mentions = mentions
    }
    package init(from fields: inout Fields) throws(RPCError) {
        room = try fields.string("room")
        seq = try fields.int("seq")
        epoch = try fields.string("epoch")
        sender = try fields.string("sender")
        senderName = try fields.string("senderName")
        body = try fields.string("body")
        sentAt = try fields.timestamp("sentAt")
        clientID = try fields.uuid("clientId")
        replyTo = try fields.optionalInt("replyTo")
        rev = try fields.optionalInt("rev")
        editedAt = try fields.optionalTimestamp("editedAt")
        deleted = try fields.optionalBool("deleted") ?? false
        reactions = fields.json("reactions").map(Self.bytes)
        mentions = fields.json("mentions").map(Self.bytes)
    }
    package func encode(to object: inout ObjectWriter) {
        object.field("room", room)
        object.field("seq", seq)
        object.field("epoch", epoch)
        object.field("sender", sender)
        object.field("senderName", senderName)
        object.field("body", body)
        object.field("sentAt", sentAt.description)
        object.field("clientId", clientID.description)
        object.field("replyTo", replyTo)
        object.field("rev", rev)
        object.field("editedAt", editedAt?.description)
        if deleted { object.field("deleted", true) }
        if let reactions { object.field("reactions", raw: reactions) }
        if let mentions { object.field("mentions", raw: mentions) }
    }

    private static func bytes(_ json: JSON) -> [UInt8] {
        var writer = JSONWriter()
        writer.write(json)
        return writer.bytes
    }
}

package enum MessageSend: Method {
    package static let name = "message.send"

    package struct Params: WireObject {
        package let room: String
        package let clientID: WireUUID
        package let body: String
        package let replyTo: Int64?
        package let epoch: String?

        package init(room: String, clientID: WireUUID, body: String, replyTo: Int64? = nil, epoch: String? = nil) {
            self.room = room
            self.clientID = clientID
            self.body = body
            self.replyTo = replyTo
            self.epoch = epoch
        }
        package init(from fields: inout Fields) throws(RPCError) {
            room = try fields.room()
            clientID = try fields.uuid("clientId")
            body = try fields.body()
            replyTo = try fields.optionalInt("replyTo", in: 1...Int64.max)
            epoch = try fields.optionalString("epoch")
            if replyTo != nil, epoch == nil {
                throw RPCError(.invalidParams, detail: "replyTo names a number, so epoch must be given", parameter: "epoch")
            }
        }
        package func encode(to object: inout ObjectWriter) {
            object.field("room", room)
            object.field("clientId", clientID.description)
            object.field("body", body)
            object.field("replyTo", replyTo)
            object.field("epoch", epoch)
        }
    }

    package struct Result: WireObject {
        package let seq: Int64
        package let epoch: String
        package let sentAt: Timestamp
        package let duplicate: Bool

        package init(seq: Int64, epoch: String, sentAt: Timestamp, duplicate: Bool) {
            self.seq = seq
            self.epoch = epoch
            self.sentAt = sentAt
            self.duplicate = duplicate
        }
        package init(from fields: inout Fields) throws(RPCError) {
            seq = try fields.int("seq")
            epoch = try fields.string("epoch")
            sentAt = try fields.timestamp("sentAt")
            duplicate = try fields.optionalBool("duplicate") ?? false
        }
        package func encode(to object: inout ObjectWriter) {
            object.field("seq", seq)
            object.field("epoch", epoch)
            object.field("sentAt", sentAt.description)
            if duplicate { object.field("duplicate", true) }
        }
    }
}

/// The names of the pushes.
package enum Push {
    package static let messagePosted = "message.posted"
    /// An edit or a reaction.
    package static let messageEdited = "message.edited"
    package static let messageDeleted = "message.deleted"
    package static let roomChanged = "room.changed"
    package static let roomReset = "room.reset"
    package static let roomRead = "room.read"
    package static let roomTyping = "room.typing"
    package static let presenceChanged = "presence.changed"
    package static let sessionEnded = "session.ended"
}
