import EverlineCryptography
package import EverlinePostgres
import EverlineProtocol

/// The hash by which a session is known everywhere but at its holder's.
package struct SessionHash: Sendable, Hashable {
    package let bytes: [UInt8]

    package init(bytes: [UInt8]) { self.bytes = bytes }
    /// `nil` if the text is no session's: 43 characters of base64url.
    package init?(token: String) {
        guard token.utf8.count == 43, let raw = Base64.url.decode(token), raw.count == 32 else { return nil }
        bytes = DigestAlgorithm.sha256.digest(raw)
    }
    /// `nil` if the text is not 64 hexadecimal digits.
    init?(hex: String) {
        guard hex.utf8.count == 64, let raw = Hex.decode(hex) else { return nil }
        bytes = raw
    }
    package var hex: String { Hex.encode(bytes) }
}

/// A session with its user.
struct StoredSession: Sendable {
    let userID: Int64
    let user: User
    let expiresAt: Timestamp
    /// However much it is used.
    let endsAt: Timestamp
    /// It is good for changing the password alone.
    let mustChange: Bool

    func lasting(until expiresAt: Timestamp) -> StoredSession {
        StoredSession(userID: userID, user: user, expiresAt: expiresAt, endsAt: endsAt, mustChange: mustChange)
    }
}

/// Sessions in PostgreSQL, where they outlive an emptied Redis.
package struct SessionStore: Sendable {
    let pool: PostgresPool
    private let reads: SessionReads

    package init(_ pool: PostgresPool) {
        self.pool = pool
        reads = SessionReads(pool)
    }

    private static let insert = PostgresStatement(
        """
        WITH holder AS (
            SELECT u.id FROM everline.users u WHERE u.id = $2 AND u.password_hash = $6 AND NOT u.disabled FOR SHARE)
        INSERT INTO everline.sessions (token_hash, user_id, client, address, expires_at, ends_at)
        SELECT $1, h.id, $3, $4, $5, $7 FROM holder h
        RETURNING (SELECT e.generation || '-' || e.token FROM everline.epoch e)
        """)
    private static let lengthen = PostgresStatement(
        """
        UPDATE everline.sessions s SET expires_at = least($2, s.ends_at), last_seen_at = clock_timestamp() FROM everline.users u
        WHERE s.token_hash = $1 AND s.expires_at > now() AND u.id = s.user_id AND NOT u.disabled
        RETURNING (SELECT e.generation || '-' || e.token FROM everline.epoch e)
        """)
    private static let ended = PostgresStatement(
        """
        SELECT w.ord FROM unnest($1::bytea[]) WITH ORDINALITY AS w (hash, ord)
        WHERE NOT EXISTS (
            SELECT FROM everline.sessions s JOIN everline.users u ON u.id = s.user_id
            WHERE s.token_hash = w.hash AND s.expires_at > now() AND NOT u.disabled)
        """)

    /// The epoch that it was opened in; `nil` if the password is not the one any more that was looked at, or the user was disabled: then whoever
    /// changed that has ended the user's sessions, and this one must not come behind.
    func open(
        _ hash: SessionHash, user: Int64, passwordHash: String, client: String?, address: String, expiresAt: Timestamp,
        endsAt: Timestamp
    ) async throws -> String? {
        try await pool.execute(
            Self.insert,
            [
                hash.bytes, user, client, address, PostgresTimestamp(microseconds: expiresAt.milliseconds * 1_000), passwordHash,
                PostgresTimestamp(microseconds: endsAt.milliseconds * 1_000),
            ]
        ).first?[0].decode()
    }

    /// The session if it holds now, and the epoch it was read in.
    func session(_ hash: SessionHash) async throws -> (session: StoredSession, epoch: String)? { try await reads.session(hash) }

    /// The epoch in which the session was given more time; `nil` if it does not hold any more.
    func extend(_ hash: SessionHash, to expiresAt: Timestamp) async throws -> String? {
        let rows = try await pool.execute(
            Self.lengthen, [hash.bytes, PostgresTimestamp(microseconds: expiresAt.milliseconds * 1_000)])
        return try rows.first?[0].decode()
    }

    /// Which of the sessions do not hold now, by their place; what is no hash is no session.
    func ended(of hashes: [String]) async throws -> [String] {
        let known = hashes.map { SessionHash(hex: $0)?.bytes ?? [] }
        // These are connected. Not at each look, which is every few seconds: each is noted every few minutes so.
        if Int.random(in: 0..<Self.sampling) == 0 { try await pool.execute(Self.seen, [known]) }
        return try await pool.execute(Self.ended, [known]).map { row in hashes[try row[0].decode(as: Int.self) - 1] }
    }

    private static let sampling = 20
    private static let seen = PostgresStatement(
        """
        UPDATE everline.sessions SET last_seen_at = clock_timestamp()
        WHERE token_hash = ANY($1) AND last_seen_at < now() - interval '1 minute'
        """)

    /// Counts an end that has been committed: gateways look at the number.
    package func countEnd() async throws { try await pool.query("SELECT nextval('everline.session_ends')") }

    /// The user whose session it was, if it was one.
    func end(_ hash: SessionHash) async throws -> (id: Int64, name: String)? {
        let rows = try await pool.query(
            """
            DELETE FROM everline.sessions s USING everline.users u WHERE s.token_hash = \(hash.bytes) AND u.id = s.user_id
            RETURNING u.id, u.username
            """)
        return try rows.first.map { (try $0[0].decode(), try $0[1].decode()) }
    }

    /// How many hold.
    func count() async throws -> Int64 {
        try await pool.query("SELECT count(*) FROM everline.sessions WHERE expires_at >= now()", deadline: .seconds(10)).decode(
            0, 0)
    }

    func removeExpired() async throws {
        try await pool.query("DELETE FROM everline.sessions WHERE expires_at < now()", deadline: .seconds(30))
    }

    func epoch() async throws -> String {
        try await pool.query("SELECT generation || '-' || token FROM everline.epoch", deadline: .seconds(2)).decode(0, 0)
    }
}
