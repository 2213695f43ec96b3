/// What a user does with their own account. The gateway passes these on to auth as they are.

/// A method of auth that needs a session, as the gateway calls it for somebody: `internal.` and its name.
package enum OnSession<M: Method>: Method {
    package static var name: String { "internal." + M.name }
    package typealias Result = M.Result

    package struct Params: WireObject {
        package let inner: M.Params
        package let session: String
        package let origin: Origin

        package init(_ inner: M.Params, session: String, origin: Origin) {
            self.inner = inner
            self.session = session
            self.origin = origin
        }
        package init(from fields: inout Fields) throws(RPCError) {
            inner = try fields.object("params")
            session = try fields.string("session")
            origin = try fields.object("origin")
        }
        package func encode(to object: inout ObjectWriter) {
            object.field("params", inner)
            object.field("session", session)
            object.field("origin", origin)
        }
    }
}

extension Fields {
    /// A code of a second factor or a recovery code, with the blanks and dashes that people put in.
    package mutating func optionalCode() throws(RPCError) -> String? {
        guard let text = try optionalString("code") else { return nil }
        let code = String(text.unicodeScalars.filter { $0 != " " && $0 != "-" })
        guard 1...64 ~= code.utf8.count else { throw RPCError(.invalidParams, detail: "code has 6 digits", parameter: "code") }
        return code
    }

    /// The id of a row behind which a list goes on.
    fileprivate mutating func before() throws(RPCError) -> Int64? { try optionalInt("before", in: 1...Int64.max) }
    package mutating func limit() throws(RPCError) -> Int64 {
        try optionalInt("limit", in: 1...Int64(Limits.page)) ?? Int64(Limits.defaultPage)
    }
}

/// Sets another password; the user's other sessions end.
package enum AuthChangePassword: Method {
    package static let name = "auth.changePassword"
    package typealias Result = Nothing

    package struct Params: WireObject {
        package let current: String
        package let new: String

        package init(from fields: inout Fields) throws(RPCError) {
            current = try fields.string("current")
            new = try fields.string("new")
        }
        package func encode(to object: inout ObjectWriter) {
            object.field("current", current)
            object.field("new", new)
        }
    }
}

/// A session as its user, or an admin, sees it.
package struct SessionInfo: WireObject {
    package let id: String
    package let client: String?
    package let address: String
    package let createdAt: Timestamp
    package let lastSeenAt: Timestamp
    package let expiresAt: Timestamp
    /// Whether it is the one that asks.
    package let current: Bool

    package init(
        id: String, client: String?, address: String, createdAt: Timestamp, lastSeenAt: Timestamp, expiresAt: Timestamp,
        current: Bool
    ) {
        self.id = id
        self.client = client
        self.address = address
        self.createdAt = createdAt
        self.lastSeenAt = lastSeenAt
        self.expiresAt = expiresAt
        self.current = current
    }
    package init(from fields: inout Fields) throws(RPCError) {
        id = try fields.string("id")
        client = try fields.optionalString("client")
        address = try fields.string("address")
        createdAt = try fields.timestamp("createdAt")
        lastSeenAt = try fields.timestamp("lastSeenAt")
        expiresAt = try fields.timestamp("expiresAt")
        current = try fields.bool("current")
    }
    package func encode(to object: inout ObjectWriter) {
        object.field("id", id)
        object.field("client", client)
        object.field("address", address)
        object.field("createdAt", createdAt.description)
        object.field("lastSeenAt", lastSeenAt.description)
        object.field("expiresAt", expiresAt.description)
        object.field("current", current)
    }
}

package struct SessionList: WireObject {
    package let sessions: [SessionInfo]

    package init(sessions: [SessionInfo]) { self.sessions = sessions }
    package init(from fields: inout Fields) throws(RPCError) { sessions = try fields.objects("sessions") }
    package func encode(to object: inout ObjectWriter) { object.field("sessions", sessions) }
}

package enum AuthSessions: Method {
    package static let name = "auth.sessions"
    package typealias Params = Nothing
    package typealias Result = SessionList
}

package struct Ended: WireObject {
    package let ended: Int64

    package init(ended: Int) { self.ended = Int64(ended) }
    package init(from fields: inout Fields) throws(RPCError) { ended = try fields.int("ended") }
    package func encode(to object: inout ObjectWriter) { object.field("ended", ended) }
}

/// Ends one session of the caller's, or all but the one that asks.
package enum AuthRevoke: Method {
    package static let name = "auth.revoke"
    package typealias Result = Ended

    package struct Params: WireObject {
        /// `nil`: all others.
        package let sessionID: WireUUID?

        package init(from fields: inout Fields) throws(RPCError) {
            let others = try fields.optionalBool("others") ?? false
            sessionID = try fields.optionalUUID("sessionId")
            guard others != (sessionID != nil) else {
                throw RPCError(.invalidParams, detail: "give either sessionId or others: true", parameter: "sessionId")
            }
        }
        package func encode(to object: inout ObjectWriter) {
            object.field("sessionId", sessionID?.description)
            if sessionID == nil { object.field("others", true) }
        }
    }
}

extension Fields {
    package mutating func optionalUUID(_ name: String) throws(RPCError) -> WireUUID? {
        guard let text = try optionalString(name) else { return nil }
        guard let uuid = WireUUID(text) else { throw RPCError(.invalidParams, detail: "\(name) is no UUID", parameter: name) }
        return uuid
    }
}

/// One attempt to log in, register or log out.
package struct LoginEntry: WireObject {
    package let id: Int64
    package let at: Timestamp
    package let outcome: String
    package let address: String
    package let client: String?
    /// The name that was given; to admins only.
    package let name: String?

    package init(id: Int64, at: Timestamp, outcome: String, address: String, client: String?, name: String?) {
        self.id = id
        self.at = at
        self.outcome = outcome
        self.address = address
        self.client = client
        self.name = name
    }
    package init(from fields: inout Fields) throws(RPCError) {
        id = try fields.int("id")
        at = try fields.timestamp("at")
        outcome = try fields.string("outcome")
        address = try fields.string("address")
        client = try fields.optionalString("client")
        name = try fields.optionalString("username")
    }
    package func encode(to object: inout ObjectWriter) {
        object.field("id", id)
        object.field("at", at.description)
        object.field("outcome", outcome)
        object.field("address", address)
        object.field("client", client)
        object.field("username", name)
    }
}

/// The newest first.
package struct LoginList: WireObject {
    package let logins: [LoginEntry]
    package let hasMore: Bool

    package init(logins: [LoginEntry], hasMore: Bool) {
        self.logins = logins
        self.hasMore = hasMore
    }
    package init(from fields: inout Fields) throws(RPCError) {
        logins = try fields.objects("logins")
        hasMore = try fields.bool("hasMore")
    }
    package func encode(to object: inout ObjectWriter) {
        object.field("logins", logins)
        object.field("hasMore", hasMore)
    }
}

/// A page of a list, the newest first.
package struct BackwardPage: WireObject {
    package let before: Int64?
    package let limit: Int64

    package init(from fields: inout Fields) throws(RPCError) {
        before = try fields.before()
        limit = try fields.limit()
    }
    package func encode(to object: inout ObjectWriter) {
        object.field("before", before)
        object.field("limit", limit)
    }
}

/// The caller's own login log.
package enum AuthLogins: Method {
    package static let name = "auth.logins"
    package typealias Params = BackwardPage
    package typealias Result = LoginList
}

package enum AuthProfile: Method {
    package static let name = "auth.profile"
    package typealias Result = User

    package struct Params: WireObject {
        package let displayName: String

        package init(from fields: inout Fields) throws(RPCError) {
            guard let name = try fields.optionalLine("displayName", characters: Limits.displayNameCharacters) else {
                throw RPCError(.invalidParams, detail: "displayName is missing", parameter: "displayName")
            }
            displayName = name
        }
        package func encode(to object: inout ObjectWriter) { object.field("displayName", displayName) }
    }
}

/// A password, with the code of the second factor where there is one: who does this has to be the user themselves, not only their session.
package struct Proof: WireObject {
    package let password: String
    package let code: String?

    package init(from fields: inout Fields) throws(RPCError) {
        password = try fields.string("password")
        code = try fields.optionalCode()
    }
    package func encode(to object: inout ObjectWriter) {
        object.field("password", password)
        object.field("code", code)
    }
}

package enum AuthDeleteAccount: Method {
    package static let name = "auth.deleteAccount"
    package typealias Params = Proof
    package typealias Result = Nothing
}

/// All that is kept of the caller's account, but its messages (`history.export`).
package enum AuthExport: Method {
    package static let name = "auth.export"
    package typealias Params = Nothing

    package struct Result: WireObject {
        package let user: User
        package let createdAt: Timestamp
        package let secondFactor: Bool
        package let sessions: [SessionInfo]
        /// The newest ten thousand.
        package let logins: [LoginEntry]
        /// Memberships, which the gateway adds.
        package var rooms: [Room]

        package init(
            user: User, createdAt: Timestamp, secondFactor: Bool, sessions: [SessionInfo], logins: [LoginEntry],
            rooms: [Room] = []
        ) {
            self.user = user
            self.createdAt = createdAt
            self.secondFactor = secondFactor
            self.sessions = sessions
            self.logins = logins
            self.rooms = rooms
        }
        package init(from fields: inout Fields) throws(RPCError) {
            user = try fields.object("user")
            createdAt = try fields.timestamp("createdAt")
            secondFactor = try fields.bool("secondFactor")
            sessions = try fields.objects("sessions")
            logins = try fields.objects("logins")
            rooms = try fields.objects("rooms")
        }
        package func encode(to object: inout ObjectWriter) {
            object.field("user", user)
            object.field("createdAt", createdAt.description)
            object.field("secondFactor", secondFactor)
            object.field("sessions", sessions)
            object.field("logins", logins)
            object.field("rooms", rooms)
        }
    }
}
