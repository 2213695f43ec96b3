import EverlineProtocol

/// Keeping people out or silent, and giving a room away.
extension Rooms {
    func ban(_ params: ModerationParams, _ asking: Asking) async throws {
        try await moderate(params, asking, "banned", tellingUser: true) { room, by, user in
            try await store.ban(room, by: by, user, until: params.until, reason: params.reason)
        }
    }

    func unban(_ params: ModerationParams, _ asking: Asking) async throws {
        try await moderate(params, asking, "unbanned", tellingUser: true, nothing: "the user is not banned") { room, by, user in
            try await store.unban(room, by: by, user)
        }
    }

    func mute(_ params: ModerationParams, _ asking: Asking) async throws {
        try await moderate(params, asking, "muted", tellingUser: true) { room, by, user in
            try await store.mute(room, by: by, user, until: params.until)
        }
    }

    func unmute(_ params: ModerationParams, _ asking: Asking) async throws {
        try await moderate(params, asking, "unmuted", tellingUser: true, nothing: "the user is not muted") { room, by, user in
            try await store.unmute(room, by: by, user)
        }
    }

    func transfer(_ params: ModerationParams, _ asking: Asking) async throws {
        try await moderate(params, asking, "role", tellingUser: false, evenDisabled: false) { room, by, user in
            try await store.transfer(room, by: by, to: user)
        }
    }

    func bans(_ params: RoomParams, _ asking: Asking) async throws -> RoomBans.Result {
        let room = try await readable(params.room, try asking.user())
        guard room.isMember else { throw RPCError(.roomNotMember) }
        guard room.role == "owner" || room.role == "moderator" else { throw RPCError(.roomForbidden) }
        return RoomBans.Result(bans: try await store.bans(of: room.id))
    }

    func update(_ params: RoomUpdate.Params, _ asking: Asking) async throws -> Room {
        let user = try asking.user()
        let room = try await readable(params.room, user)
        guard room.isMember else { throw RPCError(.roomNotMember) }
        switch try await store.setTitle(room.id, by: user.id, params.title).outcome {
        case .done: signals.announced(change("updated", room, user.user), room: room.id)
        case .nothing: break
        case .forbidden: throw RPCError(.roomForbidden)
        default: throw RPCError(.roomNotFound)
        }
        return try await readable(params.room, user).description
    }

    /// - Parameters:
    ///   - tellingUser: whether all connections of the user are told, who may not have the room open.
    ///   - nothing: what to say when there was nothing to do; `nil`: that is no error.
    private func moderate(
        _ params: ModerationParams, _ asking: Asking, _ what: String, tellingUser: Bool, nothing: String? = nil,
        evenDisabled: Bool = true,
        _ deed: (_ room: Int64, _ by: Int64, _ user: Int64) async throws -> RoomStore.Change
    ) async throws {
        let user = try asking.user()
        let (room, other) = try await found(params.room, params.username, asking, evenDisabled: evenDisabled)
        switch try await deed(room.id, user.id, other.id).outcome {
        case .done:
            let push = change(what, room, other.user)
            signals.announced(push, room: room.id)
            if tellingUser { signals.announced(push, user: other.id) }
            // Whoever may no longer read along is found by the counter; here at once.
            if what == "banned" { await feeds.membersChanged(room.id) }
        case .nothing:
            if let nothing { throw RPCError(.userNotFound, detail: nothing, parameter: "username") }
        case .noMember: throw RPCError(.userNotFound, detail: "the user is not a member", parameter: "username")
        case .noRoom: throw RPCError(.roomNotFound)
        case .forbidden, .muted, .banned: throw RPCError(.roomForbidden)
        }
    }
}
