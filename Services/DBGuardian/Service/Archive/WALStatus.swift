import EverlinePostgres
import EverlineProtocol
package import EverlineService
import Foundation
package import Logging

/// What `wal status` prints: how far the archive is behind the server.
package struct WALStatus: Codable, Sendable, CustomStringConvertible {
    /// Where the server writes now; nil if it cannot be reached.
    package var current: String?
    /// The newest whole segment in the archive.
    package var archived: String?
    /// Whether the stream has brought something of a later one.
    package var streamed: String?
    /// Whole segments that wait to be archived.
    package var behind: Int?
    package var lastArchivedAt: String?
    package var failedCount: Int64?
    package var lastFailed: String?
    package var holes: [WALInventory.Hole]

    package init(_ settings: Settings, _ system: System, logger: Logger) async throws {
        let inventory = try WALInventory(system)
        holes = inventory.holes()
        let timeline = inventory.timelines.last { !inventory.numbers(of: $0).isEmpty }
        if let timeline { (archived, streamed) = inventory.ends(of: timeline) }
        guard settings.optional("postgres.conninfo") != nil else { return }
        do {
            let rows = try await SourceServer.withConnection(try settings.own("wal status"), logger) {
                connection in
                try await connection.query(
                    """
                    SELECT pg_walfile_name(pg_current_wal_lsn()), last_archived_time, failed_count, last_failed_wal FROM pg_stat_archiver
                    """)
            }
            current = try rows.decode(0, 0)
            lastArchivedAt = try rows.decode(0, 1, as: PostgresTimestamp?.self).map {
                Timestamp(milliseconds: $0.milliseconds).description
            }
            failedCount = try rows.decode(0, 2)
            lastFailed = try rows.decode(0, 3)
        } catch {
            logger.debug("the server cannot be asked", metadata: ["error": "\(error)"])
        }
        let size = inventory.segmentSize
        if size > 0, let now = current.flatMap({ SegmentName($0, size: size) }),
            let head = archived.flatMap({ SegmentName($0, size: size) })
        {
            behind = now.number > head.number ? Int(now.number - head.number) - 1 : 0
        }
    }

    package var description: String {
        var lines = [
            "the server writes \(current ?? "(it cannot be reached)")", "the archive has \(archived ?? "nothing") as its newest",
        ]
        if let streamed { lines.append("the stream has brought \(streamed)") }
        if let behind { lines.append("\(behind) whole segments wait") }
        if let lastArchivedAt {
            lines.append(
                "last archived at \(lastArchivedAt); failures so far: \(failedCount ?? 0)\(lastFailed.map { " (last: \($0))" } ?? "")"
            )
        }
        return (lines + holes.map { "hole: \($0.segment): \($0.cause)" }).joined(separator: "\n")
    }
}

extension WALInventory {
    /// The newest segment that was archived, and the newest that the stream has brought if that is a later one.
    package func ends(of timeline: UInt32) -> (archived: String?, streamed: String?) {
        let (whole, streamed) = newest(of: timeline)
        func name(_ number: UInt64?) -> String? {
            number.map { SegmentName(timeline: timeline, number: $0, size: segmentSize).description }
        }
        return (name(whole), streamed.map { $0 > whole ?? 0 } == true ? name(streamed) : nil)
    }
}
