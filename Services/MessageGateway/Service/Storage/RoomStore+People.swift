import EverlinePostgres
import EverlineProtocol

/// Who is in a room, how far they have read, and rooms of two.
extension RoomStore {
    private static let markRead = PostgresStatement(
        "SELECT status, read_seq, unread, mentions, moved FROM everline.mark_read($1, $2, $3, $4)")
    private static let marker = PostgresStatement(
        "SELECT read_seq FROM everline.read_markers WHERE user_id = $1 AND room_id = $2")
    private static let named = PostgresStatement(
        """
        SELECT u.username_key, u.id, u.username FROM everline.users u JOIN everline.room_members m ON m.user_id = u.id
        WHERE u.username_key = ANY($2) AND m.room_id = $1 AND NOT u.disabled
        """)

    /// A member, as a list shows them, with the number by which presence is known.
    struct Member: Sendable {
        let id: Int64
        let username: String
        let displayName: String
        let role: String
        let mutedUntil: Timestamp?
    }

    func members(of room: Int64) async throws -> [Member] {
        try await pool.query(
            """
            SELECT u.id, u.username, u.display_name, m.role, least(x.until, '9999-12-31 23:59:59.999+00')
            FROM everline.room_members m JOIN everline.users u ON u.id = m.user_id
            LEFT JOIN everline.room_mutes x ON x.room_id = m.room_id AND x.user_id = m.user_id AND x.until > now()
            WHERE m.room_id = \(room) ORDER BY m.joined_at, u.username LIMIT 5000
            """
        ).map { row in
            let until: PostgresTimestamp? = try row[4].decode()
            return Member(
                id: try row[0].decode(), username: try row[1].decode(), displayName: try row[2].decode(),
                role: try row[3].decode(), mutedUntil: until.map { Timestamp(milliseconds: $0.milliseconds) })
        }
    }

    /// The rooms of a user, the newest first; at most a thousand.
    func rooms(of user: Int64) async throws -> [Int64] {
        try await pool.query(
            "SELECT room_id FROM everline.room_members WHERE user_id = \(user) ORDER BY room_id DESC LIMIT 1000"
        ).map { try $0[0].decode() }
    }

    /// Whether the caller may write in the room now: a member who is not muted.
    func isMuted(_ room: Int64, _ user: Int64) async throws -> Bool {
        try await !pool.query(
            "SELECT 1 FROM everline.room_mutes WHERE room_id = \(room) AND user_id = \(user) AND until > now()"
        ).isEmpty
    }

    func readSeq(of user: Int64, in room: Int64) async throws -> Int64 {
        try await pool.execute(Self.marker, [user, room]).first?[0].decode() ?? 0
    }

    /// The marker after it, and whether it has moved.
    ///
    /// - Throws: `room.not_found`, `room.not_member`, `message.not_found`, `epoch.changed`.
    func markRead(_ room: LoopHub.KnownRoom, _ params: RoomMarkRead.Params, by user: Int64) async throws -> (ReadMarker, Bool) {
        let row: PostgresRows
        do {
            row = try await pool.execute(Self.markRead, [params.epoch, room.id, user, params.seq])
        } catch let error as PostgresError where error.sqlState?.rawValue == AppendStore.epochChanged {
            throw RPCError(.epochChanged)
        }
        switch try row.decode(0, 0, as: Int32.self) {
        case 0:
            let marker = ReadMarker(
                room: params.room, epoch: params.epoch, readSeq: try row.decode(0, 1), unread: try row.decode(0, 2),
                mentions: try row.decode(0, 3))
            return (marker, try row.decode(0, 4))
        case 3: throw RPCError(room.kind == .public ? .roomNotMember : .roomNotFound)
        case 4: throw RPCError(.messageNotFound, parameter: "seq")
        default: throw RPCError(.roomNotFound)
        }
    }

    /// The name of the room of these two, and whether it was made now.
    func directRoom(_ user: Int64, _ other: Int64, name: String) async throws -> (name: String, created: Bool) {
        let rows = try await pool.query("SELECT name, created FROM everline.direct_room(\(name), \(user), \(other))")
        return (try rows.decode(0, 0), try rows.decode(0, 1))
    }

    /// Those of the candidates that are members, the longest of each place; `nil` if there is none.
    func named(_ candidates: [[String]], in room: Int64) async throws -> NamedMembers? {
        var members: [String: (id: Int64, username: String)] = [:]
        for row in try await pool.execute(Self.named, [room, Array(Set(candidates.joined()))]) {
            members[try row[0].decode()] = (try row[1].decode(), try row[2].decode())
        }
        let found = candidates.compactMap { $0.lazy.compactMap { members[$0] }.first }
        return found.isEmpty ? nil : NamedMembers(usernames: Dictionary(found.map { ($0.id, $0.username) }) { one, _ in one })
    }
}
