package enum RoomKind: String, Sendable {
    case `public`, `private`, direct
}

/// A room as a list shows it to one reader.
package struct Room: WireObject, Equatable {
    /// What concerns the reader alone. Without a membership nothing is unread.
    package struct Mine: Sendable, Equatable {
        /// owner, moderator or member; `nil`: not a member.
        package let role: String?
        /// Up to which number they have read.
        package let readSeq: Int64
        /// Messages behind it, and those of them that name the reader.
        package let unread: Int64
        package let mentions: Int64

        package init(role: String?, readSeq: Int64, unread: Int64, mentions: Int64) {
            self.role = role
            self.readSeq = readSeq
            self.unread = unread
            self.mentions = mentions
        }
    }
    /// The other one of a direct room.
    package struct Person: WireObject, Equatable {
        package let username: String
        package let displayName: String

        package init(username: String, displayName: String) {
            self.username = username
            self.displayName = displayName
        }
        package init(from fields: inout Fields) throws(RPCError) {
            username = try fields.string("username")
            displayName = try fields.string("displayName")
        }
        package func encode(to object: inout ObjectWriter) {
            object.field("username", username)
            object.field("displayName", displayName)
        }
    }

    package let room: String
    package let kind: RoomKind
    package let title: String?
    package let joined: Bool
    package let members: Int64
    package let lastSeq: Int64
    package let mine: Mine
    package let with: Person?

    package init(
        room: String, kind: RoomKind, title: String?, joined: Bool, members: Int64, lastSeq: Int64, mine: Mine,
        with: Person? = nil
    ) {
        self.room = room
        self.kind = kind
        self.title = title
        self.joined = joined
        self.members = members
        self.lastSeq = lastSeq
        self.mine = mine
        self.with = with
    }
    package init(from fields: inout Fields) throws(RPCError) {
        room = try fields.string("room")
        kind = RoomKind(rawValue: try fields.string("kind")) ?? .private
        title = try fields.optionalString("title")
        joined = try fields.bool("joined")
        members = try fields.int("members")
        lastSeq = try fields.int("lastSeq")
        mine = Mine(
            role: try fields.optionalString("role"), readSeq: try fields.int("readSeq"), unread: try fields.int("unread"),
            mentions: try fields.int("mentions"))
        with = try fields.optionalObject("with")
    }
    package func encode(to object: inout ObjectWriter) {
        object.field("room", room)
        object.field("kind", kind.rawValue)
        object.field("title", title)
        object.field("joined", joined)
        object.field("members", members)
        object.field("lastSeq", lastSeq)
        object.field("role", mine.role)
        object.field("readSeq", mine.readSeq)
        object.field("unread", mine.unread)
        object.field("mentions", mine.mentions)
        object.field("with", with)
    }
}

package struct RoomParams: WireObject {
    package let room: String

    package init(room: String) { self.room = room }
    package init(from fields: inout Fields) throws(RPCError) { room = try fields.room() }
    package func encode(to object: inout ObjectWriter) { object.field("room", room) }
}

package enum RoomCreate: Method {
    package static let name = "room.create"
    package typealias Result = Room

    package struct Params: WireObject {
        /// `nil` for a direct room, which the server names.
        package let room: String?
        package let kind: RoomKind
        package let title: String?
        /// The other one of a direct room.
        package let with: String?

        package init(from fields: inout Fields) throws(RPCError) {
            let word = try fields.optionalString("kind") ?? RoomKind.public.rawValue
            guard let kind = RoomKind(rawValue: word) else {
                throw RPCError(.invalidParams, detail: "kind is public, private or direct", parameter: "kind")
            }
            self.kind = kind
            guard kind != .direct else {
                (room, title) = (nil, nil)
                with = try fields.username("with")
                return
            }
            let room = try fields.room()
            guard !room.hasPrefix(RoomCreate.directPrefix) else {
                throw RPCError(
                    .invalidParams, detail: "names that begin with \(RoomCreate.directPrefix) are those of direct rooms",
                    parameter: "room")
            }
            self.room = room
            title = try fields.optionalLine("title", characters: Limits.titleCharacters)
            with = nil
        }
        package func encode(to object: inout ObjectWriter) {
            object.field("room", room)
            object.field("kind", kind.rawValue)
            object.field("title", title)
            object.field("with", with)
        }
    }

    /// With what the names of direct rooms begin.
    package static let directPrefix = "direct:"
}

package enum RoomList: Method {
    package static let name = "room.list"
    package typealias Params = Nothing

    package struct Result: WireObject {
        package let rooms: [Room]

        package init(rooms: [Room]) { self.rooms = rooms }
        package init(from fields: inout Fields) throws(RPCError) { rooms = try fields.objects("rooms") }
        package func encode(to object: inout ObjectWriter) { object.field("rooms", rooms) }
    }
}

package enum RoomJoin: Method {
    package static let name = "room.join"
    package typealias Params = RoomParams
    package typealias Result = Room
}
package enum RoomLeave: Method {
    package static let name = "room.leave"
    package typealias Params = RoomParams
    package typealias Result = Nothing
}
package enum RoomClose: Method {
    package static let name = "room.close"
    package typealias Params = RoomParams
    package typealias Result = Nothing
}

package enum RoomInvite: Method {
    package static let name = "room.invite"
    package typealias Result = Nothing

    package struct Params: WireObject {
        package let room: String
        package let username: String

        package init(from fields: inout Fields) throws(RPCError) {
            room = try fields.room()
            username = try fields.username()
        }
        package func encode(to object: inout ObjectWriter) {
            object.field("room", room)
            object.field("username", username)
        }
    }
}

/// Takes a member out of a room; with `ban` they stay out until an owner or a moderator invites them again.
package enum RoomRemove: Method {
    package static let name = "room.remove"
    package typealias Result = Nothing

    package struct Params: WireObject {
        package let room: String
        package let username: String
        package let ban: Bool

        package init(from fields: inout Fields) throws(RPCError) {
            room = try fields.room()
            username = try fields.username()
            ban = try fields.optionalBool("ban") ?? false
        }
        package func encode(to object: inout ObjectWriter) {
            object.field("room", room)
            object.field("username", username)
            if ban { object.field("ban", true) }
        }
    }
}

package enum RoomSetRole: Method {
    package static let name = "room.setRole"
    package typealias Result = Nothing

    package struct Params: WireObject {
        package let room: String
        package let username: String
        /// owner, moderator or member.
        package let role: String

        package init(from fields: inout Fields) throws(RPCError) {
            room = try fields.room()
            username = try fields.username()
            role = try fields.string("role")
            guard ["owner", "moderator", "member"].contains(role) else {
                throw RPCError(.invalidParams, detail: "role is owner, moderator or member", parameter: "role")
            }
        }
        package func encode(to object: inout ObjectWriter) {
            object.field("room", room)
            object.field("username", username)
            object.field("role", role)
        }
    }
}

package enum RoomOpen: Method {
    package static let name = "room.open"

    package struct Params: WireObject {
        package let room: String
        package let epoch: String?
        /// The last number seen: pushes begin at the next.
        package let after: Int64?
        package let afterRev: Int64?

        package init(from fields: inout Fields) throws(RPCError) {
            room = try fields.room()
            epoch = try fields.optionalString("epoch")
            after = try fields.optionalInt("after")
            afterRev = try fields.optionalInt("afterRev")
            if after != nil || afterRev != nil, epoch == nil {
                throw RPCError(.invalidParams, detail: "after names a number, so epoch must be given", parameter: "epoch")
            }
        }
        package func encode(to object: inout ObjectWriter) {
            object.field("room", room)
            object.field("epoch", epoch)
            object.field("after", after)
            object.field("afterRev", afterRev)
        }
    }

    package struct Result: WireObject {
        package let room: String
        package let epoch: String
        package let lastSeq: Int64
        package let lastRev: Int64
        package let readSeq: Int64
        /// Oldest first.
        package let messages: RawList
        /// The epoch named by the caller has ended; all they hold of this room is to be dropped.
        package let reset: Bool

        package init(
            room: String, epoch: String, lastSeq: Int64, lastRev: Int64, readSeq: Int64, messages: RawList, reset: Bool
        ) {
            self.room = room
            self.epoch = epoch
            self.lastSeq = lastSeq
            self.lastRev = lastRev
            self.readSeq = readSeq
            self.messages = messages
            self.reset = reset
        }
        package init(from fields: inout Fields) throws(RPCError) {
            room = try fields.string("room")
            epoch = try fields.string("epoch")
            lastSeq = try fields.int("lastSeq")
            lastRev = try fields.int("lastRev")
            readSeq = try fields.int("readSeq")
            messages = RawList(try fields.objects("messages", as: Message.self).map { $0.jsonBytes() })
            reset = try fields.optionalBool("reset") ?? false
        }
        package var expectedBytes: Int { messages.joined.count + 512 }
        package func encode(to object: inout ObjectWriter) {
            object.field("room", room)
            object.field("epoch", epoch)
            object.field("lastSeq", lastSeq)
            object.field("lastRev", lastRev)
            object.field("readSeq", readSeq)
            object.field("messages", messages)
            if reset { object.field("reset", true) }
        }
    }
}
