import EverlinePostgres

/// What the server's statistics views say at one moment (PostgreSQL manual 28.2).
package struct Activity: Sendable {
    package struct Session: Sendable {
        package var process: Int32
        /// Seconds since 1970.
        package var started: Int64
        package var role: String
        package var database: String
        /// `[local]` for the socket.
        package var address: String
        package var application: String
        package var backend: String
        /// When its transaction began, in milliseconds; nil outside one.
        package var transaction: Int64?
        package var query: String
        package var isEncrypted: Bool

        package init(
            process: Int32, started: Int64, role: String, database: String, address: String, application: String, backend: String,
            transaction: Int64?, query: String, isEncrypted: Bool
        ) {
            self.process = process
            self.started = started
            self.role = role
            self.database = database
            self.address = address
            self.application = application
            self.backend = backend
            self.transaction = transaction
            self.query = query
            self.isEncrypted = isEncrypted
        }
    }
    /// Rows counted since the statistics began.
    package struct Table: Sendable {
        package var name: String
        package var updated: Int64
        package var deleted: Int64
        package var scans: Int64
        package var scanned: Int64
        package var fetched: Int64

        package init(
            name: String, updated: Int64, deleted: Int64, scans: Int64, scanned: Int64, fetched: Int64
        ) {
            self.name = name
            self.updated = updated
            self.deleted = deleted
            self.scans = scans
            self.scanned = scanned
            self.fetched = fetched
        }
    }
    package struct Slot: Sendable {
        package var name: String
        package var isActive: Bool
        package var isTemporary: Bool
        /// WAL that it holds back.
        package var bytes: Int64

        package init(
            name: String, isActive: Bool, isTemporary: Bool, bytes: Int64
        ) {
            self.name = name
            self.isActive = isActive
            self.isTemporary = isTemporary
            self.bytes = bytes
        }
    }

    package init() {}

    package var sessions: [Session] = []
    package var tables: [Table] = []
    package var slots: [Slot] = []
    /// Pages with a wrong checksum, in all databases.
    package var checksumFailures: Int64 = 0
    package var archiveWaiting: Int64 = 0
    /// Of the oldest segment that waits to be archived.
    package var archiveWaitingSeconds: Double = 0
    package var archiveFailures: Int64 = 0
    package var archiveFailing = false
    /// Since the last look.
    package var seconds: Double = 0
    package var isRestoring = false
    /// Processes of the guardian's own runs, and whether one of them reads much.
    package var errands: Set<Int32> = []
    package var isReadingMuch = false
    /// Rows written in databases beside ours, by which one sees that something happens there.
    package var written: [String: Int64] = [:]
}

enum ActivityQueries {
    private static let sessions = PostgresStatement(
        """
        SELECT a.pid, extract(epoch FROM date_trunc('second', backend_start))::bigint, coalesce(usename::text, ''), coalesce(datname::text, ''),
            coalesce(host(client_addr), '[local]'), coalesce(application_name, ''), coalesce(backend_type, ''),
            (extract(epoch FROM xact_start) * 1000)::bigint, left(coalesce(query, ''), 4000), coalesce(s.ssl, false)
        FROM pg_stat_activity a LEFT JOIN pg_stat_ssl s ON s.pid = a.pid
        WHERE backend_type IN ('client backend', 'walsender') LIMIT 2000
        """)
    private static let tables = PostgresStatement(
        """
        SELECT relname::text, n_tup_upd, n_tup_del, coalesce(seq_scan, 0), coalesce(seq_tup_read, 0), coalesce(idx_tup_fetch, 0)
        FROM pg_stat_user_tables WHERE schemaname = 'everline'
        """)
    private static let slots = PostgresStatement(
        """
        SELECT slot_name::text, active, temporary,
            CASE WHEN pg_is_in_recovery() THEN 0 ELSE coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0)::bigint END FROM pg_replication_slots
        """)
    private static let rest = PostgresStatement(
        """
        SELECT (SELECT coalesce(sum(checksum_failures), 0)::bigint FROM pg_stat_database),
            (SELECT failed_count FROM pg_stat_archiver),
            (SELECT coalesce(last_failed_time > last_archived_time, last_failed_time IS NOT NULL) FROM pg_stat_archiver),
            (SELECT array_agg(datname::text ORDER BY datname) FROM pg_stat_database WHERE datname IS NOT NULL AND datname <> current_database()),
            (SELECT array_agg(tup_inserted + tup_updated + tup_deleted ORDER BY datname) FROM pg_stat_database
                WHERE datname IS NOT NULL AND datname <> current_database()),
            pg_is_in_recovery()
        """)
    private static let waiting = PostgresStatement(
        """
        SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(modification)), 0)::float8
        FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'
        """)

    static func sessions(_ session: PostgresSession) async throws -> [Activity.Session] {
        try await session.execute(sessions).map { row in
            Activity.Session(
                process: try row[0].decode(), started: try row[1].decode(), role: try row[2].decode(),
                database: try row[3].decode(),
                address: try row[4].decode(), application: try row[5].decode(), backend: try row[6].decode(),
                transaction: try row[7].decode(), query: try row[8].decode(), isEncrypted: try row[9].decode())
        }
    }

    static func all(_ session: PostgresSession) async throws -> Activity {
        var activity = Activity()
        activity.sessions = try await sessions(session)
        activity.tables = try await session.execute(tables).map { row in
            Activity.Table(
                name: try row[0].decode(), updated: try row[1].decode(), deleted: try row[2].decode(), scans: try row[3].decode(),
                scanned: try row[4].decode(), fetched: try row[5].decode())
        }
        activity.slots = try await session.execute(slots).map { row in
            Activity.Slot(
                name: try row[0].decode(), isActive: try row[1].decode(), isTemporary: try row[2].decode(),
                bytes: try row[3].decode())
        }
        let rows = try await session.execute(rest)
        activity.checksumFailures = try rows.decode(0, 0)
        activity.archiveFailures = try rows.decode(0, 1)
        activity.archiveFailing = try rows.decode(0, 2)
        let names = try rows.decode(0, 3, as: [String]?.self) ?? []
        let written = try rows.decode(0, 4, as: [Int64]?.self) ?? []
        activity.written = Dictionary(zip(names, written)) { first, _ in first }
        activity.isRestoring = try rows.decode(0, 5)
        let ready = try await session.execute(waiting)
        activity.archiveWaiting = try ready.decode(0, 0)
        activity.archiveWaitingSeconds = try ready.decode(0, 1)
        return activity
    }
}
