package import EverlinePostgres
package import EverlineService
import Foundation
package import Logging

/// Messages that were there and that a restore takes back.
package struct Loss: Codable, Sendable, Equatable {
    package let room: String
    package let from: Int64
    package let to: Int64
}

/// The highest numbers that anybody knows of: of the running database if there is one, else of the newest ledger.
package enum LastNumbers {
    package static let query: PostgresQuery = """
        SELECT r.name, c.last_seq FROM everline.room_counters c JOIN everline.rooms r ON r.id = c.room_id
        """

    package static func known(_ settings: Settings, _ system: System, logger: Logger) async throws -> [String: Int64] {
        var known: [String: Int64] = [:]
        if let newest = try LedgerShelf(system).newestWhole() {
            for room in newest.rooms { known[room.name] = room.lastSeq }
        }
        guard settings.optional("postgres.conninfo") != nil else { return known }
        let configuration = try settings.own("restore")
        do {
            let rows = try await SourceServer.withConnection(configuration, logger) { connection in
                let same = try await connection.query("SELECT system_identifier FROM pg_control_system()").decode(
                    0, 0, as: Int64.self)
                guard "\(UInt64(bitPattern: same))" == system.identifier else { return nil as PostgresRows? }
                return try await connection.query(query, deadline: .seconds(30))
            }
            for row in rows.map(Array.init) ?? [] {
                let (name, last) = (try row[0].decode(as: String.self), try row[1].decode(as: Int64.self))
                known[name] = max(known[name] ?? 0, last)
            }
        } catch {
            // That there is no database to ask is why one restores.
            logger.debug("the running database cannot be asked", metadata: ["error": "\(error)"])
        }
        return known
    }

    package static func losses(known: [String: Int64], restored: [String: Int64]) -> [Loss] {
        known.compactMap { room, last in
            let kept = restored[room] ?? 0
            return last > kept ? Loss(room: room, from: kept + 1, to: last) : nil
        }.sorted { $0.room < $1.room }
    }
}
