import EverlinePostgres
import EverlineProtocol

/// One send on its way into PostgreSQL.
struct Entry: Sendable {
    let room: Int64
    let sender: Int64
    let clientID: WireUUID
    let body: String
    let replyTo: Int64?
    var named: NamedMembers? = nil
}

/// What became of one send.
enum Appended: Sendable {
    case accepted(seq: Int64, sentAt: Timestamp)
    case duplicate(seq: Int64, sentAt: Timestamp)
    case refused(RPCError)
}

/// What became of a batch: an outcome for each entry, in their order, and the other counters of their rooms at that moment.
struct AppendedBatch: Sendable {
    var outcomes: [Appended]
    /// The newest revision, by room.
    var lastRevs: [Int64: Int64] = [:]
    /// By room; known after a careful append.
    var membersRevs: [Int64: Int64] = [:]
}

/// The append: one autocommit call of a function that numbers, inserts and counts under the rooms' locks (DESIGN section 5).
struct AppendStore: Sendable {
    /// Raised by the functions when the epoch that they were given is not the current one.
    static let epochChanged = "EV002"
    /// Raised by the fast form when a membership is not as it was said to be.
    static let membershipChanged = "EV001"
    /// Violated when a number that the counter gives is taken.
    static let numberConstraint = "messages_pkey"

    let session: PostgresSession

    private static let careful = PostgresStatement(
        "SELECT ord, status, seq, sent_at, last_rev, members_rev FROM everline.append($1, $2, $3, $4, $5, $6, $7)")
    private static let fast = PostgresStatement(
        "SELECT room_id, base, sent_at, last_rev FROM everline.append_fast($1, $2, $3, $4, $5, $6, $7)")

    private static let oneRoom = PostgresStatement(
        "SELECT room_id, base, sent_at, last_rev FROM everline.append_room($1, $2, $3, $4, $5, $6)")

    /// Answers each entry for itself. Never cancelled: past the deadline the outcome is unknown and the call must be repeated.
    func append(_ entries: [Entry], epoch: String) async throws -> AppendedBatch {
        let rows = try await session.query(
            PostgresQuery(
                Self.careful,
                [
                    epoch, entries.map(\.room), entries.map(\.sender), entries.map(\.uuid), entries.map(\.body),
                    entries.map(\.replyTo), entries.map { $0.named?.object },
                ]),
            deadline: .seconds(5), neverCancel: true)
        var batch = AppendedBatch(outcomes: [Appended](repeating: .refused(RPCError(.internalError)), count: entries.count))
        for row in rows {
            let index = Int(try row[0].decode(as: Int32.self)) - 1
            guard entries.indices.contains(index) else { continue }
            let status: Int32 = try row[1].decode()
            switch status {
            case 0, 1:
                let sentAt: PostgresTimestamp = try row[3].decode()
                let time = Timestamp(milliseconds: sentAt.milliseconds)
                let seq: Int64 = try row[2].decode()
                batch.outcomes[index] = status == 0 ? .accepted(seq: seq, sentAt: time) : .duplicate(seq: seq, sentAt: time)
            case 2: batch.outcomes[index] = .refused(RPCError(.roomNotFound))
            case 3: batch.outcomes[index] = .refused(RPCError(.roomNotMember))
            case 5: batch.outcomes[index] = .refused(RPCError(.roomMuted))
            case 4: batch.outcomes[index] = .refused(RPCError(.messageNotFound, parameter: "replyTo"))
            default: break
            }
            if status != 2 {
                batch.lastRevs[entries[index].room] = try row[4].decode()
                batch.membersRevs[entries[index].room] = try row[5].decode()
            }
        }
        return batch
    }

    /// The fast form, for entries without a reply or a name whose senders are members as of `membersRevs`: all are accepted, or it throws `EV001` or
    /// `23505` and nothing has happened.
    func appendFast(_ entries: [Entry], membersRevs: [Int64: Int64], epoch: String) async throws -> AppendedBatch {
        let query: PostgresQuery
        if membersRevs.count == 1, let (room, rev) = membersRevs.first {
            query = PostgresQuery(
                Self.oneRoom, [epoch, room, rev, entries.map(\.sender), entries.map(\.uuid), entries.map(\.body)])
        } else {
            let rooms = Array(membersRevs.keys)
            query = PostgresQuery(
                Self.fast,
                [
                    epoch, rooms, rooms.map { membersRevs[$0] ?? 0 }, entries.map(\.room), entries.map(\.sender),
                    entries.map(\.uuid), entries.map(\.body),
                ])
        }
        let rows = try await session.query(query, deadline: .seconds(5), neverCancel: true)
        var batch = AppendedBatch(outcomes: [])
        var next: [Int64: (seq: Int64, sentAt: Timestamp)] = [:]
        for row in rows {
            let room: Int64 = try row[0].decode()
            let sentAt: PostgresTimestamp = try row[2].decode()
            next[room] = (try row[1].decode(), Timestamp(milliseconds: sentAt.milliseconds))
            batch.lastRevs[room] = try row[3].decode()
        }
        batch.outcomes.reserveCapacity(entries.count)
        for entry in entries {
            guard var number = next[entry.room] else { throw RPCError(.internalError, detail: "an append forgot a room") }
            number.seq += 1
            next[entry.room] = number
            batch.outcomes.append(.accepted(seq: number.seq, sentAt: number.sentAt))
        }
        return batch
    }
}

extension Entry {
    fileprivate var uuid: PostgresUUID { PostgresUUID(high: clientID.high, low: clientID.low) }
}
