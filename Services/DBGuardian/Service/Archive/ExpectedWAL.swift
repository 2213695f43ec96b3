import EverlineProtocol
import Foundation

/// What must be in the archive although nothing behind it is: a tail that has gone leaves no gap. Known by how far the archive
/// had come already, and by what base backups and ledgers need of it.
struct ExpectedWAL: Sendable {
    /// Of the first segment that a base backup needs, by timeline.
    private(set) var from: [UInt32: UInt64] = [:]
    /// Of the last that was archived once.
    private(set) var archived: [UInt32: UInt64] = [:]
    /// Of the last that must be there.
    private(set) var upTo: [UInt32: UInt64] = [:]
    /// 0 while there is no base backup.
    private(set) var segmentSize: UInt64 = 0

    /// So long the archiver may take: segments are switched each minute, and it may try some times.
    private static let grace: Int64 = 300_000_000

    init(_ system: System, _ branches: [UInt32: [WALInventory.Branch]], now: Timestamp) throws {
        archived = try whole(or: ArchivedWAL()) { try ArchivedWAL.read(system) }.upTo
        upTo = archived
        let limit = now.milliseconds * 1_000 - Self.grace
        func needs(_ timeline: UInt32, _ lsn: LSN, _ at: Int64) {
            // What a timeline went on with after another had branched off may never have come, as when its machine was lost.
            let left = branches.values.joined().filter { $0.parent == timeline }.map(\.at).min()
            guard segmentSize > 0, at < limit, lsn.value > 0, left.map({ lsn <= $0 }) ?? true else { return }
            upTo[timeline] = max(upTo[timeline] ?? 0, (lsn.value - 1) / segmentSize)
        }
        for id in try Catalogue(system).ids() {
            guard let wal = try whole(or: nil, { try Catalogue(system).backup(id) })?.manifest.wal else { continue }
            segmentSize = wal.segmentSize
            let first = wal.start.value / wal.segmentSize
            from[wal.timeline] = min(from[wal.timeline] ?? first, first)
            needs(wal.timeline, wal.stop, wal.stoppedAt)
        }
        for one in try whole(or: LedgerList(), { try LedgerShelf(system).list() }).ledgers {
            needs(one.timeline, one.lsn, one.at)
        }
    }
}

/// What is said of it, or something else where the document is damaged: for those who must go on. `verify` names it.
func whole<Value>(or other: Value, _ read: () throws -> Value) throws -> Value {
    do { return try read() } catch is DamageError { return other }
}

/// `wal.json` of a system: from which segment on pruning has kept each timeline.
package struct KeptWAL: Codable, Sendable {
    package var from: [UInt32: UInt64] = [:]

    package static func read(_ system: System) throws -> KeptWAL {
        try system.repository.document("\(system.root)/wal.json") ?? KeptWAL()
    }

    package func write(_ system: System) throws { try system.repository.write(self, to: "\(system.root)/wal.json") }
}

/// `archived.json` of a system: the newest segment of each timeline that has been archived, by which it is missed.
package struct ArchivedWAL: Codable, Sendable {
    package var upTo: [UInt32: UInt64] = [:]

    static let name = "archived.json"

    package static func read(_ system: System) throws -> ArchivedWAL {
        try system.repository.document("\(system.root)/\(name)") ?? ArchivedWAL()
    }

    /// To be called when they are on the disk.
    package static func note(_ segments: [SegmentName], _ system: System) throws {
        var known = try whole(or: ArchivedWAL()) { try read(system) }
        let before = known.upTo
        for one in segments { known.upTo[one.timeline] = max(known.upTo[one.timeline] ?? 0, one.number) }
        if known.upTo != before { try system.repository.write(known, to: "\(system.root)/\(name)") }
    }
}
