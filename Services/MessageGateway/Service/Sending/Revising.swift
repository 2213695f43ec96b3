import EverlinePostgres
import EverlineProtocol

/// The way of an edit, a deletion or a reaction: as safe as a send, and seldom enough to go one by one.
struct Revising: Sendable {
    let pool: PostgresPool
    let rooms: RoomStore
    let messages: MessageStore
    let feeds: Feeds
    let signals: Signals

    private static let patience = Duration.seconds(5)
    private static let revise = PostgresStatement("SELECT status, rev FROM everline.revise($1, $2, $3, $4, $5, $6, $7, $8)")

    func revise(_ revision: Revision, by user: BoundUser) async throws -> RevisionResult {
        guard let room = try await rooms.known(revision.room) else { throw RPCError(.roomNotFound) }
        // The numbers of room and user are those of this epoch, which the revision must name.
        guard room.epoch == revision.epoch else { throw RPCError(.epochChanged) }
        try user.mustBe(of: room.epoch)
        let (status, rev) = try await settle(revision, in: room, by: user)
        switch status {
        case 0:
            try? await tell(rev, of: room, revision)
            return RevisionResult(rev: rev, epoch: revision.epoch, duplicate: false)
        case 1: return RevisionResult(rev: rev, epoch: revision.epoch, duplicate: true)
        case 7: return RevisionResult(rev: rev, epoch: revision.epoch, duplicate: false)
        case 2: throw RPCError(.roomNotFound)
        // Whether a room that is not theirs exists is not told.
        case 3: throw RPCError(room.kind == .public ? .roomNotMember : .roomNotFound)
        case 4: throw RPCError(.messageNotFound, parameter: "seq")
        case 5: throw RPCError(.roomForbidden)
        case 8: throw RPCError(.roomMuted)
        case 6: throw RPCError(.invalidParams, detail: "the message has 20 different reactions already", parameter: "reaction")
        default: throw RPCError(.internalError, detail: "an unknown status of a revision")
        }
    }

    /// Repeats the call until its outcome is known, which is harmless, since it carries its clientId.
    private func settle(_ revision: Revision, in room: LoopHub.KnownRoom, by user: BoundUser) async throws -> (Int32, Int64) {
        let (kind, text): (String, String?) =
            switch revision.change {
            case .edit(let body): ("edit", body)
            case .delete: ("delete", nil)
            case .react(let reaction, let remove): (remove ? "unreact" : "react", reaction)
            }
        var named: NamedMembers?
        if case .edit(let body) = revision.change {
            let candidates = Mentions.candidates(in: body)
            if !candidates.isEmpty { named = try await rooms.named(candidates, in: room.id) }
        }
        let query = PostgresQuery(
            Self.revise,
            [
                revision.epoch, room.id, user.id, PostgresUUID(high: revision.clientID.high, low: revision.clientID.low),
                revision.seq, kind, text, named?.object,
            ])
        let end = ContinuousClock.now + Self.patience
        while true {
            do {
                let row = try await pool.query(query, deadline: .seconds(5), neverCancel: true)
                return (try row.decode(0, 0), try row.decode(0, 1, as: Int64?.self) ?? 0)
            } catch let error as PostgresError {
                if error.sqlState?.rawValue == AppendStore.epochChanged { throw RPCError(.epochChanged) }
                guard error.kind == .outcomeUnknown, .now < end else { throw error }
                try await Task.sleep(for: .milliseconds(100))
            }
        }
    }

    /// To readers here, to other gateways and to the window. What is lost of this, the counter timer finds.
    private func tell(_ rev: Int64, of room: LoopHub.KnownRoom, _ revision: Revision) async throws {
        let found = try await messages.revisions(room.id, name: revision.room, epoch: revision.epoch, from: rev, limit: 1)
        guard let encoded = found.first, encoded.rev == rev else { return }
        await feeds.receive(encoded, room: room.id, epoch: revision.epoch)
        signals.revised(encoded, room: room.id, epoch: revision.epoch)
    }
}
