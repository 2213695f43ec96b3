import EverlineCryptography
import EverlineLines
import EverlinePostgres
import EverlineProtocol
import EverlineRedis
package import EverlineService
import Foundation
package import Logging
import Metrics
import NIOPosix

package enum AuthSettings {
    package static let all: [Setting] =
        Setting.postgres + Setting.redis + [
            Setting("session.days", default: "30", "days that a session lasts after it was last used"),
            Setting("hashing.width", default: "2", "password hashes at once; each takes a core and 128 MiB"),
        ] + Setting.tls + Setting.listen(port: 7501) + Setting.metrics(port: 9101) + Setting.log
}

/// `auth serve`.
package enum AuthServer {
    package static func serve(_ settings: Settings) async throws {
        let process = try ServiceProcess("auth", settings)
        let group = MultiThreadedEventLoopGroup.singleton
        let epoch = EpochWatch()
        var postgres = try settings.postgres(service: "auth") { try await epoch.connected($0) }
        postgres.onDisconnect = { epoch.disconnected() }
        let pool = PostgresPool(configuration: postgres, logger: process.logger)
        let tls = TLSKeeper(try settings.tls(), logger: process.logger)
        let redis = RedisClient(try settings.redis(tls: tls.client()), group: group, logger: process.logger)
        let store = SessionStore(pool)
        let cache = SessionCache(redis)
        let sessions = Sessions(
            store: store, cache: cache, epoch: epoch,
            life: Int64(try settings.int("session.days", in: 1...3_650)) * 86_400_000)
        let accounts = Accounts(
            users: UserStore(pool), sessions: sessions, log: LoginLog(pool: pool),
            hashing: HashingPool(width: try settings.int("hashing.width", in: 1...64), bound: 64), throttle: Throttle(),
            logger: process.logger, decoy: try PasswordHash.decoy())

        var table = MethodTable<Caller>(translate: process.translate)
        table.register(InternalRegister.self, from: [.messageGateway]) { params, _ in
            try await accounts.register(params.inner, from: params.origin.address)
        }
        table.register(InternalLogin.self, from: [.messageGateway]) { params, _ in
            try await accounts.login(params.inner, from: params.origin.address)
        }
        table.register(InternalResume.self, from: [.messageGateway, .history]) { params, _ in
            try await sessions.resume(params.inner.session)
        }
        table.register(InternalLogout.self, from: [.messageGateway]) { params, _ in
            try await accounts.logout(params.inner.session, from: params.origin.address)
            return Nothing()
        }
        table.register(InternalSessionsCheck.self, from: [.messageGateway]) { params, _ in
            SessionHashes(hashes: try await sessions.ended(of: params.hashes))
        }
        let server = try await LineServer(
            host: try settings.string("listen.host"), port: try settings.port("listen.port"),
            tls: try tls.server(.required), table: table, group: group, logger: process.logger)
        try await process.run([
            Part.ending { await pool.shutdown() }, Part { await tls.run() }, Part { await redis.run() },
            Part { try await cache.run() },
            Part { try await epoch.run(store) },
            Part {
                while true {
                    try await Task.sleep(for: .seconds(3_600))
                    try? await store.removeExpired()
                }
            },
            Part {
                let open = Gauge(label: "everline_sessions")
                while true {
                    if let count = try? await store.count() { open.record(count) }
                    try await Task.sleep(for: .seconds(60))
                }
            },
            Part.ending { await server.shutdown() },
        ]) {
            // Redis is no condition: without it sessions come from PostgreSQL.
            [("postgres", (try? await pool.query("SELECT 1 FROM everline.users LIMIT 1", deadline: .seconds(2))) != nil)]
        }
    }

    /// What the commands at the prompt work with.
    package struct Tools: Sendable {
        package let users: UserStore
        private let pool: PostgresPool
        private let redis: RedisClient

        package init(_ settings: Settings, logger: Logger) throws {
            pool = PostgresPool(configuration: try settings.postgres(service: "auth users"), logger: logger)
            redis = RedisClient(
                try settings.redis(tls: try settings.tls().clientContext()), group: MultiThreadedEventLoopGroup.singleton,
                logger: logger)
            users = UserStore(pool)
        }

        /// Ends every session of the user, on every gateway.
        package func endSessions(of user: Int64) async throws {
            let hashes = try await SessionStore(pool).endAll(of: user)
            guard !hashes.isEmpty else { return }
            let cache = SessionCache(redis)
            await withTaskGroup { group in
                group.addTask { await redis.run() }
                for _ in 0..<100 where !redis.isConnected { try? await Task.sleep(for: .milliseconds(20)) }
                await cache.end(hashes)
                group.cancelAll()
            }
        }

        package func shutdown() async { await pool.shutdown() }
    }
}
