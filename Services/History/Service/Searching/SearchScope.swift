import EverlineAnalysis
import EverlinePostgres
import EverlineProtocol
import EverlineReading

/// What somebody may find, as one snapshot has it.
struct SearchScope: Sendable {
    let epoch: String
    let rooms: Set<Int64>
    /// `nil` if there is no such sender.
    let sender: Int64?
    /// What is not indexed yet.
    let tails: [Tail]

    /// The end of a room that the index has not come to.
    struct Tail: Sendable {
        let room: Int64
        /// The last number and revision that are indexed.
        let after: Int64
        let afterRev: Int64
        /// The last number that was not looked at.
        var upTo: Int64
        /// None of those was sent later, in units of postings.
        var time: Int64
    }

    /// - Throws: `room.not_found`, also for a room that the user may not know of.
    static func read(room: String?, from: String?, reader user: Int64, on connection: PostgresConnection) async throws
        -> SearchScope
    {
        let rows = try await connection.execute(select, [user, room, from.map(UsernameKey.of)])
        let rooms = try rows.decode(0, 1, as: [Int64].self)
        if room != nil, rooms.isEmpty { throw RPCError(.roomNotFound) }
        let behind = try await connection.execute(selectTails, [rooms])
        let tails = try behind.map { row in
            let (seq, rev, last): (Int64, Int64, Int64) = (try row[1].decode(), try row[2].decode(), try row[3].decode())
            // Where the counter fell, the index of the room is another history's.
            let fell = last < seq
            return Tail(
                room: try row[0].decode(), after: fell ? 0 : seq, afterRev: fell ? 0 : rev, upTo: last,
                time: Posting.time(ofMilliseconds: try row[4].decode(as: PostgresTimestamp.self).milliseconds))
        }
        return SearchScope(epoch: try rows.decode(0, 0), rooms: Set(rooms), sender: try rows.decode(0, 2), tails: tails)
    }

    private static let select = PostgresStatement(
        unsafeSQL: """
            SELECT (SELECT e.generation || '-' || e.token FROM everline.epoch e),
                ARRAY(SELECT r.id FROM everline.rooms r WHERE ($2::text IS NULL OR r.name = $2) AND \(ReadableRooms.condition)),
                (SELECT u.id FROM everline.users u WHERE u.username_key = $3)
            """, prepared: true)
    private static let selectTails = PostgresStatement(
        """
        SELECT c.room_id, coalesce(p.seq, 0), coalesce(p.rev, 0), c.last_seq, c.last_sent_at
        FROM everline.room_counters c LEFT JOIN everline.search_progress p ON p.room_id = c.room_id
        WHERE c.room_id = ANY($1) AND c.last_seq > 0 AND (c.last_seq <> coalesce(p.seq, 0) OR c.last_rev <> coalesce(p.rev, 0))
        """)
}
