/// A room and a user, with an end and a reason where the method has them.
package struct ModerationParams: WireObject {
    package let room: String
    package let username: String
    package let until: Timestamp?
    package let reason: String?

    package init(from fields: inout Fields) throws(RPCError) { try self.init(&fields, ends: false, reason: false) }

    fileprivate init(_ fields: inout Fields, ends: Bool, reason hasReason: Bool) throws(RPCError) {
        room = try fields.room()
        username = try fields.username()
        until = ends ? try fields.optionalTimestamp("until") : nil
        reason = hasReason ? try fields.optionalLine("reason", characters: Limits.titleCharacters) : nil
        if let until, until <= .now {
            throw RPCError(.invalidParams, detail: "until has passed", parameter: "until")
        }
    }
    package func encode(to object: inout ObjectWriter) {
        object.field("room", room)
        object.field("username", username)
        object.field("until", until?.description)
        object.field("reason", reason)
    }
}

/// Takes a user out of a room, if they are in it, and keeps them out, for ever or until a moment.
package enum RoomBan: Method {
    package static let name = "room.ban"
    package typealias Result = Nothing

    package struct Params: WireObject {
        package let inner: ModerationParams
        package init(from fields: inout Fields) throws(RPCError) {
            inner = try ModerationParams(&fields, ends: true, reason: true)
        }
        package func encode(to object: inout ObjectWriter) { inner.encode(to: &object) }
    }
}
package enum RoomUnban: Method {
    package static let name = "room.unban"
    package typealias Params = ModerationParams
    package typealias Result = Nothing
}

/// Lets a member read and not write, for ever or until a moment.
package enum RoomMute: Method {
    package static let name = "room.mute"
    package typealias Result = Nothing

    package struct Params: WireObject {
        package let inner: ModerationParams
        package init(from fields: inout Fields) throws(RPCError) {
            inner = try ModerationParams(&fields, ends: true, reason: false)
        }
        package func encode(to object: inout ObjectWriter) { inner.encode(to: &object) }
    }
}
package enum RoomUnmute: Method {
    package static let name = "room.unmute"
    package typealias Params = ModerationParams
    package typealias Result = Nothing
}

/// Makes another member an owner in the caller's place; the caller becomes a moderator.
package enum RoomTransfer: Method {
    package static let name = "room.transfer"
    package typealias Params = ModerationParams
    package typealias Result = Nothing
}

/// Gives a room another title, or none.
package enum RoomUpdate: Method {
    package static let name = "room.update"
    package typealias Result = Room

    package struct Params: WireObject {
        package let room: String
        package let title: String?

        package init(from fields: inout Fields) throws(RPCError) {
            room = try fields.room()
            title = try fields.optionalLine("title", characters: Limits.titleCharacters)
        }
        package func encode(to object: inout ObjectWriter) {
            object.field("room", room)
            object.field("title", title)
        }
    }
}

/// Who is banned from a room. For its owners and moderators.
package enum RoomBans: Method {
    package static let name = "room.bans"
    package typealias Params = RoomParams

    package struct Ban: WireObject {
        package let username: String
        package let displayName: String
        /// Who banned them.
        package let by: String
        package let at: Timestamp
        /// `nil`: for ever.
        package let until: Timestamp?
        package let reason: String?

        package init(username: String, displayName: String, by: String, at: Timestamp, until: Timestamp?, reason: String?) {
            self.username = username
            self.displayName = displayName
            self.by = by
            self.at = at
            self.until = until
            self.reason = reason
        }
        package init(from fields: inout Fields) throws(RPCError) {
            username = try fields.string("username")
            displayName = try fields.string("displayName")
            by = try fields.string("by")
            at = try fields.timestamp("at")
            until = try fields.optionalTimestamp("until")
            reason = try fields.optionalString("reason")
        }
        package func encode(to object: inout ObjectWriter) {
            object.field("username", username)
            object.field("displayName", displayName)
            object.field("by", by)
            object.field("at", at.description)
            object.field("until", until?.description)
            object.field("reason", reason)
        }
    }

    package struct Result: WireObject {
        package let bans: [Ban]

        package init(bans: [Ban]) { self.bans = bans }
        package init(from fields: inout Fields) throws(RPCError) { bans = try fields.objects("bans") }
        package func encode(to object: inout ObjectWriter) { object.field("bans", bans) }
    }
}
