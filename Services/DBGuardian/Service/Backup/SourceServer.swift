package import EverlinePostgres
package import Logging

/// The server that is backed up, as it says of itself.
package struct SourceServer: Sendable {
    package let system: String
    package let major: Int
    /// Whom initdb made.
    package let superuser: String
    /// Those that can be connected to.
    package let databases: [String]
    package let extensions: [String]
    package let segmentSize: UInt64
    /// Beside the two that every cluster has.
    package let tablespaces: [String]

    package init(_ configuration: PostgresConfiguration, logger: Logger) async throws {
        let rows = try await Self.withConnection(configuration, logger) { connection in
            try await connection.query(
                """
                SELECT (SELECT system_identifier FROM pg_control_system()), current_setting('server_version_num')::int / 10000,
                    (SELECT rolname::text FROM pg_roles WHERE oid = 10),
                    (SELECT array_agg(datname::text ORDER BY datname) FROM pg_database WHERE datallowconn),
                    (SELECT coalesce(array_agg(extname::text ORDER BY extname), '{}') FROM pg_extension),
                    (SELECT bytes_per_wal_segment FROM pg_control_init()),
                    (SELECT coalesce(array_agg(spcname::text ORDER BY 1), '{}') FROM pg_tablespace WHERE oid > 16383)
                """)
        }
        system = "\(UInt64(bitPattern: try rows.decode(0, 0, as: Int64.self)))"
        major = Int(try rows.decode(0, 1, as: Int32.self))
        superuser = try rows.decode(0, 2)
        databases = try rows.decode(0, 3)
        extensions = try rows.decode(0, 4)
        segmentSize = UInt64(try rows.decode(0, 5, as: Int32.self))
        tablespaces = try rows.decode(0, 6)
    }

    /// The system identifier alone, for whoever may ask for little.
    package static func system(_ configuration: PostgresConfiguration, logger: Logger) async throws -> String {
        try await withConnection(configuration, logger) { connection in
            let identifier = try await connection.query("SELECT system_identifier FROM pg_control_system()").decode(
                0, 0, as: Int64.self)
            return "\(UInt64(bitPattern: identifier))"
        }
    }

    /// What an empty machine needs besides the repository and the key.
    package var needs: [String] { Self.needs(major, extensions) }

    static func needs(_ major: Int, _ extensions: [String]) -> [String] {
        let beyond = extensions.filter { $0 != "plpgsql" }
        return ["PostgreSQL \(major)"] + (beyond.isEmpty ? [] : ["extensions: \(beyond.joined(separator: ", "))"])
    }

    /// The server's clock, in microseconds since 1970.
    package static func now(_ configuration: PostgresConfiguration, logger: Logger) async throws -> Int64 {
        try await withConnection(configuration, logger) { connection in
            try await connection.query("SELECT clock_timestamp()").decode(0, 0, as: PostgresTimestamp.self).microseconds
        }
    }

    package static func withConnection<R>(
        _ configuration: PostgresConfiguration, _ logger: Logger, _ body: (PostgresConnection) async throws -> R
    ) async throws -> R {
        let connection: PostgresConnection
        do {
            connection = try await PostgresConnection.connect(configuration, logger: logger)
        } catch let error as PostgresError {
            throw GuardianError(
                "the database cannot be reached: \(error.message)", hint: "is it up? is postgres.conninfo right?",
                kind: .unreachable, values: ["text": .text(error.message)])
        }
        do {
            let value = try await body(connection)
            await connection.close()
            return value
        } catch {
            await connection.close()
            throw error
        }
    }
}
