import EverlinePostgres
import EverlineProtocol

/// Who is kept out or silent, and who owns a room.
extension RoomStore {
    private static let ban = PostgresStatement("SELECT status, members_rev FROM everline.ban_user($1, $2, $3, $4, $5)")
    private static let setTitle = PostgresStatement("SELECT status, members_rev FROM everline.set_title($1, $2, $3)")

    func ban(_ room: Int64, by moderator: Int64, _ user: Int64, until: Timestamp?, reason: String?) async throws -> Change {
        try Self.change(try await pool.execute(Self.ban, [room, moderator, user, PostgresTimestamp(until), reason]))
    }
    func unban(_ room: Int64, by moderator: Int64, _ user: Int64) async throws -> Change {
        try Self.change(
            try await pool.query("SELECT status, members_rev FROM everline.unban_user(\(room), \(moderator), \(user))"))
    }
    func mute(_ room: Int64, by moderator: Int64, _ member: Int64, until: Timestamp?) async throws -> Change {
        try Self.change(
            try await pool.query(
                """
                SELECT status, members_rev FROM everline.mute_member(\(room), \(moderator), \(member), \(PostgresTimestamp(until)))
                """))
    }
    func unmute(_ room: Int64, by moderator: Int64, _ member: Int64) async throws -> Change {
        try Self.change(
            try await pool.query("SELECT status, members_rev FROM everline.mute_member(\(room), \(moderator), \(member), NULL)"))
    }
    func transfer(_ room: Int64, by owner: Int64, to member: Int64) async throws -> Change {
        try Self.change(
            try await pool.query("SELECT status, members_rev FROM everline.transfer_room(\(room), \(owner), \(member))"))
    }
    func setTitle(_ room: Int64, by moderator: Int64, _ title: String?) async throws -> Change {
        try Self.change(try await pool.execute(Self.setTitle, [room, moderator, title]))
    }

    func bans(of room: Int64) async throws -> [RoomBans.Ban] {
        try await pool.query(
            """
            SELECT u.username, u.display_name, y.username, b.at, b.until, b.reason
            FROM everline.room_bans b JOIN everline.users u ON u.id = b.user_id JOIN everline.users y ON y.id = b.banned_by
            WHERE b.room_id = \(room) AND b.until > now() ORDER BY b.at, u.username LIMIT 1000
            """
        ).map { row in
            let (at, until): (PostgresTimestamp, PostgresTimestamp) = (try row[3].decode(), try row[4].decode())
            return RoomBans.Ban(
                username: try row[0].decode(), displayName: try row[1].decode(), by: try row[2].decode(),
                at: Timestamp(milliseconds: at.milliseconds),
                until: until == .infinity ? nil : Timestamp(milliseconds: until.milliseconds), reason: try row[5].decode())
        }
    }
}

extension PostgresTimestamp {
    /// `nil` is for ever.
    fileprivate init(_ until: Timestamp?) { self = until.map { .init(microseconds: $0.milliseconds * 1_000) } ?? .infinity }
}
