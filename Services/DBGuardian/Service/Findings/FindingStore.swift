package import EverlinePostgres
import EverlineProtocol
import Foundation

/// Findings in PostgreSQL, for asking. What stands in it comes from the journal, and can be made anew from there.
package struct FindingStore: Sendable {
    /// Runs one statement; a pool's or a single connection's.
    private let query: @Sendable (PostgresQuery) async throws -> PostgresRows

    package init(_ pool: PostgresPool) { query = { try await pool.query($0, deadline: .seconds(5)) } }
    package init(_ connection: PostgresConnection) { query = { try await connection.query($0, deadline: .seconds(30)) } }

    func run(_ query: PostgresQuery) async throws -> PostgresRows { try await self.query(query) }

    // MARK: Writing

    private static let putting = PostgresStatement(
        """
        INSERT INTO everline.findings AS f (id, rule, severity, at, last_at, count, role, address, database, object, statement, evidence, advice, cause,
            destroyed_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
        ON CONFLICT (id) DO UPDATE SET severity = excluded.severity, at = excluded.at, last_at = excluded.last_at, count = excluded.count,
            evidence = excluded.evidence, advice = excluded.advice, destroyed_at = excluded.destroyed_at
        WHERE f.count < excluded.count OR f.advice <> excluded.advice
        """)

    /// Writes a finding as it stands; an older state of it changes nothing.
    package func put(_ finding: Finding) async throws {
        _ = try await query(
            PostgresQuery(
                Self.putting,
                [
                    finding.id, finding.rule, finding.severity.rawValue, Self.time(finding.at), Self.time(finding.lastAt),
                    finding.count,
                    finding.role, finding.address, finding.database, finding.object, finding.statement, finding.evidence,
                    finding.advice,
                    finding.cause, finding.destroyedAt.map(Self.time),
                ]))
        if let done = finding.acknowledgement { _ = try await acknowledge(finding.id, done) }
    }

    /// - Returns: whether there is such a finding.
    package func acknowledge(_ id: String, _ done: Acknowledgement) async throws -> Bool {
        try await query(
            """
            UPDATE everline.findings SET acknowledged_at = \(Self.time(done.at)), acknowledged_by = \(done.by), note = \(done.note) WHERE id = \(id)
            """
        ).affected > 0
    }

    package func told(_ id: String, by channel: String) async throws {
        _ = try await query(
            "UPDATE everline.findings SET told = array_append(told, \(channel)) WHERE id = \(id) AND NOT \(channel) = ANY (told)")
    }

    /// Up to which entry of the journal the table agrees, and that entry's code.
    package func anchor() async throws -> (number: Int64, code: String) {
        let rows = try await query("SELECT number, code FROM everline.findings_journal")
        guard !rows.isEmpty else { return (0, "") }
        return (try rows.decode(0, 0), try rows.decode(0, 1))
    }

    /// Moves on, unless another one has been there: then what lies between is read from the journal first.
    /// - Returns: whether it did.
    package func advance(from: Int64, to number: Int64, code: String) async throws -> Bool {
        try await query(
            "UPDATE everline.findings_journal SET number = \(number), code = \(code) WHERE number = \(from)"
        ).affected > 0
    }

    package func apply(_ event: JournalEvent) async throws {
        switch event {
        case .finding(let finding): try await put(finding)
        case .acknowledged(let id, let done): _ = try await acknowledge(id, done)
        case .tampered, .hardened: break
        }
    }

    // MARK: Reading

    private static let selecting = PostgresStatement(
        """
        SELECT f.* FROM (
            SELECT id, rule, severity, at, last_at, count, role, address, database, object, statement, evidence, advice, cause, destroyed_at,
                acknowledged_at, acknowledged_by, note
            FROM everline.findings
            WHERE ($1::timestamptz IS NULL OR last_at >= $1) AND severity = ANY ($2) AND ($3::text IS NULL OR rule = $3)
                AND (NOT $4 OR acknowledged_at IS NULL) AND ($5::text IS NULL OR id = $5)
            ORDER BY last_at DESC, id DESC LIMIT $6
        ) f ORDER BY last_at, id
        """)

    /// The newest last.
    package func select(_ filter: FindingFilter) async throws -> [Finding] {
        let id: String? = nil
        return try await query(
            PostgresQuery(
                Self.selecting,
                [filter.since.map(Self.time), filter.severities, filter.rule, filter.unacknowledged, id, filter.limit])
        ).map(Self.finding)
    }

    package func named(_ id: String) async throws -> Finding? {
        let filter = FindingFilter()
        return try await query(
            PostgresQuery(
                Self.selecting,
                [filter.since.map(Self.time), filter.severities, filter.rule, filter.unacknowledged, Optional(id), Int64(1)])
        ).first.map(Self.finding)
    }

    private static let untold = PostgresStatement(
        """
        SELECT id, rule, severity, at, last_at, count, role, address, database, object, statement, evidence, advice, cause, destroyed_at,
            acknowledged_at, acknowledged_by, note
        FROM everline.findings
        WHERE NOT $1 = ANY (told) AND at > clock_timestamp() - interval '1 day' AND acknowledged_at IS NULL AND severity = ANY ($2)
        ORDER BY at, id LIMIT 100
        """)

    /// What a channel has not told yet, of the last day, the oldest first.
    package func untold(_ channel: String, _ severities: [String]) async throws -> [Finding] {
        try await query(PostgresQuery(Self.untold, [channel, severities])).map(Self.finding)
    }

    /// The newest finding of a rule that was seen since, and the channels that have told it.
    func newest(rule: String, since: Date) async throws -> (String, [String])? {
        let from = PostgresTimestamp(microseconds: Timestamp(since).milliseconds * 1_000)
        return try await query(
            "SELECT id, told FROM everline.findings WHERE rule = \(rule) AND at >= \(from) ORDER BY at DESC, id DESC LIMIT 1"
        ).first.map { (try $0[0].decode(), try $0[1].decode()) }
    }

    private static func finding(_ row: PostgresRow) throws -> Finding {
        func text(_ column: Int) throws -> String { Timestamp(try row[column].decode(as: PostgresTimestamp.self)).description }
        var finding = Finding(
            id: try row[0].decode(), rule: try row[1].decode(), severity: Severity(rawValue: try row[2].decode()) ?? .critical,
            at: try text(3), lastAt: try text(4), count: try row[5].decode(), role: try row[6].decode(),
            address: try row[7].decode(),
            database: try row[8].decode(), object: try row[9].decode(), statement: try row[10].decode(),
            evidence: try row[11].decode(), advice: try row[12].decode(), cause: try row[13].decode(), acknowledgement: nil)
        if !row[14].isNull { finding.destroyedAt = try text(14) }
        if !row[15].isNull {
            finding.acknowledgement = Acknowledgement(
                at: try text(15), by: try row[16].decode(as: String?.self) ?? "", note: try row[17].decode(as: String?.self) ?? ""
            )
        }
        return finding
    }

    private static func time(_ text: String) -> PostgresTimestamp {
        PostgresTimestamp(microseconds: (Timestamp(text)?.milliseconds ?? 0) * 1_000)
    }
}

extension Timestamp {
    init(_ time: PostgresTimestamp) { self.init(milliseconds: time.milliseconds) }
}
