import EverlinePostgres
import Foundation
import Logging

/// Right after a base backup: a ledger, so that a drill has something to compare, and its WAL sent to the archive, so that the
/// backup's window is open. Best
/// effort: the backup is made and stands without it.
struct Aftermath: Sendable {
    private let room: JobRoom
    private let configuration: PostgresConfiguration
    private let logger: Logger

    /// How long the archive may take with one segment.
    private static let patience = Duration.seconds(20)

    init(_ room: JobRoom, _ configuration: PostgresConfiguration, logger: Logger) {
        self.room = room
        self.configuration = configuration
        self.logger = logger
    }

    func run(_ system: String) async {
        do {
            room.progress.step(.recordingLedger)
            let ledger = try await LedgerRecorder(configuration, logger: logger).record(in: room.repositories)
            guard ledger != nil else { return }
            let segment = try await Self.switchSegment(configuration, logger)
            room.progress.step(.waitingForSegment, ["segment": .text(segment)])
            let name = "systems/\(system)/wal/\(ArchiveFile.folder(segment))/\(segment)"
            let end = ContinuousClock.now + Self.patience
            while ContinuousClock.now < end {
                if try lacking(name).isEmpty { return }
                try await Task.sleep(for: .milliseconds(50))
            }
            let places = try lacking(name).joined(separator: ", ")
            logger.error(
                "the segment has not come to the archive yet: does archive_command write to each repository?",
                metadata: ["segment": "\(segment)", "repositories": "\(places)"])
        } catch {
            logger.error("no ledger could be recorded after the backup", metadata: ["error": "\(error)"])
        }
    }

    private func lacking(_ name: String) throws -> [String] {
        try room.repositories.all.filter { try $0.storage.size(name) == nil }.map(\.storage.place)
    }

    /// Ends the segment that is being written, and says which. A heartbeat before makes sure that a commit follows, without
    /// which no moment behind
    /// the ledger could be named.
    package static func switchSegment(_ configuration: PostgresConfiguration, _ logger: Logger) async throws
        -> String
    {
        try await SourceServer.withConnection(configuration, logger) { connection in
            try await connection.query(Heartbeat.beat)
            let rows = try await connection.query("SELECT pg_walfile_name(pg_current_wal_insert_lsn()), pg_switch_wal()::text")
            return try rows.decode(0, 0)
        }
    }
}
