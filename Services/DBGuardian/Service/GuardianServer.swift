import EverlineLines
import EverlinePostgres
import EverlineProtocol
package import EverlineService
import Foundation
import Logging
import NIOPosix

/// `db-guardian serve`: the schedule of the guardian's own verbs, a heartbeat, and what others may ask.
package enum GuardianServer {
    /// - Parameter begun: gets the port once others can ask.
    package static func serve(_ settings: Settings, begun: (Int) -> Void = { _ in }) async throws {
        let process = try ServiceProcess("db-guardian", settings)
        let pool = PostgresPool(configuration: try settings.own("serve"), logger: process.logger)
        let newest = Int64(try MigrationFiles.read(try settings.string("migrations.root")).count)
        let status = StatusKeeper(settings, logger: process.logger)
        let store = FindingStore(pool)
        let telling = try Telling(settings, pool: pool, logger: process.logger)
        let findings = try FindingKeeper(settings, store: store, telling: telling, logger: process.logger)
        let board = JobBoard()
        let tls = TLSKeeper(try settings.tls(), logger: process.logger)
        let server = try await LineServer(
            host: try settings.string("listen.host"), port: try settings.port("listen.port"),
            tls: try tls.server(.required), table: table(status, store, board, settings, process),
            group: MultiThreadedEventLoopGroup.singleton, logger: process.logger)
        begun(server.port)
        let heart = Heart(pool: pool, seconds: try settings.int("schedule.heartbeat", in: 0...3_600), logger: process.logger)
        var parts: [Part] = [Part.ending { await pool.shutdown() }, Part { await tls.run() }]
        parts += [Part { try await telling.run() }, Part { try await findings.run() }]
        if heart.seconds > 0 { parts.append(Part { try await heart.run() }) }
        if try settings.int("indexing", in: 0...1) == 1 {
            let indexer = Indexer(try settings.own("index"), logger: process.logger)
            parts.append(Part { try await indexer.run() })
        }
        let keeper = LoginLogKeeper(
            settings: settings, days: try settings.int("logins.days", in: 1...36_500), logger: process.logger)
        parts.append(Part { try await keeper.run() })
        // Without a repository there is nothing to look after yet.
        if settings.optional("repository.paths") != nil {
            let runner = JobRunner(settings: settings, board: board, logger: process.logger)
            let schedule = try Schedule(settings, runner, logger: process.logger)
            parts += [
                Part { try await schedule.runJobs() }, Part { try await runner.runAsked() }, Part { try await status.run() },
            ]
            if schedule.ledgerSeconds > 0 { parts.append(Part { try await schedule.runLedgers() }) }
            if schedule.receives { parts.append(Part { try await schedule.receive() }) }
        }
        if settings.optional("repository.paths") != nil, settings.optional("watch.conninfo") != nil {
            let watch = try Watch(settings, sink: findings, waits: true, logger: process.logger)
            parts.append(Part { try await watch.run() })
        }
        parts.append(Part.ending { await server.shutdown() })
        try await process.run(parts) {
            let applied = try? await pool.query("SELECT coalesce(max(number), 0) FROM everline.migrations", deadline: .seconds(2))
                .decode(0, 0, as: Int64.self)
            return [("postgres", applied != nil), ("schema", applied == newest)]
        }
    }

    private static func table(
        _ status: StatusKeeper, _ store: FindingStore, _ board: JobBoard, _ settings: Settings, _ process: ServiceProcess
    ) -> MethodTable<Caller> {
        var table = MethodTable<Caller>(translate: process.translate)
        table.registerRaw(GuardianStatus.self) { _, _ in try await status.report(after: await board.lastEnd).json() }
        table.registerRaw(GuardianFindings.self) { wanted, _ in
            let found = try await store.select(FindingFilter(wanted))
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            return try Array("{\"findings\":".utf8) + encoder.encode(found.map { FindingLine($0) }) + Array("}".utf8)
        }
        let source = FindingSource(settings, logger: process.logger)
        table.registerRaw(InternalAcknowledge.self, from: [.messageGateway]) { wanted, _ in
            guard let known = try await store.named(wanted.params.id) else { throw RPCError(.findingNotFound) }
            let done = try await source.acknowledge([known.id], by: wanted.by, note: wanted.params.note)
            let now = try await store.named(known.id) ?? done.first ?? known
            return try Array("{\"finding\":".utf8) + FindingLine(now).json() + Array("}".utf8)
        }
        RepositoryAnswers(settings: settings, board: board).register(in: &table)
        return table
    }
}

/// What a command prints for a program.
package enum Report {
    /// `{"name":["…"]}`
    package static func json(_ name: String, _ lines: [String]) -> String {
        var writer = JSONWriter()
        writer.write(JSON.object([.init(key: name, value: .array(lines.map(JSON.string)))]))
        return String(decoding: writer.bytes, as: UTF8.self)
    }
}
