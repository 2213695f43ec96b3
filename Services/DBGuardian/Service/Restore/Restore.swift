import EverlinePostgres
import EverlineProtocol
package import EverlineService
import Foundation
package import Logging

/// What `restore` prints.
package struct RestoreResult: Codable, Sendable {
    package var target: String
    package var backup: String
    /// The last transaction that is there; with `--plan` the moment that it will not go beyond.
    package var reached: String
    package var lost: [Loss]
    package var directory: String
    package var startCommand: String
    package var timeline: UInt32
    package var port: Int?
    package var epoch: String?
    /// The first and the last segment that is replayed.
    package var wal: [String]
    package var needs: [String]
    package var notes: [String]
}

/// What a restore was asked for besides its target.
package struct RestoreRequest: Sendable {
    package let directory: String
    /// What the restored server will listen on; nil for the port of its settings if that is free, else a free one.
    package let port: Int?
    /// The only database to keep.
    package let database: String?
    /// On which timeline the target is; nil for the newest that has it.
    package let timeline: UInt32?
    /// Whether a restore into the same folder that was not finished is to be taken away.
    package let clearing: Bool

    package init(directory: String, port: Int?, database: String?, timeline: UInt32?, clearing: Bool) {
        self.directory = directory
        self.port = port
        self.database = database
        self.timeline = timeline
        self.clearing = clearing
    }
}

/// `restore`: plans, checks, unpacks, replays, changes the epoch, and moves it to its place.
package struct Restore: Sendable {
    private let settings: Settings
    private let repositories: Repositories
    private let tools: PostgresTools
    private let progress: JobProgress
    private let logger: Logger

    package init(_ settings: Settings, progress: JobProgress, logger: Logger) throws {
        self.settings = settings
        self.progress = progress
        self.logger = logger
        repositories = try Repositories.reachable(settings)
        tools = try PostgresTools(settings)
    }

    // MARK: Planning

    /// What the running server may take to send what it has not archived yet.
    private static let patience = Duration.seconds(20)

    /// The plan of the first repository that leads there. Where the target has passed but its WAL has not come yet, a running
    /// server is asked to send it.
    package func plan(_ target: RestoreTarget, on timeline: UInt32? = nil) async throws -> RestorePlan {
        let plan: RestorePlan
        do {
            plan = try look(target, timeline)
        } catch let error as NotYetError {
            guard let segment = try await sent(target) else { throw error }
            let end = ContinuousClock.now + Self.patience
            progress.step(.waitingForSegment, ["segment": .text("\(segment)")])
            // Once it has come there is nothing more to wait for.
            while try !has(segment), ContinuousClock.now < end { try await Task.sleep(for: .milliseconds(200)) }
            plan = try look(target, timeline)
        }
        let manifest = plan.backup.manifest
        for file in manifest.files {
            let name = "\(plan.backup.folder)/\(file.name)"
            guard try plan.backup.system.repository.storage.size(name) == file.storedBytes else {
                throw DamageError("\(plan.backup.system.repository.storage.place)/\(name)", "it is missing or was cut")
            }
        }
        let major = try tools.major("postgres")
        guard major == manifest.server else {
            throw GuardianError(
                "the backup is of PostgreSQL \(manifest.server), and \(tools.folder) has \(major)",
                hint: "install postgresql-\(manifest.server), or set tools.folder")
        }
        return plan
    }

    private func look(_ target: RestoreTarget, _ timeline: UInt32?) throws -> RestorePlan {
        let plan = try repositories.firstAnswer { repository in
            try RestorePlanner(repository.onlySystem(repositories.wanted)).plan(target, on: timeline)
        }
        guard var plan else { throw GuardianError("there is no repository") }
        plan.notes += repositories.lost.map { "done without a repository that may know more: \($0.words)" }
        return plan
    }

    /// Whether a segment is in one of the repositories.
    private func has(_ segment: String) throws -> Bool {
        try repositories.systems().contains {
            try $0.repository.storage.size("\($0.wal)/\(ArchiveFile.folder(segment))/\(segment)") != nil
        }
    }

    /// The segment that the server of this system was asked to end and to send; nil if it does not run, or the target is none that
    /// this could help to.
    private func sent(_ target: RestoreTarget) async throws -> String? {
        switch target {
        case .latest, .backup: return nil
        case .time(let time): if time > Timestamp.now.milliseconds * 1_000 { return nil }
        case .point: break
        }
        guard settings.optional("postgres.conninfo") != nil else { return nil }
        let postgres = try settings.own("restore")
        let systems = try repositories.systems().map(\.identifier)
        do {
            guard systems.contains(try await SourceServer(postgres, logger: logger).system) else { return nil }
            return try await Aftermath.switchSegment(postgres, logger)
        } catch {
            // It may well be gone.
            logger.debug("the running server cannot be asked", metadata: ["error": "\(error)"])
            return nil
        }
    }

    /// What the plan says, without touching anything.
    package func preview(_ target: RestoreTarget, _ request: RestoreRequest) async throws -> RestoreResult {
        let locks = try Reading.lock(repositories)
        defer { withExtendedLifetime(locks) {} }
        let plan = try await plan(target, on: request.timeline)
        try check(plan, request)
        let known = try await LastNumbers.known(settings, plan.backup.system, logger: logger)
        let before = try LedgerShelf(plan.backup.system).newestWhole { $0.at <= plan.until }
        var restored: [String: Int64] = [:]
        for room in before?.rooms ?? [] { restored[room.name] = room.lastSeq }
        var notes = plan.notes
        notes.append(
            before.map { "losses are at most these: what is known of that moment is the ledger of \(RestoreTarget.text($0.at))" }
                ?? "no ledger is known of before that moment, so losses are counted from each room's beginning")
        let lost = plan.target == .latest ? [] : LastNumbers.losses(known: known, restored: restored)
        return result(
            plan, request.directory, reached: RestoreTarget.text(plan.until), lost: lost, port: request.port, epoch: nil,
            notes: notes)
    }

    /// What can be refused before anything is touched.
    private func check(_ plan: RestorePlan, _ request: RestoreRequest) throws {
        let manifest = plan.backup.manifest
        try Destination.check(
            request.directory, bytes: manifest.bytes, user: ServerUser.of(plan.backup.system.repository),
            clearing: request.clearing)
        if let database = request.database, !manifest.databases.contains(database) {
            throw GuardianError(
                "backup \(manifest.id) has no database \(database)", hint: "it has: \(manifest.databases.joined(separator: ", "))"
            )
        }
        try read(plan)
    }

    /// Reads the WAL to be replayed once before: a damaged segment would stop recovery half-way, perhaps after hours, with nothing
    /// to show for it, and reading takes a small part of replaying. The backup itself is checked while it is unpacked.
    private func read(_ plan: RestorePlan) throws {
        guard plan.backup.manifest.kind == .base else { return }
        func look(_ name: String) throws {
            progress.step(.checking, ["file": .text(name)])
            _ = try repositories.firstAnswer { repository in
                try WALArchive(repository).fetch(name, system: repository.system(plan.backup.system.identifier))
            }
        }
        for one in plan.segments {
            do { try look(one.name) } catch let error as DamageError { throw one.damaged(error.problem) }
        }
        // Recovery looks for the first number that no timeline has.
        var next = plan.timeline + 1
        while try has(history: next, plan.backup.system) {
            try look(String(format: "%08X.history", next))
            next += 1
        }
    }

    private func has(history timeline: UInt32, _ system: System) throws -> Bool {
        let folder = String(format: "%08X", timeline)
        return try repositories.all.contains {
            try $0.storage.size("\($0.system(system.identifier).wal)/\(folder)/\(folder).history") != nil
        }
    }

    // MARK: Restoring

    package func run(_ target: RestoreTarget, _ request: RestoreRequest) async throws -> RestoreResult {
        let locks = try Reading.lock(repositories)
        defer { withExtendedLifetime(locks) {} }
        let plan = try await plan(target, on: request.timeline)
        let manifest = plan.backup.manifest
        try check(plan, request)
        let known = try await LastNumbers.known(settings, plan.backup.system, logger: logger)
        let user = ServerUser.of(plan.backup.system.repository)
        let destination = try Destination(request.directory, user: user, clearing: request.clearing)
        do {
            let fetch = try FetchCommand(repositories, system: manifest.system, user: user)
            let found: Found
            if manifest.kind == .base {
                try unpack(plan, destination)
                found = try await replay(plan, destination, fetch, request.database)
            } else {
                found = try await DumpRestore(tools: tools, progress: progress).run(
                    plan.backup, repositories, destination, fetch, database: request.database)
            }
            let chosen = try request.port ?? Port.choose(data: destination.work, tools: tools, user: user)
            try destination.finish()
            return result(
                plan, request.directory, reached: found.reached.map(RestoreTarget.text) ?? RestoreTarget.text(plan.until),
                lost: LastNumbers.losses(known: known, restored: found.numbers), port: chosen, epoch: found.epoch,
                notes: plan.notes)
        } catch {
            destination.discard()
            throw error
        }
    }

    /// What is in the restored database.
    package struct Found: Sendable {
        package var reached: Int64?
        package var numbers: [String: Int64] = [:]
        package var epoch: String?
    }

    /// From the first repository whose copy is whole.
    private func unpack(_ plan: RestorePlan, _ destination: Destination) throws {
        let unpacked = try repositories.firstAnswer { repository -> Bool? in
            try destination.clear()
            let system = repository.system(plan.backup.manifest.system)
            guard let backup = try Catalogue(system).backup(plan.backup.manifest.id) else { return nil }
            for file in backup.manifest.files {
                try Bundle.unpack("\(backup.folder)/\(file.name)", repository, to: destination.work, user: destination.user) {
                    progress.bytes(.unpacking, $0)
                }
            }
            return true
        }
        guard unpacked == true else { throw DamageError(plan.backup.folder, "it is missing") }
    }

    private func replay(_ plan: RestorePlan, _ destination: Destination, _ fetch: FetchCommand, _ database: String?) async throws
        -> Found
    {
        try RecoveryFiles.prepare(destination.work, user: destination.user)
        progress.step(.replaying)
        let progress = progress
        let instance = try Instance(
            data: destination.work, tools: tools, fetch: fetch, superuser: plan.backup.manifest.superuser, user: destination.user,
            settings: plan.settings + [("recovery_target_action", "promote")]
                + (plan.wal == nil ? [("restore_command", fetch.historiesOnly)] : []),
            heard: { line in
                if let at = line.range(of: "restored log file") {
                    progress.step(.replayed, ["text": .text(String(line[at.lowerBound...]))])
                }
            })
        do {
            try await instance.ready()
            let found = try await Settlement(instance, plan.backup.manifest).settle(only: database)
            try await instance.stop()
            try RecoveryFiles.tidy(destination.work)
            return found
        } catch {
            await instance.abandon()
            throw error
        }
    }

    private func result(
        _ plan: RestorePlan, _ directory: String, reached: String, lost: [Loss], port: Int?, epoch: String?, notes: [String]
    ) -> RestoreResult {
        let absolute = URL(fileURLWithPath: directory).path
        return RestoreResult(
            target: plan.target.text, backup: plan.backup.manifest.id, reached: reached, lost: lost, directory: absolute,
            startCommand: StartCommand.text(
                absolute, tools: tools, user: ServerUser.of(plan.backup.system.repository), port: port),
            timeline: plan.timeline, port: port, epoch: epoch, wal: plan.wal.map { [$0.first, $0.last] } ?? [],
            needs: plan.backup.manifest.needs, notes: notes)
    }
}

/// Keeps `prune` away while something is read; on a repository that is read-only there is no pruning to keep away.
package enum Reading {
    package static func lock(_ repositories: Repositories) throws -> [StorageLock] {
        try repositories.all.compactMap { repository in
            do {
                if let lock = try repository.storage.lock("reading", shared: true, holder: "") { return lock }
            } catch let error as SystemError where [EROFS, EACCES, EPERM, ENOSPC].contains(error.number) {
                return nil
            }
            throw BusyError(place: repository.storage.place, holder: "backup prune")
        }
    }
}
