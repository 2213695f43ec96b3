import EverlineProtocol
import Foundation

/// What a restore will do; made before anything is touched.
package struct RestorePlan: Sendable {
    package let target: RestoreTarget
    package let backup: Backup
    package let timeline: UInt32
    /// PostgreSQL's own settings for it.
    package let settings: [(name: String, value: String)]
    /// The segments that will be asked for, as far as known; nil where the backup itself has all it needs.
    package let wal: (first: String, last: String)?
    /// All that recovery will ask the archive for, as far as known, each with what is said if it is damaged.
    package let segments: [(name: String, damaged: @Sendable (String) -> DamagedWAL)]
    /// A time that it will surely not go beyond; microseconds since 1970.
    package let until: Int64
    package var notes: [String]
}

/// Finds the backup and the way for a target, or says why there is none.
package struct RestorePlanner: Sendable {
    private let system: System
    private let windows: Windows
    private let catalogue: Catalogue

    package init(_ system: System) throws {
        self.system = system
        windows = try Windows(system)
        catalogue = Catalogue(system)
    }

    /// - Parameters:
    ///   - from: the backup to use; nil for the newest that will do.
    ///   - timeline: the one that the target is on; nil for the newest that has it.
    package func plan(_ target: RestoreTarget, from chosen: String? = nil, on timeline: UInt32? = nil) throws -> RestorePlan {
        if let timeline, !windows.timelines.contains(timeline) {
            throw GuardianError(
                "there is no timeline \(timeline) in \(system.repository.storage.place)",
                hint: "there is: \(windows.timelines.map { "\($0)" }.joined(separator: ", ")); `db-guardian pitr windows`")
        }
        let timelines = windows.timelines.filter { timeline == nil || $0 == timeline }
        var plan =
            switch target {
            case .backup(let id): try plan(backup: id)
            case .latest: try planLatest(chosen, timelines)
            case .time(let time): try plan(time: time, chosen, timelines)
            case .point(let name): try plan(point: name, chosen, timelines)
            }
        plan.notes += windows.damaged.map { "\($0.words); \(DamagedBackup.hint)" }
        return plan
    }

    /// Whether what a ledger says, to which a plan leads, lies on the way of another plan.
    package func leads(_ plan: RestorePlan, through ledger: Ledger, to end: RestorePlan) -> Bool {
        plan.backup.manifest.id == end.backup.manifest.id
            && windows.inventory.belongs(ledger.timeline, upTo: ledger.lsn, to: end.timeline)
    }

    // MARK: Targets

    private func plan(backup id: String) throws -> RestorePlan {
        let backup = try catalogue.named(id)
        guard let wal = backup.manifest.wal else {
            // A dump holds what was there when it began.
            guard case .time(let began) = try RestoreTarget.time(from: backup.manifest.startedAt) else { throw nothing() }
            return RestorePlan(
                target: .backup(id), backup: backup, timeline: 0, settings: [], wal: nil, segments: [], until: began, notes: [])
        }
        return RestorePlan(
            target: .backup(id), backup: backup, timeline: wal.timeline,
            settings: [("recovery_target", "immediate"), ("recovery_target_timeline", "\(wal.timeline)")], wal: nil,
            segments: [], until: wal.stoppedAt, notes: [])
    }

    private func planLatest(_ chosen: String?, _ timelines: [UInt32]) throws -> RestorePlan {
        for timeline in timelines.reversed() {
            let reaches = reaches(on: timeline, chosen)
            guard let end = reaches.map(\.to).max(), let reach = reaches.last(where: { $0.to == end }) else { continue }
            var notes: [String] = []
            if let stop = reach.run.stop {
                // What lacks cannot come back; what is damaged here may be whole in another repository, or is to be given up knowingly.
                guard stop.cause == WALInventory.missing else { throw DamagedWAL(stop, reach, lastCommit: end) }
                notes.append("the WAL goes on with a hole (\(stop.segment): \(stop.cause)), which cannot be passed")
            }
            if let broken = windows.inventory.brokenHistories.last, broken.segment > String(format: "%08X", timeline) + ".history"
            {
                notes.append("a timeline that went on from there cannot be followed (\(broken.segment): \(broken.cause))")
            }
            return plan(.latest, reach, [], until: end, notes)
        }
        throw nothing()
    }

    private func plan(time: Int64, _ chosen: String?, _ timelines: [UInt32]) throws -> RestorePlan {
        for timeline in timelines.reversed() {
            guard let reach = reaches(on: timeline, chosen).last(where: { $0.from <= time && time < $0.to + Self.rounding })
            else { continue }
            var notes: [String] = []
            if timeline != windows.timelines.last {
                notes.append("that moment is on timeline \(timeline), not on the newest one")
            }
            for left in windows.left(behind: timeline, at: time) where timelines.contains(left) {
                notes.append(
                    "timeline \(left) went on after timeline \(timeline) had branched off, and has that moment too: --timeline \(left), if that is meant"
                )
            }
            if time >= reach.to, let stop = reach.run.stop, stop.cause != WALInventory.missing {
                throw DamagedWAL(stop, reach, lastCommit: reach.to)
            }
            // PostgreSQL looks for a commit after the target; behind the last one there is none.
            let settings = time >= reach.to ? [] : [("recovery_target_time", Self.settingText(time))]
            return plan(.time(time), reach, settings, until: time, notes)
        }
        throw outside(time, chosen, timelines)
    }

    private func plan(point name: String, _ chosen: String?, _ timelines: [UInt32]) throws -> RestorePlan {
        let points = windows.inventory.points(named: name).filter { timelines.contains($0.timeline) }
        guard let newest = points.last else {
            throw NotYetError(
                "there is no restore point \(name) in the archive",
                hint: "it is known once its segment is archived; `db-guardian pitr windows`")
        }
        let number = newest.point.lsn.value / windows.inventory.segmentSize
        let usable = reaches(on: newest.timeline, chosen).filter { reach in
            guard let wal = reach.backup.manifest.wal else { return false }
            return wal.stop <= newest.point.lsn && (reach.run.last ?? 0) >= number
        }
        guard let reach = usable.last else {
            throw GuardianError(
                "no backup leads to restore point \(name) (\(RestoreTarget.text(newest.point.at)), \(newest.point.lsn))",
                hint: "it lies before the first backup's end, or behind a hole: `db-guardian pitr windows`")
        }
        var notes: [String] = []
        if points.count > 1 { notes.append("there are \(points.count) restore points of that name; this is the newest") }
        return plan(
            .point(name), reach, [("recovery_target_lsn", newest.point.lsn.description)], until: newest.point.at, notes)
    }

    // MARK: Parts

    /// Windows are shown in milliseconds; who takes that for a target means the last commit.
    private static let rounding: Int64 = 1_000

    private func reaches(on timeline: UInt32, _ chosen: String?) -> [Windows.Reach] {
        windows.reaches(on: timeline).filter { chosen == nil || $0.backup.manifest.id == chosen }
    }

    private func plan(
        _ target: RestoreTarget, _ reach: Windows.Reach, _ settings: [(String, String)], until: Int64, _ notes: [String]
    ) -> RestorePlan {
        let timeline = [("recovery_target_timeline", "\(reach.timeline)")]
        // Reading ahead, recovery would ask for a segment behind the target, which may be the one that is damaged.
        let ahead = settings.isEmpty || reach.backup.manifest.server < 15 ? [] : [("recovery_prefetch", "off")]
        let named = (settings + timeline + ahead).map { (name: $0.0, value: $0.1) }
        guard let end = reach.run.last else {
            // Nothing of the archive is there, nor needed: the backup has the WAL of its own time along.
            return RestorePlan(
                target: target, backup: reach.backup, timeline: reach.timeline, settings: named, wal: nil, segments: [],
                until: until, notes: notes)
        }
        let inventory = windows.inventory
        let first = inventory.segment(reach.run.first, to: reach.timeline).name.description
        var number = reach.run.first
        // Up to the first segment that has something later than the target.
        while number < end {
            if let commit = inventory.segment(number, to: reach.timeline).contents?.lastCommit, commit > until { break }
            number += 1
        }
        let last = inventory.segment(number, to: reach.timeline).name.description
        // What the backup has along is asked for too, and need not be there.
        let start = (reach.backup.manifest.wal?.start.value ?? 0) / max(1, inventory.segmentSize)
        var before = reach.from
        var segments: [(name: String, damaged: @Sendable (String) -> DamagedWAL)] = []
        for number in min(start, reach.run.first)...number {
            let one = inventory.segment(number, to: reach.timeline)
            defer { before = max(before, one.contents?.lastCommit ?? 0) }
            if one.cause == WALInventory.missing { continue }
            let (name, lastCommit) = (one.name.description, before)
            segments.append((name, { DamagedWAL(.init(segment: name, cause: $0), reach, lastCommit: lastCommit) }))
        }
        return RestorePlan(
            target: target, backup: reach.backup, timeline: reach.timeline, settings: named, wal: (first, last),
            segments: segments, until: until, notes: notes)
    }

    /// As PostgreSQL reads it, with its offset.
    private static func settingText(_ time: Int64) -> String {
        RestoreTarget.text(time).replacingOccurrences(of: "T", with: " ").replacingOccurrences(of: "Z", with: "+00")
    }

    private func nothing() -> any Error {
        if let damaged = windows.damaged.first { return damaged }
        return GuardianError(
            "there is no base backup to restore from in \(system.repository.storage.place)", hint: "`db-guardian backup base`")
    }

    /// Why a moment cannot be restored.
    private func outside(_ time: Int64, _ chosen: String?, _ timelines: [UInt32]) -> any Error {
        let all = timelines.flatMap { reaches(on: $0, chosen) }
        guard let first = all.map(\.from).min(), let last = all.map(\.to).max() else { return nothing() }
        let wanted = RestoreTarget.text(time)
        if time < first {
            return GuardianError(
                "\(wanted) is before the end of the first backup (\(RestoreTarget.text(first)))",
                hint: "only moments after a base backup can be restored: `db-guardian pitr windows`")
        }
        let before = all.filter { $0.to < time }.max { $0.to < $1.to }
        if let stop = before?.run.stop {
            return GuardianError(
                "\(wanted) lies in a hole: segment \(stop.segment): \(stop.cause)",
                hint: "the last moment before it is \(RestoreTarget.text(before?.to ?? last)); `db-guardian pitr windows`")
        }
        return NotYetError(
            "\(wanted) is after the end of the archived WAL (\(RestoreTarget.text(last)))",
            hint: "wait until it is archived (at most a minute while the server runs), or restore --latest")
    }
}

/// A target that the archive does not reach, and may soon.
package struct NotYetError: Error, CustomStringConvertible {
    private let problem: String
    private let hint: String

    init(_ problem: String, hint: String) {
        self.problem = problem
        self.hint = hint
    }
    package var description: String { "\(problem)\nHINT: \(hint)" }
}

/// A segment on the way that is damaged.
package struct DamagedWAL: Error, CustomStringConvertible {
    private let hole: WALInventory.Hole
    private let instead: String

    /// - Parameter lastCommit: of all that lies before it; microseconds since 1970.
    init(_ hole: WALInventory.Hole, _ reach: Windows.Reach, lastCommit: Int64) {
        self.hole = hole
        // Recovery stops when it comes to a later commit than the target, so that one must lie before the damage.
        instead = lastCommit > reach.from ? "--at \(RestoreTarget.text(lastCommit - 1))" : "--backup \(reach.backup.manifest.id)"
    }
    package var description: String {
        """
        segment \(hole.segment) is damaged, and the way leads through it: \(hole.cause)
        HINT: another repository may have it whole; without it: restore \(instead)
        """
    }
}
