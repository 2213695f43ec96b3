/// What admins do with accounts. Each deed is recorded: `admin.actions`.

/// An account as admins see it.
package struct Account: WireObject {
    package let user: User
    package let disabled: Bool
    package let createdAt: Timestamp
    package let lastLoginAt: Timestamp?
    package let secondFactor: Bool
    package let mustChange: Bool
    package let sessions: Int64

    package init(
        user: User, disabled: Bool, createdAt: Timestamp, lastLoginAt: Timestamp?, secondFactor: Bool, mustChange: Bool,
        sessions: Int64
    ) {
        self.user = user
        self.disabled = disabled
        self.createdAt = createdAt
        self.lastLoginAt = lastLoginAt
        self.secondFactor = secondFactor
        self.mustChange = mustChange
        self.sessions = sessions
    }
    package init(from fields: inout Fields) throws(RPCError) {
        user = User(
            username: try fields.string("username"), displayName: try fields.string("displayName"),
            admin: try fields.bool("admin"))
        disabled = try fields.bool("disabled")
        createdAt = try fields.timestamp("createdAt")
        lastLoginAt = try fields.optionalTimestamp("lastLoginAt")
        secondFactor = try fields.bool("secondFactor")
        mustChange = try fields.bool("mustChange")
        sessions = try fields.int("sessions")
    }
    package func encode(to object: inout ObjectWriter) {
        user.encode(to: &object)
        object.field("disabled", disabled)
        object.field("createdAt", createdAt.description)
        object.field("lastLoginAt", lastLoginAt?.description)
        object.field("secondFactor", secondFactor)
        object.field("mustChange", mustChange)
        object.field("sessions", sessions)
    }
}

package enum AdminUsers: Method {
    package static let name = "admin.users"

    package struct Params: WireObject {
        /// Part of a username or of a shown name.
        package let query: String?
        /// The username behind which the list goes on.
        package let after: String?
        package let limit: Int64

        package init(query: String? = nil, after: String? = nil, limit: Int64) {
            self.query = query
            self.after = after
            self.limit = limit
        }
        package init(from fields: inout Fields) throws(RPCError) {
            query = try fields.optionalLine("query", characters: Limits.displayNameCharacters)
            after = try fields.optionalLine("after", characters: Limits.displayNameCharacters)
            limit = try fields.limit()
        }
        package func encode(to object: inout ObjectWriter) {
            object.field("query", query)
            object.field("after", after)
            object.field("limit", limit)
        }
    }

    package struct Result: WireObject {
        package let users: [Account]
        package let hasMore: Bool

        package init(users: [Account], hasMore: Bool) {
            self.users = users
            self.hasMore = hasMore
        }
        package init(from fields: inout Fields) throws(RPCError) {
            users = try fields.objects("users")
            hasMore = try fields.bool("hasMore")
        }
        package func encode(to object: inout ObjectWriter) {
            object.field("users", users)
            object.field("hasMore", hasMore)
        }
    }
}

package enum AdminCreateUser: Method {
    package static let name = "admin.createUser"
    package typealias Result = User

    package struct Params: WireObject {
        package let username: String
        package let displayName: String?
        package let password: String
        package let admin: Bool
        /// Whether the password is to be changed at the first login.
        package let mustChange: Bool

        package init(from fields: inout Fields) throws(RPCError) {
            username = try fields.username()
            displayName = try fields.optionalLine("displayName", characters: Limits.displayNameCharacters)
            password = try fields.string("password")
            admin = try fields.optionalBool("admin") ?? false
            mustChange = try fields.optionalBool("mustChange") ?? false
        }
        package func encode(to object: inout ObjectWriter) {
            object.field("username", username)
            object.field("displayName", displayName)
            object.field("password", password)
            object.field("admin", admin)
            object.field("mustChange", mustChange)
        }
    }
}

package struct UserParams: WireObject {
    package let username: String

    package init(from fields: inout Fields) throws(RPCError) { username = try fields.username() }
    package func encode(to object: inout ObjectWriter) { object.field("username", username) }
}

/// Keeps a user out, and ends their sessions.
package enum AdminDisable: Method {
    package static let name = "admin.disable"
    package typealias Params = UserParams
    package typealias Result = Nothing
}
package enum AdminEnable: Method {
    package static let name = "admin.enable"
    package typealias Params = UserParams
    package typealias Result = Nothing
}
/// Has a user change their password at the next login, and ends their sessions.
package enum AdminRequireChange: Method {
    package static let name = "admin.requireChange"
    package typealias Params = UserParams
    package typealias Result = Nothing
}
package enum AdminResetSecondFactor: Method {
    package static let name = "admin.resetSecondFactor"
    package typealias Params = UserParams
    package typealias Result = Nothing
}
package enum AdminSessions: Method {
    package static let name = "admin.sessions"
    package typealias Params = UserParams
    package typealias Result = SessionList
}

package enum AdminSetPassword: Method {
    package static let name = "admin.setPassword"
    package typealias Result = Nothing

    package struct Params: WireObject {
        package let username: String
        package let password: String
        package let mustChange: Bool

        package init(from fields: inout Fields) throws(RPCError) {
            username = try fields.username()
            password = try fields.string("password")
            mustChange = try fields.optionalBool("mustChange") ?? false
        }
        package func encode(to object: inout ObjectWriter) {
            object.field("username", username)
            object.field("password", password)
            object.field("mustChange", mustChange)
        }
    }
}

/// Who is made less than an admin loses their sessions; the last admin remains one.
package enum AdminSetAdmin: Method {
    package static let name = "admin.setAdmin"
    package typealias Result = Nothing

    package struct Params: WireObject {
        package let username: String
        package let admin: Bool

        package init(from fields: inout Fields) throws(RPCError) {
            username = try fields.username()
            admin = try fields.bool("admin")
        }
        package func encode(to object: inout ObjectWriter) {
            object.field("username", username)
            object.field("admin", admin)
        }
    }
}

/// Ends one session of a user, or all.
package enum AdminRevoke: Method {
    package static let name = "admin.revoke"
    package typealias Result = Ended

    package struct Params: WireObject {
        package let username: String
        package let sessionID: WireUUID?

        package init(from fields: inout Fields) throws(RPCError) {
            username = try fields.username()
            sessionID = try fields.optionalUUID("sessionId")
        }
        package func encode(to object: inout ObjectWriter) {
            object.field("username", username)
            object.field("sessionId", sessionID?.description)
        }
    }
}

package enum AdminLogins: Method {
    package static let name = "admin.logins"
    package typealias Result = LoginList

    package struct Params: WireObject {
        package let username: String?
        package let outcome: String?
        package let address: String?
        package let since: Timestamp?
        package let until: Timestamp?
        package let before: Int64?
        package let limit: Int64

        package init(
            username: String? = nil, outcome: String? = nil, address: String? = nil, since: Timestamp? = nil,
            until: Timestamp? = nil, before: Int64? = nil, limit: Int64
        ) {
            self.username = username
            self.outcome = outcome
            self.address = address
            self.since = since
            self.until = until
            self.before = before
            self.limit = limit
        }
        package init(from fields: inout Fields) throws(RPCError) {
            username = try fields.optionalLine("username", characters: Limits.usernameBytes)
            outcome = try fields.optionalLine("outcome", characters: Limits.displayNameCharacters)
            address = try fields.optionalLine("address", characters: Limits.displayNameCharacters)
            since = try fields.optionalTimestamp("since")
            until = try fields.optionalTimestamp("until")
            let page = try BackwardPage(from: &fields)
            (before, limit) = (page.before, page.limit)
            if let since, let until, since > until {
                throw RPCError(.invalidParams, detail: "since is after until", parameter: "since")
            }
        }
        package func encode(to object: inout ObjectWriter) {
            object.field("username", username)
            object.field("outcome", outcome)
            object.field("address", address)
            object.field("since", since?.description)
            object.field("until", until?.description)
            object.field("before", before)
            object.field("limit", limit)
        }
    }
}

/// Something that an admin did, or a user with their own account.
package struct AdminAction: WireObject {
    package let id: Int64
    package let at: Timestamp
    package let by: String
    package let action: String
    package let subject: String
    package let address: String
    package let detail: String?

    package init(id: Int64, at: Timestamp, by: String, action: String, subject: String, address: String, detail: String?) {
        self.id = id
        self.at = at
        self.by = by
        self.action = action
        self.subject = subject
        self.address = address
        self.detail = detail
    }
    package init(from fields: inout Fields) throws(RPCError) {
        id = try fields.int("id")
        at = try fields.timestamp("at")
        by = try fields.string("by")
        action = try fields.string("action")
        subject = try fields.string("subject")
        address = try fields.string("address")
        detail = try fields.optionalString("detail")
    }
    package func encode(to object: inout ObjectWriter) {
        object.field("id", id)
        object.field("at", at.description)
        object.field("by", by)
        object.field("action", action)
        object.field("subject", subject)
        object.field("address", address)
        object.field("detail", detail)
    }
}

package enum AdminActions: Method {
    package static let name = "admin.actions"
    package typealias Params = BackwardPage

    package struct Result: WireObject {
        package let actions: [AdminAction]
        package let hasMore: Bool

        package init(actions: [AdminAction], hasMore: Bool) {
            self.actions = actions
            self.hasMore = hasMore
        }
        package init(from fields: inout Fields) throws(RPCError) {
            actions = try fields.objects("actions")
            hasMore = try fields.bool("hasMore")
        }
        package func encode(to object: inout ObjectWriter) {
            object.field("actions", actions)
            object.field("hasMore", hasMore)
        }
    }
}
