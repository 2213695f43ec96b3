import EverlinePostgres
import EverlineProtocol
import Foundation

/// One restore into a throw-away folder: to each ledger in turn, compared while recovery stands still there, then as far as the
/// WAL goes.
struct Rehearsal: Sendable {
    let repository: Repository
    let repositories: Repositories
    let tools: PostgresTools
    let progress: JobProgress
    let database: String

    struct Outcome: Sendable {
        var differences: [Saying] = []
        var rooms: Int64 = 0
        var messages: Int64 = 0
        /// When the heart last beat in what was restored, in microseconds since 1970.
        var heartbeat: Int64?
        var seconds = 0.0
    }

    /// - Parameters:
    ///   - stops: ledgers with the plan to each, the earliest first, all from the same backup.
    ///   - end: the plan as far as the WAL goes; nil if the stops are all that is asked.
    func run(_ stops: [(ledger: Ledger, plan: RestorePlan)], end: RestorePlan?, in folder: String) async throws -> Outcome {
        guard let backup = (end ?? stops.last?.plan)?.backup else { return Outcome() }
        let user = ServerUser.of(repository)
        try Destination.check(folder, bytes: backup.manifest.bytes, user: user)
        let destination = try Destination(folder, user: user)
        defer { destination.discard() }
        let fetch = try FetchCommand(repositories, system: backup.manifest.system, user: user)
        var outcome = Outcome()
        let begun = ContinuousClock.now
        for file in backup.manifest.files {
            try Bundle.unpack("\(backup.folder)/\(file.name)", repository, to: destination.work, user: user) {
                progress.bytes(.unpacking, $0)
            }
        }
        outcome.seconds += Self.seconds(since: begun)
        for stop in stops {
            progress.step(.replayingTo, ["ledger": .text(stop.ledger.id)])
            let settings = stop.plan.settings + [("recovery_target_action", "pause")]
            try await withInstance(destination, fetch, backup, settings, paused: true, &outcome) { instance, outcome in
                progress.step(.comparing, ["ledger": .text(stop.ledger.id)])
                try await instance.withConnection(database) { connection in
                    outcome.differences += try await Comparison(ledger: stop.ledger).differences(connection)
                        .map { Saying(.atLedger, ["ledger": .text(stop.ledger.id), "what": .saying($0)]) }
                    let totals = try await LedgerQueries.totals(connection)
                    (outcome.rooms, outcome.messages) = (totals.rooms, totals.messages)
                }
            }
        }
        guard let end else { return outcome }
        progress.step(.replayingAll)
        let settings = end.settings + [("recovery_target_action", "promote")]
        try await withInstance(destination, fetch, backup, settings, paused: false, &outcome) { instance, outcome in
            outcome.heartbeat = try await instance.withConnection(database) { connection in
                try await connection.query(Heartbeat.last).first?[0].decode(as: PostgresTimestamp.self).microseconds
            }
            progress.step(.checkingTables)
            outcome.differences += try check(fetch, backup.manifest)
        }
        return outcome
    }

    private func withInstance(
        _ destination: Destination, _ fetch: FetchCommand, _ backup: Backup, _ settings: [(name: String, value: String)],
        paused: Bool,
        _ outcome: inout Outcome, _ body: (Instance, inout Outcome) async throws -> Void
    ) async throws {
        let begun = ContinuousClock.now
        try RecoveryFiles.prepare(destination.work, user: destination.user)
        let instance = try Instance(
            data: destination.work, tools: tools, fetch: fetch, superuser: backup.manifest.superuser, user: destination.user,
            settings: settings)
        do {
            try await instance.ready(paused: paused)
            outcome.seconds += Self.seconds(since: begun)
            try await body(instance, &outcome)
        } catch {
            await instance.abandon()
            throw error
        }
        if paused { try await instance.stop() } else { await instance.abandon() }
    }

    /// pg_amcheck ends with 0 where its extension is missing and it has looked at nothing, so that is looked for too.
    private func check(_ fetch: FetchCommand, _ manifest: BackupManifest) throws -> [Saying] {
        func quoted(_ text: String) -> String { "'" + text.replacingOccurrences(of: "'", with: "\\'") + "'" }
        let conninfo = "host=\(quoted(fetch.folder)) port=5432 user=\(quoted(manifest.superuser)) dbname=\(quoted(database))"
        let tool = tools.tool("pg_amcheck", ["--install-missing", "--jobs=2", "--no-password", conninfo])
        var found: [String] = []
        let ended = try tool.run(output: { found += String(decoding: $0, as: UTF8.self).split(separator: "\n").map(String.init) })
        if ended.status != 0, found.isEmpty { throw tool.failure(ended) }
        var sayings = found.prefix(20).map { Saying(.amcheck, ["text": .text($0)]) }
        if ended.said.contains("skipping database") { sayings.append(Saying(.amcheckNothing, ["text": .text(ended.said)])) }
        return sayings
    }

    static func seconds(since begun: ContinuousClock.Instant) -> Double {
        let passed = ContinuousClock.now - begun
        return Double(passed.components.seconds) + Double(passed.components.attoseconds) * 1e-18
    }
}
