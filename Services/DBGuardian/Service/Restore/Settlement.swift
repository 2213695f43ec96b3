import EverlinePostgres
import Foundation

/// What is done to a restored server once recovery has ended: the epoch changes, so that no client takes its numbers for the
/// old ones, and it is
/// asked how far it came.
struct Settlement: Sendable {
    private let instance: Instance
    private let manifest: BackupManifest

    init(_ instance: Instance, _ manifest: BackupManifest) {
        self.instance = instance
        self.manifest = manifest
    }

    /// - Parameter only: the only database to keep.
    func settle(only: String?) async throws -> Restore.Found {
        var found = Restore.Found()
        found.reached = try await instance.withConnection("template1") { connection in
            let rows = try await connection.query("SELECT pg_last_xact_replay_timestamp()")
            return try rows.decode(0, 0, as: PostgresTimestamp?.self)?.microseconds
        }
        if let only {
            try await instance.withConnection("template1") { connection in
                for name in try await databases(connection) where ![only, "postgres", "template1"].contains(name) {
                    try await connection.query(
                        PostgresQuery(
                            PostgresStatement(unsafeSQL: "DROP DATABASE \"\(name.replacingOccurrences(of: "\"", with: "\"\""))\"")
                        ),
                        deadline: .seconds(600))
                }
            }
        }
        let names = try await instance.withConnection("template1") { try await databases($0) }
        for name in names where name != "template1" {
            try await instance.withConnection(name) { connection in
                let ours = try await connection.query("SELECT to_regprocedure('everline.current_epoch()') IS NOT NULL")
                guard try ours.decode(0, 0, as: Bool.self) else { return }
                found.epoch = try await connection.query("SELECT everline.current_epoch()", deadline: .seconds(60)).decode(0, 0)
                for row in try await connection.query(LastNumbers.query, deadline: .seconds(60)) {
                    found.numbers[try row[0].decode(as: String.self)] = try row[1].decode(as: Int64.self)
                }
            }
        }
        return found
    }

    private func databases(_ connection: PostgresConnection) async throws -> [String] {
        try await connection.query("SELECT datname::text FROM pg_database WHERE datallowconn ORDER BY 1").map {
            try $0[0].decode()
        }
    }
}
