import EverlineProtocol
import EverlineReading
import EverlineRedis

/// What people do with rooms.
struct Rooms: Sendable {
    let store: RoomStore
    let states: RoomStates
    let messages: MessageStore
    let window: RoomWindow
    let feeds: Feeds
    let signals: Signals
    let epochs: Epochs
    let presence: PresenceBoard

    func create(_ params: RoomCreate.Params, _ asking: Asking) async throws -> Room {
        let user = try asking.user()
        try user.mustBe(of: epochs.latest)
        guard let name = params.room else { return try await direct(with: params.with ?? "", user) }
        try await store.create(name, params.kind, title: params.title, by: user.id)
        let room = try await readable(name, user)
        // The creator's other connections.
        signals.announced(change("created", room, user.user), user: user.id)
        return room.description
    }

    func list(_ asking: Asking) async throws -> RoomList.Result {
        let user = try asking.user()
        let rooms = try await store.rooms(visibleTo: user.id)
        for room in rooms { try user.mustBe(of: room.epoch) }
        return RoomList.Result(rooms: rooms.map(\.description))
    }

    func join(_ params: RoomParams, _ asking: Asking) async throws -> Room {
        let user = try asking.user()
        let room = try await store.room(params.room, reader: user.id, evenBanned: true)
        try user.mustBe(of: room.epoch)
        switch try await store.join(room.id, user.id).outcome {
        case .done:
            let push = change("joined", room, user.user)
            signals.announced(push, room: room.id)
            signals.announced(push, user: user.id)
        case .nothing: break
        case .banned: throw RPCError(.roomBanned)
        default: throw RPCError(.roomNotFound)
        }
        return try await store.room(params.room, reader: user.id).description
    }

    func leave(_ params: RoomParams, _ asking: Asking) async throws {
        let user = try asking.user()
        let room = try await readable(params.room, user)
        switch try await store.leave(room.id, user.id).outcome {
        case .done: break
        case .forbidden: throw RPCError(.roomForbidden, detail: "nobody leaves a direct room")
        default: throw RPCError(.roomNotMember)
        }
        let push = change("left", room, user.user)
        signals.announced(push, room: room.id)
        signals.announced(push, user: user.id)
        asking.afterwards { client in
            if let subscription = client.subscriptions.removeValue(forKey: room.id) { client.hub.unsubscribe(subscription) }
        }
    }

    func invite(_ params: RoomInvite.Params, _ asking: Asking) async throws {
        let user = try asking.user()
        let room = try await readable(params.room, user)
        guard room.isMember else { throw RPCError(.roomNotMember) }
        guard let guest = try await store.user(named: UsernameKey.of(params.username)) else {
            throw RPCError(.userNotFound, parameter: "username")
        }
        switch try await store.invite(room.id, by: user.id, guest.id).outcome {
        case .done:
            let push = change("invited", room, guest.user)
            signals.announced(push, room: room.id)
            signals.announced(push, user: guest.id)
        case .nothing: break
        case .forbidden: throw RPCError(.roomForbidden)
        default: throw RPCError(.roomNotFound)
        }
    }

    func remove(_ params: RoomRemove.Params, _ asking: Asking) async throws {
        let user = try asking.user()
        let (room, member) = try await found(params.room, params.username, asking, evenDisabled: true)
        switch try await store.remove(room.id, by: user.id, member.id, ban: params.ban).outcome {
        case .done:
            let push = change(params.ban ? "banned" : "removed", room, member.user)
            signals.announced(push, room: room.id)
            signals.announced(push, user: member.id)
            // Whoever of theirs reads along is found by the counter; here at once.
            await feeds.membersChanged(room.id)
        case .nothing, .noMember: throw RPCError(.userNotFound, detail: "the user is not a member", parameter: "username")
        case .forbidden, .muted, .banned: throw RPCError(.roomForbidden)
        case .noRoom: throw RPCError(.roomNotFound)
        }
    }

    func setRole(_ params: RoomSetRole.Params, _ asking: Asking) async throws {
        let user = try asking.user()
        let (room, member) = try await found(params.room, params.username, asking, evenDisabled: params.role == "member")
        switch try await store.setRole(room.id, by: user.id, member.id, params.role).outcome {
        case .done: signals.announced(change("role", room, member.user), room: room.id)
        case .nothing: break
        case .noMember: throw RPCError(.userNotFound, detail: "the user is not a member", parameter: "username")
        case .forbidden, .muted, .banned: throw RPCError(.roomForbidden)
        case .noRoom: throw RPCError(.roomNotFound)
        }
    }

    func readable(_ name: String, _ user: BoundUser) async throws -> RoomState {
        let room = try await store.room(name, reader: user.id)
        try user.mustBe(of: room.epoch)
        return room
    }

    /// A room that the caller is a member of, and a user.
    ///
    /// - Parameter evenDisabled: for what takes something away, which nobody is spared by being disabled.
    func found(_ name: String, _ username: String, _ asking: Asking, evenDisabled: Bool = false) async throws -> (
        RoomState, (id: Int64, user: User)
    ) {
        let room = try await readable(name, try asking.user())
        guard room.isMember else { throw RPCError(.roomNotMember) }
        guard let user = try await store.user(named: UsernameKey.of(username), evenDisabled: evenDisabled) else {
            throw RPCError(.userNotFound, parameter: "username")
        }
        return (room, user)
    }

    func members(_ params: RoomParams, _ asking: Asking) async throws -> RoomMembers.Result {
        let room = try await readable(params.room, try asking.user())
        let members = try await store.members(of: room.id)
        let states = await presence.states(of: members.map(\.id))
        return RoomMembers.Result(
            members: zip(members, states).map { member, state in
                .init(
                    username: member.username, displayName: member.displayName, role: member.role, presence: state?.rawValue,
                    mutedUntil: member.mutedUntil)
            })
    }

    func open(_ params: RoomOpen.Params, _ asking: Asking) async throws -> RoomOpen.Result {
        let user = try asking.user()
        let opened = try await states.opened(params.room, reader: user.id)
        let room = opened.room
        try user.mustBe(of: room.epoch)
        // Another epoch, or a number that this one has not given: what the client holds is not of this history.
        let reset =
            (params.epoch.map { $0 != room.epoch } ?? false) || (params.after ?? 0) > room.lastSeq
            || (params.afterRev ?? 0) > room.lastRev
        let after = reset ? nil : params.after
        async let readSeq = store.readSeq(of: user.id, in: room.id)
        let newest = after == nil ? try await recent(room) : RawList()
        let read = min(try await readSeq, room.lastSeq)
        let next = (after ?? room.lastSeq) + 1
        // Who names a message but no revision has seen none.
        let nextRev = (after == nil ? room.lastRev : params.afterRev ?? 0) + 1
        if let hub = asking.hub {
            guard await feeds.open(opened, on: hub) else {
                throw RPCError(.unavailable, detail: "history is being turned back", retryAfterMs: 200)
            }
            asking.afterwards { client in
                guard client.user?.id == user.id else { return }
                if client.user?.epoch == room.epoch, hub.subscribe(client, to: opened, from: next, rev: nextRev) { return }
                // Its epoch ended between the answer and here: the client is to open it again.
                client.send(LoopHub.resetPush(room.name, epoch: room.epoch))
            }
        }
        return RoomOpen.Result(
            room: room.name, epoch: room.epoch, lastSeq: room.lastSeq, lastRev: room.lastRev, readSeq: read, messages: newest,
            reset: reset)
    }

    func close(_ params: RoomParams, _ asking: Asking) async throws {
        let room = try await readable(params.room, try asking.user())
        asking.afterwards { client in
            if let subscription = client.subscriptions.removeValue(forKey: room.id) { client.hub.unsubscribe(subscription) }
        }
    }

    /// The newest messages up to the counter: from the window if it reaches it, else from PostgreSQL.
    private func recent(_ room: ReadableRoom) async throws -> RawList {
        guard room.lastSeq > 0 else { return RawList() }
        let first = max(1, room.lastSeq - Int64(window.size) + 1)
        if let content = try? await window.content(room: room.id, numbers: first...room.lastSeq), content.epoch == room.epoch,
            content.rev >= room.lastRev, content.last == room.lastSeq
        {
            return content.messages
        }
        return RawList(
            try await messages.newest(
                room.id, name: room.name, epoch: room.epoch, upTo: room.lastSeq, limit: Int64(window.size)
            ).map(\.json))
    }

    func change(_ what: String, _ room: RoomState, _ user: User) -> [UInt8] {
        Outgoing.notification(
            method: Push.roomChanged, params: RoomChange(room: room.name, change: what, user: user).jsonBytes())
    }
}
