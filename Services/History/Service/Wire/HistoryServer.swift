import AuthClient
import EverlineLines
import EverlinePostgres
import EverlineProtocol
import EverlineReading
import EverlineRedis
package import EverlineService
import Logging
import NIOCore
import NIOPosix

package enum HistorySettings {
    package static let all: [Setting] =
        Setting.postgres + Setting.redis + [
            Setting("auth.addresses", default: "127.0.0.1:7501", "host:port of the auth service, several with commas between"),
            Setting("search.connections", default: "3", "connections to PostgreSQL for searches and statistics"),
            Setting(
                "replicas.conninfo", default: "",
                "libpq connection string of streaming replicas, without a password; several hosts may be given. Pages, searches, statistics and exports are read there as far as the replicas have come"
            ),
            Setting("import.conninfo", default: "", "libpq connection string of the tables' owner, for `import` alone"),
            Setting("import.passwordFile", default: "", "file that holds its password"),
        ] + Setting.tls + Setting.listen(port: 7502) + Setting.metrics(port: 9103) + Setting.log
}

/// `history serve`: for services by their certificate, for people and programs by a session, on one port.
package enum HistoryServer {
    package static func serve(_ settings: Settings) async throws {
        let process = try ServiceProcess("history", settings)
        // One thread: a request then meets its answers from Redis where it was read. More cores are used by more instances.
        NIOSingletons.groupLoopCountSuggestion = 1
        let group = MultiThreadedEventLoopGroup.singleton
        // Another server, as after a restore, gets its epoch before it is read.
        var postgres = try settings.postgres(service: "history") { _ = try await $0.serverEpoch() }
        postgres.target = .primary
        let pool = PostgresPool(configuration: postgres, logger: process.logger)
        let tls = TLSKeeper(try settings.tls(), logger: process.logger)
        let client = try tls.client()
        let redis = RedisClient(try settings.redis(tls: client), group: group, logger: process.logger)
        let auth = AuthClient(
            LineClient(
                .auth, at: try settings.addresses("auth.addresses"), context: client, group: group, logger: process.logger))
        let rooms = RoomStates(pool)
        let messages = MessageReader(pool: pool)
        let recent = Recent(rooms: rooms, messages: messages, window: RoomWindow(redis, size: Limits.window))
        // What takes longer has connections of its own, so that pages do not wait for it.
        let connections = try settings.int("search.connections", in: 1...100)
        postgres.connections = connections
        let questions = PostgresPool(configuration: postgres, logger: process.logger)
        let replicas = try settings.replicas().map { pages in
            var long = pages
            long.connections = connections
            return Replicas(pages: pages, questions: long, logger: process.logger)
        }
        let sources = Sources(rooms: rooms, messages: messages, questions: questions, replicas: replicas)
        let pages = Pages(sources: sources)
        let finder = MessageFinder(pool: questions)
        let asking = Asking(
            search: Search(sources: sources, messages: finder), statistics: Statistics(sources: sources),
            export: Export(sources: sources, finder: finder))
        let server = try await LineServer(
            host: try settings.string("listen.host"), port: try settings.port("listen.port"),
            tls: try tls.server(.welcome),
            table: table(recent: recent, pages: pages, asking, auth: auth, process), group: group, logger: process.logger)
        try await process.run([
            Part.ending { await pool.shutdown() }, Part.ending { await questions.shutdown() },
            Part.ending { await replicas?.shutdown() }, Part { await tls.run() },
            Part { await redis.run() },
            Part { await auth.lines.run() },
            Part.ending { await server.shutdown() },
        ]) {
            [("postgres", (try? await pool.query("SELECT 1 FROM everline.epoch", deadline: .seconds(2))) != nil)]
        }
    }

    private static func table(recent: Recent, pages: Pages, _ asking: Asking, auth: AuthClient, _ process: ServiceProcess)
        -> MethodTable<Caller>
    {
        var table = MethodTable<Caller>(translate: process.translate)
        table.registerRaw(InternalPage.self, from: [.messageGateway]) { params, _ in
            try await pages.read(params.inner, reader: params.userID)
        }
        table.registerRaw(InternalSearch.self, from: [.messageGateway]) { params, _ in
            try await asking.search.find(params.inner, reader: params.userID)
        }
        table.register(InternalStats.self, from: [.messageGateway]) { params, _ in
            try await asking.statistics.read(params.inner, reader: params.userID)
        }
        table.register(InternalExport.self, from: [.messageGateway]) { params, _ in
            try await asking.export.read(params.inner, reader: params.userID)
        }
        let reader = Reader(auth: auth)
        table.register(SessionResume.self) { params, caller in try await reader.resume(params.session, caller) }
        table.registerRaw(HistoryRecent.self) { params, caller in
            try await recent.read(params, reader: try await reader.user(of: caller))
        }
        table.registerRaw(HistoryPage.self) { params, caller in
            try await pages.read(params, reader: try await reader.user(of: caller))
        }
        table.registerRaw(HistorySearch.self) { params, caller in
            try await asking.search.find(params, reader: try await reader.user(of: caller))
        }
        table.register(HistoryExport.self) { params, caller in
            try await asking.export.read(params, reader: try await reader.user(of: caller))
        }
        table.register(HistoryStats.self) { params, caller in
            try await asking.statistics.read(params, reader: try await reader.user(of: caller))
        }
        return table
    }
}

extension Settings {
    /// How to reach the replicas, if there are any: by the same role.
    fileprivate func replicas() throws -> PostgresConfiguration? {
        guard let conninfo = optional("replicas.conninfo") else { return nil }
        var replicas = try postgres(service: "history")
        replicas.conninfo = conninfo
        replicas.onConnect = nil
        // Also one that was promoted.
        replicas.target = .any
        // The primary is there to be asked instead.
        replicas.cancelGrace = .milliseconds(200)
        return replicas
    }
}

/// What is answered from the index and the rollups.
struct Asking: Sendable {
    let search: Search
    let statistics: Statistics
    let export: Export
}

/// Whom a connection of a person or a program reads for.
struct Reader: Sendable {
    let auth: AuthClient

    /// How old the knowledge that a session holds may be.
    private static let trust = Duration.seconds(1)

    func resume(_ session: String, _ caller: Caller) async throws -> ResumedSession {
        let user = try await auth.resume(session, from: caller.address)
        caller.bind(session, user)
        return ResumedSession(
            user: user.user, expiresAt: user.expiresAt, userID: nil, sessionHash: nil, mustChange: user.mustChange)
    }

    private static func admit(_ id: Int64, _ user: ResumedSession) throws(RPCError) -> Int64 {
        if user.mustChange { throw RPCError(.passwordChangeRequired) }
        return id
    }

    /// - Throws: `session.required`, or `session.invalid` once the session has ended.
    func user(of caller: Caller) async throws -> Int64 {
        guard let bound = caller.session else { throw RPCError(.sessionRequired) }
        if .now - bound.checked < Self.trust, let id = bound.user.userID { return try Self.admit(id, bound.user) }
        do {
            let user = try await auth.resume(bound.session, from: caller.address)
            caller.bind(bound.session, user)
            guard let id = user.userID else { throw RPCError(.internalError) }
            return try Self.admit(id, user)
        } catch let error as RPCError where error.code == .sessionInvalid {
            caller.unbind()
            throw error
        }
    }
}
