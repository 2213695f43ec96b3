/// A user as others see them.
package struct User: WireObject, Equatable {
    package let username: String
    package let displayName: String
    package let admin: Bool

    package init(username: String, displayName: String, admin: Bool) {
        self.username = username
        self.displayName = displayName
        self.admin = admin
    }
    package init(from fields: inout Fields) throws(RPCError) {
        username = try fields.string("username")
        displayName = try fields.string("displayName")
        admin = try fields.optionalBool("admin") ?? false
    }
    package func encode(to object: inout ObjectWriter) {
        object.field("username", username)
        object.field("displayName", displayName)
        object.field("admin", admin)
    }
}

/// A user and the session that was just opened for them.
package struct OpenedSession: WireObject {
    package let user: User
    /// 256 random bits as base64url; only its holder knows it.
    package let session: String
    package let expiresAt: Timestamp
    /// Between services only.
    package let userID: Int64?
    /// The session is good for changing the password, and for nothing else until that is done.
    package let mustChange: Bool

    package init(user: User, session: String, expiresAt: Timestamp, userID: Int64?, mustChange: Bool) {
        self.user = user
        self.session = session
        self.expiresAt = expiresAt
        self.userID = userID
        self.mustChange = mustChange
    }
    package init(from fields: inout Fields) throws(RPCError) {
        user = try fields.object("user")
        session = try fields.string("session")
        expiresAt = try fields.timestamp("expiresAt")
        userID = try fields.optionalInt("userId")
        mustChange = try fields.optionalBool("mustChange") ?? false
    }
    package func encode(to object: inout ObjectWriter) {
        object.field("user", user)
        object.field("session", session)
        object.field("expiresAt", expiresAt.description)
        object.field("userId", userID)
        if mustChange { object.field("mustChange", true) }
    }
}

package struct ResumedSession: WireObject {
    package let user: User
    package let expiresAt: Timestamp
    /// Between services only: the user's number, and the session's hash in hex, by which its end is announced.
    package let userID: Int64?
    package let sessionHash: String?
    /// As of `OpenedSession`.
    package let mustChange: Bool

    package init(user: User, expiresAt: Timestamp, userID: Int64?, sessionHash: String?, mustChange: Bool) {
        self.mustChange = mustChange
        self.user = user
        self.expiresAt = expiresAt
        self.userID = userID
        self.sessionHash = sessionHash
    }
    package init(from fields: inout Fields) throws(RPCError) {
        user = try fields.object("user")
        expiresAt = try fields.timestamp("expiresAt")
        userID = try fields.optionalInt("userId")
        sessionHash = try fields.optionalString("sessionHash")
        mustChange = try fields.optionalBool("mustChange") ?? false
    }
    package func encode(to object: inout ObjectWriter) {
        object.field("user", user)
        object.field("expiresAt", expiresAt.description)
        object.field("userId", userID)
        object.field("sessionHash", sessionHash)
        if mustChange { object.field("mustChange", true) }
    }
}

/// Where an attempt came from, as the gateway saw it; a parameter of the internal methods only.
package struct Origin: WireObject {
    package let address: String

    package init(address: String) { self.address = address }
    package init(from fields: inout Fields) throws(RPCError) { address = try fields.string("address") }
    package func encode(to object: inout ObjectWriter) { object.field("address", address) }
}

package struct RegisterParams: WireObject {
    package let username: String
    package let password: String
    package let displayName: String?
    package let client: String?

    package init(username: String, password: String, displayName: String?, client: String? = nil) {
        self.username = username
        self.password = password
        self.displayName = displayName
        self.client = client
    }
    package init(from fields: inout Fields) throws(RPCError) {
        username = try fields.username()
        password = try fields.string("password")
        displayName = try fields.optionalLine("displayName", characters: Limits.displayNameCharacters)
        client = try fields.optionalLine("client", characters: Limits.clientNameBytes)
    }
    package func encode(to object: inout ObjectWriter) {
        object.field("username", username)
        object.field("password", password)
        object.field("displayName", displayName)
        object.field("client", client)
    }
}

package struct LoginParams: WireObject {
    package let username: String
    package let password: String
    package let client: String?
    /// Of the second factor, or one of its recovery codes.
    package let code: String?

    package init(username: String, password: String, client: String? = nil, code: String? = nil) {
        self.username = username
        self.password = password
        self.client = client
        self.code = code
    }
    package init(from fields: inout Fields) throws(RPCError) {
        username = try fields.username()
        password = try fields.string("password")
        client = try fields.optionalLine("client", characters: Limits.clientNameBytes)
        code = try fields.optionalCode()
    }
    package func encode(to object: inout ObjectWriter) {
        object.field("username", username)
        object.field("password", password)
        object.field("client", client)
        object.field("code", code)
    }
}

package struct SessionParams: WireObject {
    package let session: String

    package init(session: String) { self.session = session }
    package init(from fields: inout Fields) throws(RPCError) { session = try fields.string("session") }
    package func encode(to object: inout ObjectWriter) { object.field("session", session) }
}

/// Parameters of a public method with where the call came from.
package struct Attributed<Inner: WireObject>: WireObject {
    package let inner: Inner
    package let origin: Origin

    package init(_ inner: Inner, origin: Origin) {
        self.inner = inner
        self.origin = origin
    }
    package init(from fields: inout Fields) throws(RPCError) {
        inner = try fields.object("params")
        origin = try fields.object("origin")
    }
    package func encode(to object: inout ObjectWriter) {
        object.field("params", inner)
        object.field("origin", origin)
    }
}

/// Which sessions are asked about, by their hashes in hex (`ResumedSession.sessionHash`), or which of them no longer hold.
package struct SessionHashes: WireObject, Equatable {
    package let hashes: [String]

    package init(hashes: [String]) { self.hashes = hashes }
    package init(from fields: inout Fields) throws(RPCError) {
        hashes = try fields.strings("hashes", most: Limits.checkedSessions)
    }
    package func encode(to object: inout ObjectWriter) { object.field("hashes", hashes) }
    package var expectedBytes: Int { 64 + hashes.count * 67 }
}

package enum AuthRegister: Method {
    package static let name = "auth.register"
    package typealias Params = RegisterParams
    package typealias Result = OpenedSession
}
package enum AuthLogin: Method {
    package static let name = "auth.login"
    package typealias Params = LoginParams
    package typealias Result = OpenedSession
}
package enum SessionResume: Method {
    package static let name = "session.resume"
    package typealias Params = SessionParams
    package typealias Result = ResumedSession
}
package enum AuthLogout: Method {
    package static let name = "auth.logout"
    package typealias Params = Nothing
    package typealias Result = Nothing
}

/// What the gateway and history call on auth. Callers: message-gateway; resume also history.
package enum InternalRegister: Method {
    package static let name = "internal.auth.register"
    package typealias Params = Attributed<RegisterParams>
    package typealias Result = OpenedSession
}
package enum InternalLogin: Method {
    package static let name = "internal.auth.login"
    package typealias Params = Attributed<LoginParams>
    package typealias Result = OpenedSession
}
package enum InternalResume: Method {
    package static let name = "internal.session.resume"
    package typealias Params = Attributed<SessionParams>
    package typealias Result = ResumedSession
}
package enum InternalLogout: Method {
    package static let name = "internal.auth.logout"
    package typealias Params = Attributed<SessionParams>
    package typealias Result = Nothing
}

/// Which of these sessions hold no longer: ended, expired, of a disabled user, or taken back by a restore. Asks PostgreSQL, never Redis.
package enum InternalSessionsCheck: Method {
    package static let name = "internal.sessions.check"
    package typealias Params = SessionHashes
    package typealias Result = SessionHashes
}
