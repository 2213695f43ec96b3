/// Who is in a room, the longest-standing first.
package enum RoomMembers: Method {
    package static let name = "room.members"
    package typealias Params = RoomParams

    package struct Member: WireObject {
        package let username: String
        package let displayName: String
        /// owner, moderator or member.
        package let role: String
        /// online, away or offline; `nil` when it is not known.
        package let presence: String?
        /// Until when the member may not write; the year 9999 when no end was set.
        package let mutedUntil: Timestamp?

        package init(username: String, displayName: String, role: String, presence: String? = nil, mutedUntil: Timestamp? = nil) {
            self.username = username
            self.displayName = displayName
            self.role = role
            self.presence = presence
            self.mutedUntil = mutedUntil
        }
        package init(from fields: inout Fields) throws(RPCError) {
            username = try fields.string("username")
            displayName = try fields.string("displayName")
            role = try fields.string("role")
            presence = try fields.optionalString("presence")
            mutedUntil = try fields.optionalTimestamp("mutedUntil")
        }
        package func encode(to object: inout ObjectWriter) {
            object.field("username", username)
            object.field("displayName", displayName)
            object.field("role", role)
            object.field("presence", presence)
            object.field("mutedUntil", mutedUntil?.description)
        }
    }

    package struct Result: WireObject {
        package let members: [Member]

        package init(members: [Member]) { self.members = members }
        package init(from fields: inout Fields) throws(RPCError) { members = try fields.objects("members") }
        package func encode(to object: inout ObjectWriter) { object.field("members", members) }
    }
}

/// What a connection says of its user: online or away. Others see online if any of the user's connections is, and offline when there is none that
/// has said anything.
package enum Presence: Method {
    package static let name = "presence"
    package typealias Result = Nothing

    package enum State: String, Sendable { case online, away, offline }

    package struct Params: WireObject {
        package let state: State

        package init(from fields: inout Fields) throws(RPCError) {
            guard let state = State(rawValue: try fields.string("state")), state != .offline else {
                throw RPCError(.invalidParams, detail: "state is online or away", parameter: "state")
            }
            self.state = state
        }
        package func encode(to object: inout ObjectWriter) { object.field("state", state.rawValue) }
    }

    /// The push `presence.changed`, for those who have a room open in which the user is a member.
    package struct Changed: WireObject {
        package let username: String
        package let state: String

        package init(username: String, state: String) {
            self.username = username
            self.state = state
        }
        package init(from fields: inout Fields) throws(RPCError) {
            username = try fields.string("username")
            state = try fields.string("state")
        }
        package func encode(to object: inout ObjectWriter) {
            object.field("username", username)
            object.field("state", state)
        }
    }
}

/// Tells the room's other open readers that the caller is writing; they show it for some seconds.
package enum RoomTyping: Method {
    package static let name = "room.typing"
    package typealias Params = RoomParams
    package typealias Result = Nothing
}
