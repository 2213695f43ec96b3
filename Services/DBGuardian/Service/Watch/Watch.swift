import EverlineCryptography
import EverlinePostgres
package import EverlineService
import Foundation
package import Logging
import Metrics

/// `audit watch`: follows the server's log, compares its catalogues, and asks its statistics, so that each of the rules sees what happens; what they
/// see goes to the sink. Everything it must remember lies beside the backups.
package actor Watch {
    let settings: Settings
    let logger: Logger
    let sink: any AlarmSink
    let session: PostgresSession
    let source: any LogSource
    let errands: Errands
    let repository: Repository
    /// nil when another watch keeps the state; then nothing is kept here.
    private var lock: StorageLock?
    private(set) var keepsState = false
    private var serving: StorageLock?

    var store: WatchStore
    var state = WatchState()
    private var keptState: WatchState?
    var follower = LogFollower([])
    var parser = LogParser(zone: "UTC")
    var serials = SerialCheck([], since: 0)
    var rules: [any Rule]
    var scene = Scene()
    var deeds = Deeds()
    var known = KnownCatalogue()
    var baselines = Baselines()
    var canary: Canary
    var rooms = RoomLook()
    /// Differences that no record has explained yet, with when they were seen.
    var unexplained: [Unexplained] = []
    /// Sessions that were let in and have not said goodbye.
    var authorized: [SessionID: LogRecord] = [:]
    var missing: [SessionID: Int] = [:]
    /// Names of errands that were looked at before.
    var named: [String: Errands.Errand?] = [:]
    /// Whose a name is that is good for one session.
    var owners: [String: SessionID] = [:]
    var raised: [String: ContinuousClock.Instant] = [:]
    var pending: [Alarm] = []
    var counted: [String: Int64] = [:]
    var countsStatements = false
    /// Counted statements of others than superusers that are of no unusual kind.
    var usual: Set<String> = []
    var recorded = RecordedStatements()
    /// Statements that were counted, whose records may be on their way.
    var unrecorded: [Counted] = []
    var written: [String: Int64] = [:]
    var looked: [String: ContinuousClock.Instant] = [:]
    var writtenThen: [String: Int64] = [:]
    var hasBaselinesToKeep = false
    var hasCatalogueToKeep = false
    var keptCatalogue = KnownCatalogue()
    var lastActivity: ContinuousClock.Instant?
    var kinds: [String: Counter] = [:]
    /// Since the sink was told of them last.
    var statements = StatementCounts()
    /// When each log file was written last, in seconds since 1970.
    var logFiles: [String: Int64] = [:]
    /// The last look at the log has read all there was.
    var isCaughtUp = false
    /// Milliseconds by which the server's clock is ahead of ours.
    var ahead: Int64 = 0
    let learn: Int64
    /// Whether it stands by while another one of these watches.
    private let waits: Bool

    struct Unexplained {
        var difference: Difference
        var seen: ContinuousClock.Instant
        /// The same in milliseconds since 1970 by the server's clock.
        var milliseconds: Int64
        /// When the look before that began.
        var before: Int64
    }

    struct Counted {
        var role: String
        var database: String
        var sql: String
        var isSuperuser: Bool
        var seen: ContinuousClock.Instant
        var milliseconds: Int64
    }

    private static let busy = Duration.milliseconds(100)
    private static let idle = Duration.milliseconds(500)

    /// - Parameters:
    ///   - sink: gets each alarm.
    ///   - waits: whether it stands by while another one of these watches. Otherwise it looks along and keeps nothing while another watch keeps the state.
    package init(_ settings: Settings, sink: any AlarmSink, waits: Bool = false, logger: Logger) throws {
        self.settings = settings
        self.waits = waits
        self.logger = logger
        self.sink = sink
        repository = try Repositories(settings).first
        errands = Errands(repository)
        session = PostgresSession(try settings.watch(), logger: logger)
        if let folder = settings.optional("watch.logFolder") {
            source = FolderLogSource(folder)
        } else {
            source = SQLLogSource(session)
        }
        let thresholds = settings.optional("watch.thresholds") ?? ""
        rules = try RuleTable.rules(thresholds)
        canary = Canary(patience: .milliseconds(Int(try RuleTable.threshold("audit-silence", "canary", thresholds) * 1_000)))
        learn = Int64(try RuleTable.threshold("login-anomaly", "learn", thresholds) * 3_600_000)
        store = WatchStore(repository, system: "unknown")
        scene.inventory.add(settings)
    }

    /// Goes on until the task is cancelled.
    package func run() async throws {
        var pause = Duration.milliseconds(200)
        var isWell = true
        var hasBegun = false
        var blind: (since: ContinuousClock.Instant, isTold: Bool)?
        defer { (lock, serving) = (nil, nil) }
        while !Task.isCancelled {
            do {
                if !hasBegun {
                    try await begin()
                    hasBegun = true
                }
                let rest = try await turn()
                if !isWell { logger.notice("the watch goes on") }
                isWell = true
                blind = nil
                pause = .milliseconds(200)
                try await Task.sleep(for: rest)
            } catch let error as CancellationError {
                if hasBegun { try? await keep() }
                await session.shutdown()
                throw error
            } catch {
                // Once, not at every turn.
                if isWell { logger.warning("the watch cannot look", metadata: ["error": "\(error)"]) }
                isWell = false
                let since = blind?.since ?? .now
                if blind?.isTold != true, .now - since > (hasBegun ? Self.patience(with: error) : .seconds(30)) {
                    tell(
                        .silence(
                            object: "watch",
                            words: "the watch has been kept from looking for \((.now - since).components.seconds) s: \(error)",
                            evidence: [], certain: true))
                    blind = (since, true)
                } else if blind == nil {
                    blind = (since, false)
                }
                await flush()
                try await Task.sleep(for: pause)
                pause = min(pause * 2, .seconds(2))
            }
        }
    }

    /// How long it may be blind before that is an alarm: a server that is restarted is away for a while, one that refuses is not.
    private static func patience(with error: any Error) -> Duration {
        if let error = error as? PostgresError, error.kind == .server { return .seconds(1) }
        return .seconds(30)
    }

    // MARK: Beginning

    /// Of two guardians that serve one watches, or each thing would be found twice; the other goes on when that one ends, however it ends.
    private func standBy() async throws {
        func take() throws -> Bool {
            if serving == nil { serving = try repository.storage.lock("serving", shared: false, holder: "serve") }
            return serving != nil
        }
        if try take() { return }
        logger.notice("another guardian watches; this one goes on when that one ends")
        while try !take() { try await Task.sleep(for: Self.idle) }
    }

    private func begin() async throws {
        if waits { try await standBy() }
        let rows = try await session.query(
            """
            SELECT (SELECT system_identifier FROM pg_control_system()), current_setting('log_timezone'), (extract(epoch FROM clock_timestamp()) * 1000)::bigint,
                current_database()::text, (SELECT array_agg(rolname::text) FROM pg_roles WHERE rolsuper), current_setting('log_destination')
            """)
        let system = "\(UInt64(bitPattern: try rows.decode(0, 0, as: Int64.self)))"
        let now: Int64 = try rows.decode(0, 2)
        guard try rows.decode(0, 5, as: String.self).contains("jsonlog") else {
            throw GuardianError("the server does not write jsonlog", hint: "`db-guardian audit harden` sets log_destination")
        }
        parser = LogParser(zone: try rows.decode(0, 1))
        scene.database = try rows.decode(0, 3)
        scene.superusers = Set(try rows.decode(0, 4, as: [String].self))
        clock(now)
        store = WatchStore(repository, system: system)
        if lock == nil { lock = try repository.storage.lock("watch", shared: false, holder: "audit watch") }
        keepsState = lock != nil
        if !keepsState { logger.notice("another watch keeps the findings; this one only looks") }
        if keepsState, let kept = try remembered(store.state) {
            state = kept
        } else {
            state = WatchState(since: now)
            // The file that is being written is read, for who is connected; older ones are another time's.
            let files = try await source.list()
            state.files = files.map { LogFollower.File(name: $0.name, offset: $0 == files.last ? 0 : $0.size) }
            state.past = files.last.map { WatchState.Past(file: $0.name, size: $0.size) }
            state.login = try await LoginLook.newest(session)
        }
        follower = LogFollower(state.files)
        serials = SerialCheck(state.sessions, since: UInt32(clamping: state.since / 1_000))
        deeds = Deeds(state.deeds)
        owners = state.owners ?? [:]
        for index in rules.indices {
            guard let kept = state.bursts?[rules[index].definition.id] else { continue }
            var own = rules[index].bursts
            guard own.count == kept.count else { continue }
            for number in own.indices { own[number].take(kept[number], now: now) }
            rules[index].bursts = own
        }
        baselines = keepsState ? try remembered(store.baselines) ?? Baselines() : Baselines()
        if keepsState, let kept = try remembered(store.catalogue), kept.form == KnownCatalogue.form {
            known = kept
            scene.cluster = kept.cluster
        } else {
            try await learnCatalogue()
        }
        logger.notice("the watch begins", metadata: ["system": "\(system)", "since": "\(state.since)"])
    }

    /// What was kept, or nothing if it is damaged: then the watch begins anew, and says so.
    private func remembered<Value>(_ read: () throws -> Value?) throws -> Value? {
        do { return try read() } catch let error as DamageError {
            tell(
                .silence(
                    object: error.artefact,
                    words: "what the watch had kept is damaged (\(error.problem)); what happened while it was away is not known",
                    evidence: [error.artefact], certain: true))
            return nil
        }
    }

    /// The server's clock, as it was heard last and ours has gone on.
    func clock(_ now: Int64) {
        ahead = now - Int64(Date().timeIntervalSince1970 * 1_000)
        scene.now = now
    }

    // MARK: A turn

    /// - Returns: how long to rest.
    private func turn() async throws -> Duration {
        scene.now = Int64(Date().timeIntervalSince1970 * 1_000) + ahead
        let (lines, more) = try await follow()
        isCaughtUp = !more
        try await due("canary", .seconds(2)) { try await sendCanary() }
        try await due("activity", .seconds(1)) { try await lookAtActivity() }
        try await due("catalogue", .seconds(2)) { try await lookAtCatalogue() }
        try await due("logins", .seconds(2)) { try await lookAtLogins() }
        try await due("rooms", .seconds(3)) { try await lookAtRooms() }
        try await due("files", .seconds(30)) {
            logFiles = Dictionary(try await source.list().map { ($0.name, $0.modified) }) { $1 }
        }
        try await due("repository", .seconds(60)) { try await lookAtRepository() }
        if !statements.isEmpty {
            try await due("statements", .seconds(10)) {
                let counted = statements
                statements = StatementCounts()
                await sink.count(counted)
            }
        }
        explain()
        judgeCounted()
        let hadAlarms = !pending.isEmpty
        await flush()
        if hadAlarms { try await keep() } else { try await due("keeping", .seconds(2)) { try await keep() } }
        return more ? .zero : lines > 0 || !unexplained.isEmpty || !unrecorded.isEmpty ? Self.busy : Self.idle
    }

    /// Does it if it was not done for that long; what fails is tried again next time and keeps nothing else from being looked at.
    private func due(_ name: String, _ interval: Duration, _ body: () async throws -> Void) async throws {
        if let last = looked[name], .now - last < interval { return }
        looked[name] = .now
        do { try await body() } catch let error as CancellationError { throw error } catch {
            guard let error = error as? PostgresError, error.kind == .server || error.kind == .deadline else { throw error }
            logger.warning("a look failed", metadata: ["look": "\(name)", "error": "\(error)"])
        }
    }

    func soon(_ name: String) { looked[name] = nil }

    private func keep() async throws {
        guard keepsState else { return }
        var state = state
        state.files = follower.state
        state.sessions = serials.state
        state.deeds = deeds.recent(now: scene.now)
        state.owners = owners.filter { scene.now / 1_000 - Int64($0.value.start) < Errands.longest }
        state.bursts = Dictionary(
            uniqueKeysWithValues: rules.filter { !$0.bursts.isEmpty }.map { rule in
                (rule.definition.id, rule.bursts.map { $0.recent(now: scene.now) })
            })
        if state != keptState {
            try await store.keep(state)
            keptState = state
        }
        try await keepCatalogue()
        if hasBaselinesToKeep {
            hasBaselinesToKeep = false
            try await store.keep(baselines)
        }
    }

    // MARK: Alarms

    /// What was seen at once more than once is told once.
    func raise(_ alarms: [Alarm]) {
        for alarm in alarms {
            if let index = pending.firstIndex(where: { $0.rule == alarm.rule && $0.cause == alarm.cause }) {
                pending[index].severity = max(pending[index].severity, alarm.severity)
                pending[index].destroyed = pending[index].destroyed || alarm.destroyed
                for line in alarm.evidence where pending[index].evidence.count < 20 && !pending[index].evidence.contains(line) {
                    pending[index].evidence.append(line)
                }
            } else if pending.count < 1_000 {
                pending.append(alarm)
            }
        }
    }

    /// A state that lasts is told once a minute.
    func raiseLasting(_ alarms: [Alarm]) {
        for alarm in alarms {
            let key = "\(alarm.rule) \(alarm.cause)"
            if let last = raised[key], .now - last < .seconds(60) { continue }
            if raised.count > 10_000 { raised.removeAll() }
            raised[key] = .now
            raise([alarm])
        }
    }

    private func flush() async {
        let alarms = pending
        pending.removeAll()
        for alarm in alarms {
            Counter(
                label: "everline_guardian_alarms_total",
                dimensions: [("rule", alarm.rule), ("severity", alarm.severity.rawValue)]
            ).increment()
            await sink.raise(alarm)
        }
    }

    func tell(_ event: WatchEvent) {
        for index in rules.indices {
            let alarms = rules[index].see(event, scene)
            if type(of: rules[index]).lasts { raiseLasting(alarms) } else { raise(alarms) }
        }
    }

    /// The guardian's verb of that session, if it is one of its own: by its name, and as the first that has come by it where that is good for one.
    func verb(_ application: String, _ session: SessionID) -> String? {
        guard let errand = errand(application, session) else { return nil }
        let isTaken = errand.isOnce && (owners[application] ?? session) != session
        return isTaken ? nil : errand.verb
    }

    /// Whoever is let in by a name that is good for one session has it. The log tells of the guardian's own before anybody could read the name.
    func own(_ application: String, _ session: SessionID) {
        guard let errand = errand(application, session), errand.isOnce, owners[application] == nil else { return }
        if owners.count > 10_000 {
            owners = owners.filter { Int64(session.start) - Int64($0.value.start) < Errands.longest }
        }
        owners[application] = session
    }

    private func errand(_ application: String, _ session: SessionID) -> Errands.Errand? {
        guard application.hasPrefix("db-guardian ") else { return nil }
        let key = "\(session.start) \(application)"
        if let known = named[key] { return known }
        if named.count > 10_000 { named.removeAll() }
        let errand = errands.errand(of: application, started: Int64(session.start))
        named[key] = errand
        return errand
    }
}
