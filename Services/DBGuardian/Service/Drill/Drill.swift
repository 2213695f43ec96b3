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
        let known = drill.room.repositories
        func isMeant(_ place: String) -> Bool { only == nil || FolderStorage(only ?? "").place == place }
        let chosen = known.all.filter { isMeant($0.storage.place) }
        let lost = known.lost.filter { isMeant($0.place) }
        guard !chosen.isEmpty || !lost.isEmpty else {
            let places = known.all.map(\.storage.place) + known.lost.map(\.place)
            throw GuardianError(
                "\(only ?? "") is none of the configured repositories", hint: "they are: \(places.joined(separator: ", "))")
        }
        var results: [DrillResult] = []
        for repository in chosen { results.append(try await drill.run(repository)) }
        return results + lost.map { DrillResult.failed($0.error, in: $0.place) }
    }

    private func run(_ repository: Repository) async throws -> DrillResult {
        let began = Timestamp.now
        var result = DrillResult(
            ok: false, repository: repository.storage.place, backup: "", target: "", older: nil, rooms: 0, messages: 0,
            rpoSeconds: 0,
            rtoSeconds: 0, at: began.description)
        do {
            try await rehearse(try repository.onlySystem(room.repositories.wanted), began, &result)
        } catch {
            // That it was told to stop says nothing of the backup.
            try Task.checkCancellation()
            result.add([Saying(error)])
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
        let stops = try stops(system, planner, end)
        guard let newest = stops.newest else {
            throw GuardianError(
                "no ledger can be restored to, so nothing can be compared: this drill proves nothing",
                hint: "`db-guardian ledger` records one; its WAL must be archived", kind: .nothingToCompare)
        }
        result.target = newest.ledger.id
        result.older = stops.older?.ledger.id
        let rehearsal = Rehearsal(
            repository: system.repository, repositories: room.repositories.only(system.repository), tools: tools,
            progress: room.progress, database: database)
        // Those that lie one behind the other on the way to the end are stops on it; what another backup leads to, or what a
        // timeline held after it had been left, is a way of its own.
        let all = [stops.older, newest].compactMap { $0 }
        let way = all.filter { planner.leads($0.plan, through: $0.ledger, to: end) }
        let outcome = try await rehearsal.run(way, end: end, in: try place())
        result.add(outcome.differences)
        (result.rooms, result.messages) = (outcome.rooms, outcome.messages)
        for stop in all where !way.contains(where: { $0.ledger.id == stop.ledger.id }) {
            let apart = try await rehearsal.run([stop], end: nil, in: try place())
            result.add(apart.differences)
            if stop.ledger.id == newest.ledger.id { (result.rooms, result.messages) = (apart.rooms, apart.messages) }
        }
        result.rtoSeconds = Self.rounded(outcome.seconds)
        let last = outcome.heartbeat ?? newest.ledger.at
        result.rpoSeconds = Self.rounded(max(0, Double(began.milliseconds * 1_000 - last) / 1e6))
        if result.messages == 0, newest.ledger.totals.messages != 0 {
            result.add([Saying(.emptyDatabase)])
        }
    }

    /// The newest ledger that lies on the way to the end, and a random older one, wherever that is.
    private func stops(_ system: System, _ planner: RestorePlanner, _ end: RestorePlan) throws -> (
        newest: (ledger: Ledger, plan: RestorePlan)?, older: (ledger: Ledger, plan: RestorePlan)?
    ) {
        let shelf = LedgerShelf(system)
        func stop(_ id: String, from backup: String?) throws -> (ledger: Ledger, plan: RestorePlan)? {
            // Not archived yet, or before the first backup: another will do.
            guard let plan = try? planner.plan(.point(id), from: backup), let ledger = try shelf.ledger(id) else { return nil }
            return (ledger, plan)
        }
        let backup = end.backup.manifest.id
        let ids = try shelf.ids()
        var newest: (ledger: Ledger, plan: RestorePlan)?
        for id in ids.reversed() {
            guard let one = try stop(id, from: backup) else { continue }
            let leads = planner.leads(one.plan, through: one.ledger, to: end)
            // Only where none lies on the way: just after a restore the newest may be of what was left.
            if leads || newest == nil { newest = one }
            if leads { break }
        }
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
