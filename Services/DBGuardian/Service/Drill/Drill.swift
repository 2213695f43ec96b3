import EverlinePostgres
import EverlineProtocol
package import EverlineService
import Foundation

/// `drill`: proves that the backups restore, with nothing but a repository and its key file.
package struct Drill: Sendable {
    private let room: JobRoom
    private let tools: PostgresTools
    private let folder: String
    private let database: String

    private init(_ settings: Settings, progress: JobProgress) async throws {
        room = try await JobRoom("drill", settings, progress: progress, readOnlyWill: true)
        tools = try PostgresTools(settings)
        folder = try settings.string("drill.folder")
        database = try settings.string("roles.database")
    }

    /// One after the other, each with nothing but its own files.
    /// - Parameter only: the path of one of them; nil for all.
    /// - Throws: what cannot even begin; everything else is a difference.
    package static func run(_ settings: Settings, only: String?, progress: JobProgress) async throws -> [DrillResult] {
        let drill = try await Drill(settings, progress: progress)
        let known = drill.room.repositories.all
        let chosen = known.filter { only == nil || FolderStorage(only ?? "").place == $0.storage.place }
        guard !chosen.isEmpty else {
            throw GuardianError(
                "\(only ?? "") is none of the configured repositories",
                hint: "they are: \(known.map(\.storage.place).joined(separator: ", "))")
        }
        var results: [DrillResult] = []
        for repository in chosen { results.append(try await drill.run(repository)) }
        return results
    }

    private func run(_ repository: Repository) async throws -> DrillResult {
        let began = Timestamp.now
        var result = DrillResult(
            ok: false, repository: repository.storage.place, backup: "", target: "", older: nil, rooms: 0, messages: 0,
            rpoSeconds: 0,
            rtoSeconds: 0, differences: [], at: began.description)
        do {
            try await rehearse(try repository.onlySystem(room.repositories.wanted), began, &result)
        } catch {
            // That it was told to stop says nothing of the backup.
            try Task.checkCancellation()
            result.differences.append("\(error)".replacingOccurrences(of: "\nHINT:", with: ". HINT:"))
        }
        result.ok = result.differences.isEmpty
        if try !repository.systems().isEmpty { try record(result, repository.onlySystem(room.repositories.wanted)) }
        return result
    }

    private func rehearse(_ system: System, _ began: Timestamp, _ result: inout DrillResult) async throws {
        let planner = try RestorePlanner(system)
        let end = try planner.plan(.latest)
        result.backup = end.backup.manifest.id
        let major = try tools.major("postgres")
        guard major == end.backup.manifest.server else {
            throw GuardianError(
                "the backup is of PostgreSQL \(end.backup.manifest.server), and \(tools.folder) has \(major)",
                hint: "set tools.folder")
        }
        let stops = try stops(system, planner, end.backup.manifest.id)
        guard let newest = stops.newest else {
            throw GuardianError(
                "no ledger can be restored to, so nothing can be compared: this drill proves nothing",
                hint: "`db-guardian ledger` records one; its WAL must be archived")
        }
        result.target = newest.ledger.id
        result.older = stops.older?.ledger.id
        let rehearsal = Rehearsal(
            repository: system.repository, repositories: room.repositories.only(system.repository), tools: tools,
            progress: room.progress, database: database)
        var way: [(ledger: Ledger, plan: RestorePlan)] = [newest]
        if let older = stops.older {
            if older.plan.backup.manifest.id == newest.plan.backup.manifest.id {
                way.insert(older, at: 0)
            } else {
                let apart = try await rehearsal.run([older], end: nil, in: try place())
                result.differences += apart.differences
            }
        }
        let outcome = try await rehearsal.run(way, end: end, in: try place())
        result.differences += outcome.differences
        result.rooms = outcome.rooms
        result.messages = outcome.messages
        result.rtoSeconds = Self.rounded(outcome.seconds)
        let last = outcome.heartbeat ?? newest.ledger.at
        result.rpoSeconds = Self.rounded(max(0, Double(began.milliseconds * 1_000 - last) / 1e6))
        if outcome.messages == 0, newest.ledger.totals.messages != 0 {
            result.differences.append("the restored database is empty")
        }
    }

    /// The newest ledger that the newest backup leads to, and a random older one.
    private func stops(_ system: System, _ planner: RestorePlanner, _ backup: String) throws -> (
        newest: (ledger: Ledger, plan: RestorePlan)?, older: (ledger: Ledger, plan: RestorePlan)?
    ) {
        let shelf = LedgerShelf(system)
        func stop(_ id: String, from backup: String?) throws -> (ledger: Ledger, plan: RestorePlan)? {
            // Not archived yet, or before the first backup: another will do.
            guard let plan = try? planner.plan(.point(id), from: backup), let ledger = try shelf.ledger(id) else { return nil }
            return (ledger, plan)
        }
        let ids = try shelf.ids()
        var newest: (ledger: Ledger, plan: RestorePlan)?
        for id in ids.reversed() where newest == nil { newest = try stop(id, from: backup) }
        guard let newest else { return (nil, nil) }
        for id in ids.filter({ $0 < newest.ledger.id }).shuffled() {
            if let older = try stop(id, from: backup) ?? stop(id, from: nil) { return (newest, older) }
        }
        return (newest, nil)
    }

    private func place() throws -> String {
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o711])
        // What killed drills left there; those of other repositories may be at work.
        for name in try FileManager.default.contentsOfDirectory(atPath: folder)
        where name.hasPrefix("everline-drill-") && Destination.isLeft("\(folder)/\(name)") {
            try FileManager.default.removeItem(atPath: "\(folder)/\(name)")
        }
        return "\(folder)/everline-drill-\(getpid())-\(UInt16.random(in: 0 ... .max))"
    }

    private func record(_ result: DrillResult, _ system: System) throws {
        guard room.canWrite else { return }
        try DrillRecords(system).add(result)
        guard !result.backup.isEmpty, !result.target.isEmpty else { return }
        try Catalogue(system).note(
            BackupFinding(at: result.at, ok: result.ok, problems: result.differences), BackupFinding.provenName, of: result.backup
        )
    }

    private static func rounded(_ seconds: Double) -> Double { (seconds * 1_000).rounded() / 1_000 }
}
