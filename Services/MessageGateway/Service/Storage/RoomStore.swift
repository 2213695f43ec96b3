import EverlinePostgres
import EverlineProtocol

/// A room as it stood in one read of the primary, with what its reader may do there.
struct RoomState: Sendable {
    let id: Int64
    let name: String
    let kind: RoomKind
    let title: String?
    let members: Int64
    let lastSeq: Int64
    let lastRev: Int64
    let membersRev: Int64
    let role: String?
    let isBanned: Bool
    let epoch: String
    /// Up to which number the reader has read; `nil` if they never did.
    let readSeq: Int64?
    /// How many unread messages name them.
    let mentions: Int64
    /// The other one of a direct room.
    let with: Room.Person?

    var isMember: Bool { role != nil }
    /// Public rooms are open to every user who is not banned; the others to their members.
    var isReadable: Bool { (kind == .public && !isBanned) || isMember }
    var description: Room {
        let read = min(readSeq ?? 0, lastSeq)
        return Room(
            room: name, kind: kind, title: title, joined: isMember, members: members, lastSeq: lastSeq,
            mine: Room.Mine(
                role: role, readSeq: isMember ? read : 0, unread: isMember ? lastSeq - read : 0, mentions: isMember ? mentions : 0
            ),
            with: with)
    }
}

/// A room's counters, as the timer reads them.
struct Counters: Sendable {
    let room: Int64
    let lastSeq: Int64
    let lastRev: Int64
    let membersRev: Int64
}

/// Rooms and members in PostgreSQL. Everything that changes goes through the guardian's functions.
struct RoomStore: Sendable {
    let pool: PostgresPool

    private static let columns = """
        r.id, r.name, r.kind, r.title, (SELECT count(*) FROM everline.room_members n WHERE n.room_id = r.id), c.last_seq, c.last_rev,
        c.members_rev, m.role, e.generation::text || '-' || e.token,
        EXISTS (SELECT FROM everline.room_bans b WHERE b.room_id = r.id AND b.user_id = $1 AND b.until > now()),
        k.read_seq,
        (SELECT count(*) FROM everline.mentions x WHERE x.user_id = $1 AND x.room_id = r.id AND x.seq > coalesce(k.read_seq, 0)),
        o.username, o.display_name
        FROM everline.rooms r JOIN everline.room_counters c ON c.room_id = r.id CROSS JOIN everline.epoch e
        LEFT JOIN everline.room_members m ON m.room_id = r.id AND m.user_id = $1
        LEFT JOIN everline.read_markers k ON k.user_id = $1 AND k.room_id = r.id
        LEFT JOIN everline.users o ON r.kind = 'direct' AND o.id = CASE r.direct_low WHEN $1 THEN r.direct_high ELSE r.direct_low END
        """
    private static let byName = PostgresStatement(unsafeSQL: "SELECT \(columns) WHERE r.name = $2", prepared: true)
    private static let visible = PostgresStatement(
        unsafeSQL: """
            SELECT \(columns) WHERE m.user_id IS NOT NULL OR (r.kind = 'public'
                AND NOT EXISTS (SELECT FROM everline.room_bans b WHERE b.room_id = r.id AND b.user_id = $1 AND b.until > now()))
            ORDER BY m.user_id IS NULL, r.name LIMIT 1000
            """, prepared: true)

    private static let create = PostgresStatement("SELECT everline.create_room($1, $2, $3, $4)")

    /// The room of that name; `room.not_found` if there is none, or if the user may not know of it.
    ///
    /// - Parameter evenBanned: a public room that the user is banned from is theirs to know of.
    func room(_ name: String, reader user: Int64, evenBanned: Bool = false) async throws -> RoomState {
        let rows = try await pool.query(PostgresQuery(Self.byName, [user, name]))
        guard let row = rows.first else { throw RPCError(.roomNotFound) }
        let room = try Self.state(row)
        guard room.isReadable || (evenBanned && room.kind == .public) else { throw RPCError(.roomNotFound) }
        return room
    }

    private static let known = PostgresStatement(
        "SELECT id, kind, (SELECT e.generation::text || '-' || e.token FROM everline.epoch e) FROM everline.rooms WHERE name = $1"
    )

    /// The room of that name, whoever may read it: what a send needs, whose right is checked where it is numbered.
    func known(_ name: String) async throws -> LoopHub.KnownRoom? {
        try await pool.query(PostgresQuery(Self.known, [name])).first.map { row in
            LoopHub.KnownRoom(
                id: try row[0].decode(), kind: RoomKind(rawValue: try row[1].decode()) ?? .private, epoch: try row[2].decode())
        }
    }

    func rooms(visibleTo user: Int64) async throws -> [RoomState] {
        try await pool.query(PostgresQuery(Self.visible, [user])).map(Self.state)
    }

    func create(_ name: String, _ kind: RoomKind, title: String?, by user: Int64) async throws {
        do {
            try await pool.query(PostgresQuery(Self.create, [name, kind.rawValue, title, user]))
        } catch let error as PostgresError where error.sqlState == .uniqueViolation {
            throw RPCError(.roomExists)
        }
    }

    /// What a change of membership came to; `membersRev` is the counter's after it.
    struct Change: Sendable {
        enum Outcome: Int32 { case done, nothing, noRoom, forbidden, noMember, muted, banned }
        let outcome: Outcome
        let membersRev: Int64
    }

    func join(_ room: Int64, _ user: Int64) async throws -> Change {
        try Self.change(try await pool.query("SELECT status, members_rev FROM everline.join_room(\(room), \(user))"))
    }
    func leave(_ room: Int64, _ user: Int64) async throws -> Change {
        try Self.change(try await pool.query("SELECT status, members_rev FROM everline.leave_room(\(room), \(user))"))
    }
    func invite(_ room: Int64, by host: Int64, _ guest: Int64) async throws -> Change {
        try Self.change(try await pool.query("SELECT status, members_rev FROM everline.invite(\(room), \(host), \(guest))"))
    }

    func remove(_ room: Int64, by moderator: Int64, _ member: Int64, ban: Bool) async throws -> Change {
        try Self.change(
            try await pool.query(
                "SELECT status, members_rev FROM everline.remove_member(\(room), \(moderator), \(member), \(ban))"))
    }
    func setRole(_ room: Int64, by owner: Int64, _ member: Int64, _ role: String) async throws -> Change {
        try Self.change(
            try await pool.query("SELECT status, members_rev FROM everline.set_role(\(room), \(owner), \(member), \(role))"))
    }

    /// - Parameter evenDisabled: whether somebody counts who cannot come in; a deleted account never does, nor the guardian, whose keys have a colon.
    func user(named key: String, evenDisabled: Bool = false) async throws -> (id: Int64, user: User)? {
        try await pool.query(
            """
            SELECT id, username, display_name FROM everline.users
            WHERE username_key = \(key) AND (NOT disabled OR \(evenDisabled)) AND strpos(username_key, ':') = 0
            """
        ).first.map { row in
            (try row[0].decode(), User(username: try row[1].decode(), displayName: try row[2].decode(), admin: false))
        }
    }

    /// Which of these users are members now.
    func members(of room: Int64, among users: [Int64]) async throws -> Set<Int64> {
        let rows = try await pool.query(
            "SELECT user_id FROM everline.room_members WHERE room_id = \(room) AND user_id = ANY(\(users))")
        return Set(try rows.map { try $0[0].decode(as: Int64.self) })
    }

    /// Which of these users are banned now.
    func banned(from room: Int64, among users: [Int64]) async throws -> Set<Int64> {
        let rows = try await pool.query(
            "SELECT user_id FROM everline.room_bans WHERE room_id = \(room) AND user_id = ANY(\(users)) AND until > now()")
        return Set(try rows.map { try $0[0].decode(as: Int64.self) })
    }

    /// The counters of these rooms and the epoch, in one read.
    func counters(of rooms: [Int64]) async throws -> (epoch: String, counters: [Counters]) {
        let rows = try await pool.query(
            """
            SELECT e.generation::text || '-' || e.token, c.room_id, c.last_seq, c.last_rev, c.members_rev
            FROM everline.epoch e LEFT JOIN everline.room_counters c ON c.room_id = ANY(\(rooms))
            """, deadline: .seconds(2))
        guard let first = rows.first else { throw RPCError(.unavailable) }
        let counters: [Counters] = try rows.compactMap { row in
            guard !row[1].isNull else { return nil }
            return Counters(
                room: try row[1].decode(), lastSeq: try row[2].decode(), lastRev: try row[3].decode(),
                membersRev: try row[4].decode())
        }
        return (try first[0].decode(), counters)
    }

    private static func state(_ row: PostgresRow) throws -> RoomState {
        RoomState(
            id: try row[0].decode(), name: try row[1].decode(), kind: RoomKind(rawValue: try row[2].decode()) ?? .private,
            title: try row[3].decode(), members: try row[4].decode(), lastSeq: try row[5].decode(), lastRev: try row[6].decode(),
            membersRev: try row[7].decode(), role: try row[8].decode(), isBanned: try row[10].decode(),
            epoch: try row[9].decode(),
            readSeq: try row[11].decode(), mentions: try row[12].decode(),
            with: try row[13].decode(as: String?.self).map { .init(username: $0, displayName: try row[14].decode()) })
    }

    static func change(_ rows: PostgresRows) throws -> Change {
        guard let row = rows.first, let outcome = Change.Outcome(rawValue: try row[0].decode()) else {
            throw RPCError(.internalError, detail: "an unknown status of a membership change")
        }
        return Change(outcome: outcome, membersRev: try row[1].decode(as: Int64?.self) ?? 0)
    }
}
