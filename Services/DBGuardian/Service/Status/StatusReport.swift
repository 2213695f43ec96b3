import EverlineProtocol
package import EverlineService
import Foundation
package import Logging

/// What `status` prints: the answer at three in the morning.
package struct StatusReport: Encodable, Sendable {
    package var ok: Bool { problems.isEmpty }
    package var problems: [String] { sayings.map(\.text) }
    package fileprivate(set) var sayings: [Saying] = []
    /// The id of the newest proven backup, and when it was proven.
    package var newestProven: String?
    package var newestProvenAt: String?
    /// What can be restored on the newest timeline.
    package var window: (from: String?, to: String?) = (nil, nil)
    /// What would be lost if the machine went now: how old the newest commit is that the repository has.
    package var rpoSeconds: Double?
    /// How long the last drill's restore took.
    package var rtoSeconds: Double?
    package var backups = 0
    package var repositoryBytes = 0
    package var segmentsBehind: Int?
    /// What the last drill measured.
    package var drill: DrillResult?

    private enum CodingKeys: String, CodingKey {
        case ok, problems, sayings, newestProven, newestProvenAt, window, rpoSeconds, rtoSeconds, backups, repositoryBytes,
            segmentsBehind
    }
    private struct Bounds: Encodable {
        let from: String?
        let to: String?
        private enum CodingKeys: String, CodingKey { case from, to }
        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(from, forKey: .from)
            try container.encode(to, forKey: .to)
        }
    }

    /// Every field is there, null if it is not known.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(ok, forKey: .ok)
        try container.encode(problems, forKey: .problems)
        try container.encode(sayings, forKey: .sayings)
        try container.encode(newestProven, forKey: .newestProven)
        try container.encode(newestProvenAt, forKey: .newestProvenAt)
        try container.encode(Bounds(from: window.from, to: window.to), forKey: .window)
        try container.encode(rpoSeconds, forKey: .rpoSeconds)
        try container.encode(rtoSeconds, forKey: .rtoSeconds)
        try container.encode(backups, forKey: .backups)
        try container.encode(repositoryBytes, forKey: .repositoryBytes)
        try container.encode(segmentsBehind, forKey: .segmentsBehind)
    }

    package func json() throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(self))
    }

    /// One screen.
    package var screen: String {
        var lines = [ok ? "all is well" : "\(problems.count) problem\(problems.count == 1 ? "" : "s"):"]
        lines += problems.map { "  - \($0)" }
        lines.append("backups:          \(backups), \(repositoryBytes >> 20) MiB in the repository")
        lines.append("newest proven:    \(newestProven.map { "\($0), proven at \(newestProvenAt ?? "")" } ?? "none")")
        lines.append("can restore:      \(window.from.map { "from \($0) to \(window.to ?? "")" } ?? "nothing")")
        lines.append("lost if it went:  \(rpoSeconds.map { String(format: "%.1f s", $0) } ?? "not known")")
        lines.append("back within:      \(rtoSeconds.map { String(format: "%.1f s (last drill)", $0) } ?? "not measured yet")")
        lines.append(
            "to restore:       db-guardian restore --to DIR --latest, or --at \"TIME+ZONE\"; --plan says what would be lost")
        return lines.joined(separator: "\n")
    }
}

/// Looks at everything, and says what is wrong.
package struct StatusCheck: Sendable {
    private let settings: Settings
    private let logger: Logger

    /// WAL this old means that archiving stands still: segments are switched each minute.
    private static let archiveLate: Double = 300
    private static let drillLate: Int64 = 8 * 86_400_000

    package init(_ settings: Settings, logger: Logger) {
        self.settings = settings
        self.logger = logger
    }

    package func run() async throws -> StatusReport {
        var report = StatusReport()
        let repositories: Repositories
        do { repositories = try .reachable(settings) } catch {
            report.sayings.append(Saying(error).onOneLine)
            return report
        }
        report.sayings += repositories.lost.map { Saying($0.error).firstLine.of(repository: $0.place) }
        for (index, repository) in repositories.all.enumerated() {
            do {
                let system = try repository.onlySystem(repositories.wanted)
                try await look(at: system, primary: index == 0, &report)
            } catch {
                report.sayings.append(Saying(error).onOneLine)
            }
        }
        return report
    }

    private func look(at system: System, primary: Bool, _ report: inout StatusReport) async throws {
        let place = system.repository.storage.place
        let backups = try Catalogue(system).all()
        let bases = backups.filter { $0.manifest.kind == .base }
        let now = Timestamp.now
        func age(_ text: String) -> Int64 { now.milliseconds - (Timestamp(text)?.milliseconds ?? 0) }
        func problem(_ kind: Saying.Kind, _ values: [String: Saying.Value] = [:]) {
            let saying = Saying(kind, values)
            report.sayings.append(primary ? saying : saying.of(repository: place))
        }
        if bases.isEmpty { problem(.noBase) }
        let interval = Int64(try settings.int("schedule.base", in: 0...Int(Int32.max))) * 1_000
        if interval > 0, let last = bases.last, age(last.manifest.finishedAt) > interval + interval / 7 {
            problem(.oldBase, ["at": .text(last.manifest.finishedAt)])
        }
        for backup in backups where backup.verified?.ok == false {
            problem(.damagedBackup, ["backup": .text(backup.manifest.id)])
        }
        let proven = bases.last(where: \.isProven)
        let drill = try DrillRecords(system).newest()
        if !bases.isEmpty {
            if let drill, !drill.ok {
                let why = drill.sayings?.first ?? Saying(.other, text: drill.differences.first ?? "")
                problem(.failedDrill, ["at": .text(drill.at), "why": .saying(why.firstLine)])
            }
            if proven == nil { problem(.noProof) }
            if let at = proven?.proven?.at, age(at) > Self.drillLate {
                problem(.oldProof, ["at": .text(at)])
            }
        }
        for backup in try Catalogue(system).damaged() {
            problem(.damagedManifest, ["backup": .text(backup.id)])
        }
        for id in try whole(or: [], { try Catalogue(system).missing() }) {
            problem(.goneBackup, ["backup": .text(id)])
        }
        if let gone = try whole(or: [], { try LedgerShelf(system).missing() }).first {
            problem(.goneLedger, ["ledger": .text(gone)])
        }
        let windows = try Windows(system).all()
        let window = windows.last { $0.from != nil }
        let holes = windows.flatMap(\.holes)
        if let hole = holes.first {
            problem(
                .holes, ["count": .count(holes.count), "segment": .text(hole.segment), "why": .saying(hole.saying.firstLine)])
        }
        let aside = try system.repository.storage.list(system.aside)
        if let first = aside.first {
            problem(.refusedWAL, ["count": .count(aside.count), "folder": .text(system.aside), "file": .text(first)])
        }
        guard primary else {
            // How far each is behind the server is asked of the first; the others are held against it.
            if let far = report.window.to, let to = window?.to, Double(age(to) - age(far)) / 1_000 > Self.archiveLate {
                problem(.shortWAL, ["to": .text(to), "far": .text(far)])
            }
            return
        }
        let wal = try await WALStatus(settings, system, logger: logger)
        if let behind = wal.behind, behind > 3 { problem(.behind, ["count": .count(behind)]) }
        report.segmentsBehind = wal.behind
        report.backups = backups.count
        report.repositoryBytes = try size("", system.repository.storage)
        report.newestProven = proven?.manifest.id
        report.newestProvenAt = proven?.proven?.at
        report.window = (window?.from, window?.to)
        report.drill = drill
        report.rtoSeconds = drill?.rtoSeconds
        if let to = window?.to { report.rpoSeconds = Double(age(to)) / 1_000 }
        if let last = report.rpoSeconds, wal.current != nil, last > Self.archiveLate {
            problem(.still, ["seconds": .count(Int(last))])
        }
    }

    private func size(_ folder: String, _ storage: any Storage) throws -> Int {
        try storage.list(folder).reduce(0) { sum, name in
            let path = folder.isEmpty ? name : "\(folder)/\(name)"
            return sum + (try storage.size(path) ?? size(path, storage))
        }
    }
}

extension Saying {
    /// One that tells much, as the last words of a server do, must not fill the screen.
    fileprivate var firstLine: Saying { shown(text.split(separator: "\n").first.map(String.init) ?? "") }

    fileprivate var onOneLine: Saying { shown(text.replacingOccurrences(of: "\n", with: " ")) }
}
