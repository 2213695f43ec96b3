import EverlinePostgres
import EverlineProtocol
import EverlineReading

/// Where history reads: streaming replicas where there are any, as far as they have come, and otherwise the primary.
///
/// What a reader may have seen is asked of the primary after the request arrived: the right to read, the epoch and the room's counters, or how far the
/// WAL was written. Nobody has seen more than that, through whichever gateway, and so no request has to say what it has seen. A replica's answer counts only
/// if its snapshot has come that far; it is waited for a moment, and then the primary answers. A replica of another timeline is of another epoch, so
/// nothing of it ever counts.
struct Sources: Sendable {
    private let rooms: RoomStates
    private let messages: MessageReader
    private let questions: PostgresPool
    private let replicas: Replicas?

    /// - Parameters:
    ///   - rooms: of the primary, as are all but the replicas.
    ///   - questions: connections for what takes longer.
    init(rooms: RoomStates, messages: MessageReader, questions: PostgresPool, replicas: Replicas? = nil) {
        self.rooms = rooms
        self.messages = messages
        self.questions = questions
        self.replicas = replicas
    }

    /// A room as the primary has it.
    ///
    /// - Throws: `room.not_found`, also for a room that the user may not know of.
    func room(_ name: String, reader user: Int64) async throws -> ReadableRoom { try await rooms.room(name, reader: user) }

    /// The number of the first message sent then or later, as the primary has it; `nil` if there is none.
    func first(since time: Timestamp, in room: ReadableRoom) async throws -> Int64? {
        try await messages.first(since: time, in: room)
    }

    /// `MessageReader.page`, of a snapshot that is no older than the request.
    func page(_ direction: MessageReader.Direction, room name: String, reader user: Int64, limit: Int64) async throws -> RoomPage
    {
        if let replicas {
            let seen = try await rooms.room(name, reader: user)
            if let page = try await replicas.page(direction, seen, reader: user, limit: limit) { return page }
        }
        return try await messages.page(direction, room: name, reader: user, limit: limit)
    }

    /// Runs `body` in one snapshot that is no older than the request; again, if a replica fails while it runs.
    func snapshot<R: Sendable>(_ body: (PostgresConnection) async throws -> R) async throws -> R {
        if let replicas {
            let progress = try await Progress.read(of: questions)
            if let found = try await replicas.snapshot(progress, body) { return found }
        }
        return try await questions.withTransaction(.readOnlySnapshot, body)
    }
}

/// How far a server has come: its epoch, and where its WAL ends, or on a standby what is replayed of it (PostgreSQL manual 9.27). Within one epoch
/// that is one history, in which each place comes before or after each other.
struct Progress: Sendable {
    let epoch: String
    let place: String

    private static let wal = """
        CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END
        """
    private static let select = PostgresStatement(
        unsafeSQL: "SELECT e.generation || '-' || e.token, (\(wal))::text FROM everline.epoch e", prepared: true)
    private static let compare = PostgresStatement(
        unsafeSQL: "SELECT e.generation || '-' || e.token = $1 AND \(wal) >= $2::pg_lsn FROM everline.epoch e", prepared: true)

    static func read(of pool: PostgresPool) async throws -> Progress {
        let rows = try await pool.execute(select)
        return Progress(epoch: try rows.decode(0, 0), place: try rows.decode(0, 1))
    }

    /// Whether the server at the other end has come as far. What it is asked next sees all that was committed up to there.
    func isReached(by connection: PostgresConnection, patience: Duration) async throws -> Bool {
        try await connection.execute(Self.compare, [epoch, place], deadline: .after(patience)).first?[0].decode() ?? false
    }
}
