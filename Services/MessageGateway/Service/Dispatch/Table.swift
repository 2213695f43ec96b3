import AuthClient
import DBGuardianClient
import EverlineCryptography
import EverlineLines
import EverlineProtocol
import EverlineReading
import HistoryClient
import NIOCore

/// Every method that clients may call, and who does it.
struct Methods: Sendable {
    let auth: AuthClient
    let epochs: Epochs
    let history: HistoryClient
    let guardian: GuardianClient
    let recent: Recent
    let rooms: Rooms
    let sending: Sending
    let revising: Revising
    let group: any EventLoopGroup
    let translate: @Sendable (any Error) -> RPCError

    func table() -> MethodTable<Asking> {
        var table = MethodTable<Asking>(translate: translate)
        table.register(AuthRegister.self) { params, asking in
            let epoch = epochs.latest
            return opened(try await auth.register(params, from: asking.address), epoch, asking)
        }
        table.register(AuthLogin.self) { params, asking in
            let epoch = epochs.latest
            return opened(try await auth.login(params, from: asking.address), epoch, asking)
        }
        table.register(SessionResume.self) { params, asking in
            let user = try await Self.user(of: params.session, auth, epochs, from: asking.address)
            asking.afterwards { $0.hub.bind($0, to: user.bound) }
            return ResumedSession(
                user: user.bound.user, expiresAt: user.expiresAt, userID: nil, sessionHash: nil, mustChange: user.bound.mustChange
            )
        }
        table.register(AuthLogout.self) { _, asking in
            let user = try asking.holder()
            try await auth.logout(user.session, from: asking.address)
            asking.afterwards { $0.bind(nil) }
            return Nothing()
        }
        registerAccounts(in: &table)
        table.register(RoomCreate.self) { try await rooms.create($0, $1) }
        table.register(RoomList.self) { try await rooms.list($1) }
        table.register(RoomJoin.self) { try await rooms.join($0, $1) }
        table.register(RoomLeave.self) { params, asking in
            try await rooms.leave(params, asking)
            return Nothing()
        }
        table.register(RoomInvite.self) { params, asking in
            try await rooms.invite(params, asking)
            return Nothing()
        }
        table.register(RoomRemove.self) { params, asking in
            try await rooms.remove(params, asking)
            return Nothing()
        }
        table.register(RoomSetRole.self) { params, asking in
            try await rooms.setRole(params, asking)
            return Nothing()
        }
        table.register(RoomBan.self) { params, asking in
            try await rooms.ban(params.inner, asking)
            return Nothing()
        }
        table.register(RoomUnban.self) { params, asking in
            try await rooms.unban(params, asking)
            return Nothing()
        }
        table.register(RoomMute.self) { params, asking in
            try await rooms.mute(params.inner, asking)
            return Nothing()
        }
        table.register(RoomUnmute.self) { params, asking in
            try await rooms.unmute(params, asking)
            return Nothing()
        }
        table.register(RoomTransfer.self) { params, asking in
            try await rooms.transfer(params, asking)
            return Nothing()
        }
        table.register(RoomBans.self) { try await rooms.bans($0, $1) }
        table.register(RoomUpdate.self) { try await rooms.update($0, $1) }
        table.register(RoomMarkRead.self) { try await rooms.markRead($0, $1) }
        table.register(RoomTyping.self) { params, asking in
            try await rooms.typing(params, asking)
            return Nothing()
        }
        table.register(Presence.self) { params, asking in
            try await rooms.present(params, asking)
            return Nothing()
        }
        table.register(RoomMembers.self) { try await rooms.members($0, $1) }
        table.register(RoomOpen.self) { try await rooms.open($0, $1) }
        table.register(RoomClose.self) { params, asking in
            try await rooms.close(params, asking)
            return Nothing()
        }
        table.register(MessageSend.self) { params, asking in
            try await sending.send(params, by: try asking.user(), on: asking.hub?.loop ?? group.any())
        }
        table.register(MessageEdit.self) { try await revising.revise($0.revision, by: $1.user()) }
        table.register(MessageDelete.self) { try await revising.revise($0.revision, by: $1.user()) }
        table.register(MessageReact.self) { try await revising.revise($0.revision, by: $1.user()) }
        table.registerRaw(HistoryRecent.self) { params, asking in
            let user = try asking.user()
            return try await recent.read(params, reader: user.id) { room throws(RPCError) in try user.mustBe(of: room.epoch) }
        }
        table.registerRaw(HistoryPage.self) { params, asking in
            let user = try asking.user()
            return try await Self.ofEpoch(user, named: params.epoch != nil) { () throws(RPCError) in
                try await history.page(params.naming(user.epoch), user: user.id)
            }
        }
        table.registerRaw(HistorySearch.self) { params, asking in
            let user = try asking.user()
            // A cursor names the epoch as well.
            return try await Self.ofEpoch(user, named: params.epoch != nil || params.cursor != nil) { () throws(RPCError) in
                try await history.search(params.naming(user.epoch), user: user.id)
            }
        }
        table.registerRaw(HistoryStats.self) { params, asking in
            let user = try asking.user()
            return try await Self.ofEpoch(user, named: params.epoch != nil) { () throws(RPCError) in
                try await history.stats(params.naming(user.epoch), user: user.id)
            }
        }
        table.registerRaw(HistoryExport.self) { params, asking in
            let user = try asking.user()
            return try await Self.ofEpoch(user, named: params.epoch != nil) { () throws(RPCError) in
                try await history.export(params.naming(user.epoch), user: user.id)
            }
        }
        table.registerRaw(GuardianStatus.self) { _, asking in
            try Self.admin(asking)
            return try await guardian.status()
        }
        table.registerRaw(GuardianBackups.self) { _, asking in
            try Self.admin(asking)
            return try await guardian.backups()
        }
        table.registerRaw(GuardianWindows.self) { _, asking in
            try Self.admin(asking)
            return try await guardian.windows()
        }
        table.registerRaw(GuardianDrills.self) { _, asking in
            try Self.admin(asking)
            return try await guardian.drills()
        }
        table.registerRaw(GuardianJobs.self) { _, asking in
            try Self.admin(asking)
            return try await guardian.jobs()
        }
        table.register(GuardianBackup.self) { params, asking in
            try Self.admin(asking)
            return try await guardian.backup(params)
        }
        table.register(GuardianDrill.self) { _, asking in
            try Self.admin(asking)
            return try await guardian.drill()
        }
        table.registerRaw(GuardianFindings.self) { params, asking in
            try Self.admin(asking)
            return try await guardian.findings(params)
        }
        table.registerRaw(GuardianAcknowledge.self) { params, asking in
            try Self.admin(asking)
            return try await guardian.acknowledge(AttributedAcknowledgement(params, by: asking.user().user.username))
        }
        return table
    }

    /// A user's number is one of their epoch; so what is read must be, whether its reader minds or not.
    private static func ofEpoch(_ user: BoundUser, named: Bool, _ body: () async throws(RPCError) -> [UInt8])
        async throws(RPCError) -> [UInt8]
    {
        do throws(RPCError) {
            return try await body()
        } catch {
            guard !named, error.code == .epochChanged else { throw error }
            throw BoundUser.otherEpoch
        }
    }

    private static func admin(_ asking: Asking) throws(RPCError) {
        guard try asking.user().user.admin else { throw RPCError(.adminRequired) }
    }

    /// The user of a session, as a connection is bound to them.
    static func user(of session: String, _ auth: AuthClient, _ epochs: Epochs, from address: String) async throws(RPCError) -> (
        bound: BoundUser, expiresAt: Timestamp
    ) {
        // Before it is looked up: it holds in this epoch or in a later one.
        let epoch = epochs.latest
        let resumed = try await auth.resume(session, from: address)
        guard let id = resumed.userID, let hash = resumed.sessionHash else { throw RPCError(.internalError) }
        return (
            BoundUser(
                id: id, user: resumed.user, session: session, sessionHash: hash, epoch: epoch, mustChange: resumed.mustChange),
            resumed.expiresAt
        )
    }

    /// A new session binds the connection that asked for it.
    private func opened(_ session: OpenedSession, _ epoch: String, _ asking: Asking) -> OpenedSession {
        if let id = session.userID, let raw = Base64.url.decode(session.session) {
            let bound = BoundUser(
                id: id, user: session.user, session: session.session, sessionHash: Hex.encode(DigestAlgorithm.sha256.digest(raw)),
                epoch: epoch, mustChange: session.mustChange)
            asking.afterwards { $0.hub.bind($0, to: bound) }
        }
        return OpenedSession(
            user: session.user, session: session.session, expiresAt: session.expiresAt, userID: nil,
            mustChange: session.mustChange)
    }
}
