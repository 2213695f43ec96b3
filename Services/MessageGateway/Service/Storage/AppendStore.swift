import EverlinePostgres
import EverlineProtocol

/// One send on its way into PostgreSQL.
struct Entry: Sendable {
    let room: Int64
    let sender: Int64
    let clientID: WireUUID
    let body: String
    let replyTo: Int64?
}

/// What became of one send.
enum Appended: Sendable {
    case accepted(seq: Int64, sentAt: Timestamp)
    case duplicate(seq: Int64, sentAt: Timestamp)
    case refused(RPCError)
}

/// The append: one autocommit call of a function that numbers, inserts and counts under the rooms' locks (DESIGN section 5).
struct AppendStore: Sendable {
    /// Raised by the function when the epoch that it was given is not the current one.
    static let epochChanged = "EV002"

    let session: PostgresSession

    private static let append = PostgresStatement(
        "SELECT ord, status, seq, sent_at FROM everline.append($1, $2, $3, $4, $5, $6)")

    /// One outcome per entry, in their order. Never cancelled: past the deadline the outcome is unknown and the call must be repeated.
    func append(_ entries: [Entry], epoch: String) async throws -> [Appended] {
        let rows = try await session.query(
            PostgresQuery(
                Self.append,
                [
                    epoch, entries.map(\.room), entries.map(\.sender),
                    entries.map { PostgresUUID(high: $0.clientID.high, low: $0.clientID.low) }, entries.map(\.body),
                    entries.map(\.replyTo),
                ]),
            deadline: .seconds(10), neverCancel: true)
        var outcomes = [Appended](repeating: .refused(RPCError(.internalError)), count: entries.count)
        for row in rows {
            let index = Int(try row[0].decode(as: Int32.self)) - 1
            guard outcomes.indices.contains(index) else { continue }
            let status: Int32 = try row[1].decode()
            switch status {
            case 0, 1:
                let sentAt: PostgresTimestamp = try row[3].decode()
                let time = Timestamp(milliseconds: sentAt.milliseconds)
                let seq: Int64 = try row[2].decode()
                outcomes[index] = status == 0 ? .accepted(seq: seq, sentAt: time) : .duplicate(seq: seq, sentAt: time)
            case 2: outcomes[index] = .refused(RPCError(.roomNotFound))
            case 3: outcomes[index] = .refused(RPCError(.roomNotMember))
            case 4: outcomes[index] = .refused(RPCError(.messageNotFound, parameter: "replyTo"))
            default: break
            }
        }
        return outcomes
    }

    func currentEpoch() async throws -> String {
        try await session.query("SELECT everline.current_epoch()", deadline: .seconds(5)).decode(0, 0)
    }
}
