package import EverlinePostgres
package import Logging

/// Brings the schema up to the newest migration. The only DDL there is.
package struct Migrator: Sendable {
    private let configuration: PostgresConfiguration
    private let logger: Logger

    /// Held for the whole run, so that two guardians migrate one after the other.
    private static let lock: Int64 = 0x4576_6572_6C69_6E65

    package init(_ configuration: PostgresConfiguration, logger: Logger) {
        self.configuration = configuration
        self.logger = logger
    }

    /// The names of the migrations that were applied now. Each is a transaction of its own, recorded in it.
    package func migrate(_ migrations: [Migration]) async throws -> [String] {
        try await withConnection { connection in
            try await connection.query("SELECT pg_advisory_lock(\(Self.lock))", deadline: .seconds(300))
            try await Self.prepare(connection)
            let pending = try await Self.pending(migrations, connection)
            for migration in pending {
                do {
                    try await connection.withTransaction(deadline: .seconds(3_600)) { connection in
                        try await connection.executeScript(unsafeSQL: migration.sql, deadline: .seconds(3_600))
                        try await connection.query(
                            """
                            INSERT INTO everline.migrations (number, name, checksum)
                            VALUES (\(migration.number), \(migration.name), \(migration.checksum))
                            """)
                    }
                } catch let error as PostgresError {
                    throw GuardianError("\(migration.name) failed and was rolled back: \(error)")
                }
                logger.notice("migrated", metadata: ["migration": "\(migration.name)"])
            }
            return pending.map(\.name)
        }
    }

    /// The names of the migrations that are not applied yet.
    package func pending(_ migrations: [Migration]) async throws -> [String] {
        try await withConnection { connection in
            guard try await Self.isPrepared(connection) else { return migrations.map(\.name) }
            return try await Self.pending(migrations, connection).map(\.name)
        }
    }

    private func withConnection<R>(_ body: (PostgresConnection) async throws -> R) async throws -> R {
        let connection = try await PostgresConnection.connect(configuration, logger: logger, deadline: .seconds(30))
        do {
            let value = try await body(connection)
            await connection.close()
            return value
        } catch {
            await connection.close()
            throw error
        }
    }

    private static func isPrepared(_ connection: PostgresConnection) async throws -> Bool {
        try await connection.query("SELECT to_regclass('everline.migrations') IS NOT NULL").decode(0, 0)
    }

    private static func prepare(_ connection: PostgresConnection) async throws {
        if try await isPrepared(connection) { return }
        try await connection.executeScript(
            unsafeSQL: """
                CREATE SCHEMA IF NOT EXISTS everline;
                REVOKE ALL ON SCHEMA everline FROM PUBLIC;
                CREATE TABLE everline.migrations (
                    number     bigint PRIMARY KEY,
                    name       text NOT NULL,
                    checksum   text NOT NULL,
                    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
                );
                """, deadline: .seconds(60))
    }

    /// What is left to apply, after what was applied was compared with the files.
    private static func pending(_ migrations: [Migration], _ connection: PostgresConnection) async throws -> [Migration] {
        let rows = try await connection.query("SELECT number, name, checksum FROM everline.migrations ORDER BY number")
        for row in rows {
            let number: Int = try row[0].decode()
            let name: String = try row[1].decode()
            guard migrations.indices.contains(number - 1) else {
                throw GuardianError(
                    "the database has had migration \(name), which is not among the files", hint: "use the newer db-guardian")
            }
            let file = migrations[number - 1]
            guard file.name == name else {
                throw GuardianError(
                    "migration \(name) was applied, but the file is named \(file.name)", hint: "restore the old name")
            }
            guard file.checksum == (try row[2].decode(as: String.self)) else {
                throw GuardianError(
                    "\(name) was changed after it was applied", hint: "restore the old file and write a new migration")
            }
        }
        return Array(migrations.dropFirst(rows.count))
    }
}
