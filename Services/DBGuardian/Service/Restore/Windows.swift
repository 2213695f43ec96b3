package import EverlineProtocol
import Foundation

/// From when to when a timeline can be restored.
package struct Window: Codable, Sendable, CustomStringConvertible {
    package let timeline: UInt32
    /// RFC 3339; nil if nothing of it can be.
    package let from: String?
    package let to: String?
    package let holes: [WALInventory.Hole]
    /// The parts between the holes.
    package let ranges: [Range]

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(timeline, forKey: .timeline)
        // Present also when nothing can be restored.
        try container.encode(from, forKey: .from)
        try container.encode(to, forKey: .to)
        try container.encode(holes, forKey: .holes)
        try container.encode(ranges, forKey: .ranges)
    }

    package struct Range: Codable, Sendable {
        package let from: String
        package let to: String
        package let backup: String
    }

    package var description: String {
        var text = "timeline \(timeline): "
        text += from.map { "from \($0) to \(to ?? "")" } ?? "nothing can be restored"
        if ranges.count > 1 { text += "".appending(ranges.map { "\n  from \($0.from) to \($0.to)" }.joined()) }
        return text + holes.map { "\n  hole: \($0.segment): \($0.cause)" }.joined()
    }
}

/// What can be restored: base backups, and the WAL that follows each of them.
package struct Windows: Sendable {
    package let inventory: WALInventory
    /// Base backups, the oldest first.
    package let backups: [Backup]
    /// Backups whose manifests are damaged; they open nothing.
    package let damaged: [DamagedBackup]

    /// A stretch of time that one base backup opens.
    package struct Reach: Sendable {
        package let backup: Backup
        package let timeline: UInt32
        /// Microseconds since 1970.
        package let from: Int64
        package let to: Int64
        package let run: WALInventory.Run
    }

    package init(_ system: System, now: Timestamp = .now) throws {
        inventory = try WALInventory(system, now: now)
        let catalogue = Catalogue(system)
        backups = try catalogue.all().filter { $0.manifest.wal != nil }
        damaged = try catalogue.damaged()
    }

    /// What each base backup opens on a timeline.
    package func reaches(on timeline: UInt32) -> [Reach] {
        backups.compactMap { backup in
            guard let wal = backup.manifest.wal, inventory.belongs(wal.timeline, upTo: wal.stop, to: timeline) else { return nil }
            // What the backup itself has of the WAL ends with `stop`; from there on the archive must go on.
            let run = inventory.run(from: wal.stop.value / wal.segmentSize, to: timeline)
            return Reach(
                backup: backup, timeline: timeline, from: wal.stoppedAt, to: max(wal.stoppedAt, run.lastCommit ?? wal.stoppedAt),
                run: run)
        }
    }

    package var timelines: [UInt32] {
        Set(inventory.timelines).union(backups.compactMap(\.manifest.wal?.timeline)).sorted()
    }

    /// Ancestors of a timeline that went on after it had branched off, and have commits on either side of that moment: what they
    /// held then is not what it held.
    func left(behind timeline: UInt32, at time: Int64) -> [UInt32] {
        (inventory.branches[timeline] ?? []).compactMap { branch in
            guard let reach = reaches(on: branch.parent).last(where: { $0.from <= time && time < $0.to }) else { return nil }
            // Up to the segment in which it branched off both are one.
            let end = max(reach.run.first, branch.at.value / max(1, inventory.segmentSize))
            let common = (reach.run.first..<end).compactMap { inventory.segment($0, to: branch.parent).contents?.lastCommit }
            return (common.max() ?? 0) <= time ? branch.parent : nil
        }
    }

    package func all() -> [Window] {
        timelines.map { timeline in
            let reaches = reaches(on: timeline)
            var ranges: [Window.Range] = []
            var ends: [Int64] = []
            for reach in reaches.sorted(by: { ($0.to, $0.from) < ($1.to, $1.from) }) where ends.last != reach.to {
                ends.append(reach.to)
                ranges.append(
                    .init(
                        from: Timestamp(microseconds: reach.from, up: true).description,
                        to: Timestamp(microseconds: reach.to, up: reach.to == reach.from).description,
                        backup: reach.backup.manifest.id))
            }
            return Window(
                timeline: timeline, from: ranges.map(\.from).min(), to: ranges.map(\.to).max(),
                holes: inventory.holes(on: timeline), ranges: ranges)
        }
    }
}

extension Timestamp {
    /// - Parameter up: whether a part of a millisecond counts as a whole one.
    init(microseconds: Int64, up: Bool) {
        self.init(milliseconds: (microseconds + (up ? 999 : 0)) / 1_000)
    }
}
