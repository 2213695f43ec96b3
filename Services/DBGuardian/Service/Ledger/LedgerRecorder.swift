package import EverlinePostgres
import EverlineProtocol
import Foundation
package import Logging

/// Records a ledger: for some milliseconds nothing can be appended, a restore point is set and a snapshot taken; the sums are
/// made afterwards, of that
/// snapshot, and only over what is new.
package struct LedgerRecorder: Sendable {
    private let configuration: PostgresConfiguration
    private let logger: Logger

    package init(_ configuration: PostgresConfiguration, logger: Logger) {
        self.configuration = configuration
        self.logger = logger
    }

    /// - Returns: nil if another recorder is at work.
    package func record(in repositories: Repositories) async throws -> Ledger? {
        let locks = try repositories.all.compactMap { try $0.storage.lock("ledger", shared: false, holder: "ledger") }
        guard locks.count == repositories.all.count else { return nil }
        defer { withExtendedLifetime(locks) {} }
        let server = try await SourceServer(configuration, logger: logger)
        let systems = try repositories.all.map { try WALArchive($0).admit(server.system) }
        let previous = try systems.first.flatMap { try LedgerShelf($0).newest() }
        let ledger = try await SourceServer.withConnection(configuration, logger) { reader in
            let moment = try await SourceServer.withConnection(configuration, logger) { holder in try await mark(holder, reader) }
            let ledger = try await sum(moment, previous, server.system, reader)
            try await reader.query("COMMIT")
            return ledger
        }
        for system in systems { try LedgerShelf(system).add(ledger) }
        return ledger
    }

    private struct Moment {
        let id: String
        let lsn: LSN
        let at: Int64
        let timeline: UInt32
    }

    /// Waits for the appends that are under way, holds back new ones, and lets them go again once point and snapshot are there.
    private func mark(_ holder: PostgresConnection, _ reader: PostgresConnection) async throws -> Moment {
        try await holder.query("BEGIN")
        try await holder.query("SET LOCAL lock_timeout = '2s'")
        // The counters: every change of messages, members and rooms holds them until it has ended. Users are auth's own.
        try await holder.query("LOCK TABLE everline.room_counters, everline.users IN EXCLUSIVE MODE")
        try await reader.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        try await reader.query("SELECT 1")
        let id = Ledger.prefix + Timestamp.now.compactMilliseconds + "-" + String(UInt16.random(in: 0 ... .max), radix: 16)
        let rows = try await holder.query(
            """
            SELECT pg_create_restore_point(\(id))::text, clock_timestamp(), substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)
            """)
        try await holder.query("COMMIT")
        guard let lsn = LSN(try rows.decode(0, 0, as: String.self)),
            let timeline = UInt32(try rows.decode(0, 2, as: String.self), radix: 16)
        else { throw GuardianError("the server's answer about a restore point was not understood") }
        return Moment(id: id, lsn: lsn, at: try rows.decode(0, 1, as: PostgresTimestamp.self).microseconds, timeline: timeline)
    }

    private func sum(_ moment: Moment, _ previous: Ledger?, _ system: String, _ reader: PostgresConnection) async throws -> Ledger
    {
        let epoch = try await LedgerQueries.epoch(reader)
        // Sums go on only along one line of history.
        let known = previous.flatMap { $0.epoch == epoch && $0.timeline == moment.timeline && $0.system == system ? $0 : nil }
        var since = LedgerQueries.Since()
        for room in known?.rooms ?? [] {
            since.rooms.append(room.id)
            since.seqs.append(room.lastSeq)
            since.revs.append(room.lastRev)
            since.contents.append(room.lastSeq)
        }
        let before = Dictionary(uniqueKeysWithValues: (known?.rooms ?? []).map { ($0.id, $0.identity) })
        let rooms = try await LedgerQueries.rooms(since, reader).map { room in
            guard let old = before[room.id].flatMap({ UInt64($0) }), let new = UInt64(room.identity) else { return room }
            return Ledger.Room(
                id: room.id, name: room.name, lastSeq: room.lastSeq, lastRev: room.lastRev, membersRev: room.membersRev,
                identity: "\(old &+ new)", contentFrom: room.contentFrom, content: room.content)
        }
        return Ledger(
            id: moment.id, system: system, timeline: moment.timeline, lsn: moment.lsn, at: moment.at, epoch: epoch, rooms: rooms,
            totals: try await LedgerQueries.totals(reader), roles: try await LedgerQueries.roles(reader),
            migrations: try await LedgerQueries.migrations(reader))
    }
}

/// The heartbeat: its age in a restored database is what was lost.
package enum Heartbeat {
    package static let beat: PostgresQuery = """
        INSERT INTO everline.heartbeat AS h (beat, at) VALUES (1, clock_timestamp())
        ON CONFLICT (only_row) DO UPDATE SET beat = h.beat + 1, at = clock_timestamp()
        """
    package static let last: PostgresQuery = "SELECT at FROM everline.heartbeat"
}
