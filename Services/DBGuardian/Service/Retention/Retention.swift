package import EverlineProtocol
import Foundation

/// What pruning will do.
package struct PrunePlan: Codable, Sendable {
    package let keep: [Decision]
    package let delete: [Decision]
    package let wal: [Segments]
    package let ledgers: [String]
    /// Beginnings of backups that were never finished.
    package let unfinished: [String]

    package struct Decision: Codable, Sendable {
        package let id: String
        package let why: String
    }

    /// Segments of a timeline that go: all before the first that is kept.
    package struct Segments: Codable, Sendable {
        package let timeline: UInt32
        package let count: Int
        package let keptFrom: String
    }

    package var isEmpty: Bool { delete.isEmpty && wal.isEmpty && ledgers.isEmpty && unfinished.isEmpty }
}

/// Which backups stay: the newest base backup of each of the last weeks, those that the last days need, the newest of all, and
/// always the last proven one.
package struct Retention: Sendable {
    package let weekly: Int
    package let days: Int
    package let dumps: Int

    private static let day: Int64 = 86_400_000
    private static let week: Int64 = 7 * day

    package init(weekly: Int, days: Int, dumps: Int) {
        self.weekly = weekly
        self.days = days
        self.dumps = dumps
    }

    /// - Throws: if no proven backup would be left; then nothing may go.
    package func plan(_ system: System, now: Timestamp) throws -> PrunePlan {
        let catalogue = Catalogue(system)
        // Nobody knows which WAL it needs.
        if let damaged = try catalogue.damaged().first { throw damaged }
        let all = try catalogue.all()
        let bases = all.filter { $0.manifest.kind == .base }
        guard let proven = bases.last(where: \.isProven) else {
            throw GuardianError(
                "no base backup is proven, so nothing may be pruned",
                hint: "`db-guardian drill` proves one; a failed drill says why")
        }
        var reasons: [String: String] = [:]
        func keep(_ backup: Backup?, _ why: String) {
            guard let backup else { return }
            reasons[backup.manifest.id] = reasons[backup.manifest.id].map { "\($0); \(why)" } ?? why
        }
        keep(proven, "the last proven one")
        keep(bases.last, "the newest base backup")
        for week in Set(bases.map { Self.finished($0) / Self.week }).sorted().suffix(weekly) {
            keep(bases.last { Self.finished($0) / Self.week == week }, "the newest of its week")
        }
        let horizon = now.milliseconds - Int64(days) * Self.day
        let opening = bases.last { Self.finished($0) <= horizon } ?? bases.first
        keep(opening, "the last \(days) days begin with it")
        for base in bases where Self.finished(base) > horizon { keep(base, "of the last \(days) days") }
        for kind in [BackupKind.database, .cluster] {
            for dump in all.filter({ $0.manifest.kind == kind }).suffix(dumps) { keep(dump, "of the last \(dumps) dumps") }
        }
        let gone = all.filter { reasons[$0.manifest.id] == nil }
        let kept = bases.filter { reasons[$0.manifest.id] != nil }
        // The oldest of those that are kept and proven, and what the last days begin with: from there on the WAL stays.
        let anchors = [kept.first(where: \.isProven), opening].compactMap { $0 }
        let oldest = kept.compactMap { $0.manifest.wal?.stoppedAt }.min() ?? 0
        let shelf = LedgerShelf(system)
        return PrunePlan(
            keep: all.compactMap { backup in reasons[backup.manifest.id].map { .init(id: backup.manifest.id, why: $0) } },
            delete: gone.map { .init(id: $0.manifest.id, why: "older than what is kept") },
            wal: try segments(system, before: anchors),
            ledgers: try shelf.ids().dropLast().filter { id in
                // Of an id `everline-20260131T080000Z-1f` the time.
                (Self.time(ofLedger: id) ?? .max) * 1_000 < oldest
            },
            unfinished: try catalogue.unfinished())
    }

    private func segments(_ system: System, before anchors: [Backup]) throws -> [PrunePlan.Segments] {
        let ranges = anchors.compactMap(\.manifest.wal)
        guard let first = ranges.min(by: { $0.start < $1.start }) else { return [] }
        let inventory = try WALInventory(system)
        let limit = first.start.value / first.segmentSize
        return inventory.timelines.compactMap { timeline in
            let going = inventory.numbers(of: timeline).filter { $0 < limit }
            guard !going.isEmpty else { return nil }
            return .init(
                timeline: timeline, count: going.count,
                keptFrom: SegmentName(timeline: timeline, number: limit, size: first.segmentSize).description)
        }
    }

    private static func finished(_ backup: Backup) -> Int64 { Timestamp(backup.manifest.finishedAt)?.milliseconds ?? 0 }

    static func time(ofLedger id: String) -> Int64? {
        let digits = id.dropFirst(Ledger.prefix.count).prefix(15).filter(\.isNumber)
        guard digits.count == 14 else { return nil }
        let parts = [4, 2, 2, 2, 2, 2].reduce(into: (text: Substring(digits), all: [Substring]())) { state, count in
            state.all.append(state.text.prefix(count))
            state.text = state.text.dropFirst(count)
        }.all
        return Timestamp("\(parts[0])-\(parts[1])-\(parts[2])T\(parts[3]):\(parts[4]):\(parts[5])Z")?.milliseconds
    }
}
