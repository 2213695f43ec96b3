import EverlineCryptography
import EverlineProtocol

/// Rooms of two, how far somebody has read, and what they are doing at the moment.
extension Rooms {
    func direct(with username: String, _ user: BoundUser) async throws -> Room {
        guard let other = try await store.user(named: UsernameKey.of(username)) else {
            throw RPCError(.userNotFound, parameter: "with")
        }
        guard other.id != user.id else {
            throw RPCError(.invalidParams, detail: "a direct room is for two", parameter: "with")
        }
        // By chance, so that it tells nobody who the two are.
        let name = RoomCreate.directPrefix + Hex.encode(try SecureRandom.bytes(12))
        let (found, created) = try await store.directRoom(user.id, other.id, name: name)
        let room = try await readable(found, user)
        if created {
            let push = change("created", room, user.user)
            for id in [user.id, other.id] { signals.announced(push, user: id) }
        }
        return room.description
    }

    func markRead(_ params: RoomMarkRead.Params, _ asking: Asking) async throws -> ReadMarker {
        let user = try asking.user()
        guard let room = try await store.known(params.room) else { throw RPCError(.roomNotFound) }
        // The numbers of room and user are those of this epoch.
        guard room.epoch == params.epoch else {
            _ = try await readable(params.room, user)
            throw RPCError(.epochChanged)
        }
        try user.mustBe(of: room.epoch)
        let (marker, moved) = try await store.markRead(room, params, by: user.id)
        guard moved else { return marker }
        let push = Outgoing.notification(method: Push.roomRead, params: marker.jsonBytes())
        guard asking.hub != nil else {
            signals.announced(push, user: user.id)
            return marker
        }
        asking.afterwards { [signals] client in signals.announced(push, user: user.id, except: ObjectIdentifier(client)) }
        return marker
    }

    func typing(_ params: RoomParams, _ asking: Asking) async throws {
        let user = try asking.user()
        let room = try await readable(params.room, user)
        guard room.isMember else { throw RPCError(.roomNotMember) }
        if try await store.isMuted(room.id, user.id) { throw RPCError(.roomMuted) }
        guard await presence.mayTellTyping(room.id, user.id) else { return }
        var writer = JSONWriter()
        writer.object { object in
            object.field("room", room.name)
            object.field("username", user.user.username)
            object.field("displayName", user.user.displayName)
        }
        signals.whispered(
            Outgoing.notification(method: Push.roomTyping, params: writer.bytes), room: room.id, except: user.id)
    }

    func present(_ params: Presence.Params, _ asking: Asking) async throws {
        let user = try asking.user()
        // Only a connection can be seen to end.
        guard asking.hub != nil else { return }
        asking.afterwards { [presence] client in
            guard client.user?.id == user.id else { return }
            client.arrive()
            presence.says(ObjectIdentifier(client), user.id, user.user.username, params.state)
        }
    }
}
