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
            Setting("session.longestDays", default: "365", "days that a session lasts however much it is used"),
            Setting("secondFactor.keyFile", default: "", "file with the key of second factors: 64 hexadecimal digits"),
            Setting(
                "accounts.deletedMessages", default: "keep",
                "what becomes of a deleted account's messages: keep (under the name \"deleted user\") or tombstones"),
            Setting("throttle.pair", default: "20", "failed logins of one address at one account before it has to wait"),
            Setting("throttle.account", default: "50", "failed logins at one account before addresses new to it have to wait"),
            Setting(
                "throttle.address", default: "1000", "failed logins of one address before it has to wait for accounts new to it"),
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
        let ends = RecentEnds()
        let redis = RedisClient(
            try settings.redis(tls: tls.client()), group: group, logger: process.logger, returned: { ends.tellAgain() })
        let store = SessionStore(pool)
        let cache = SessionCache(redis, ends: ends)
        let sessions = Sessions(
            store: store, cache: cache, epoch: epoch,
            life: Int64(try settings.int("session.days", in: 1...3_650)) * 86_400_000,
            longest: Int64(try settings.int("session.longestDays", in: 1...36_500)) * 86_400_000)
        let throttle = Throttle(
            free: try settings.int("throttle.pair", in: 1...1_000_000),
            freeOfAccount: try settings.int("throttle.account", in: 1...1_000_000),
            freeOfAddress: try settings.int("throttle.address", in: 1...1_000_000))
        let hashing = HashingPool(width: try settings.int("hashing.width", in: 1...64), bound: 64)
        let secondFactors = SecondFactors(
            store: SecondFactorStore(pool), box: try settings.optional("secondFactor.keyFile").map { try SecretBox(file: $0) })
        let users = UserStore(pool)
        let log = LoginLog(pool: pool)
        let passwords = Passwords(users: users, hashing: hashing)
        let accounts = Accounts(
            users: users, sessions: sessions, log: log, passwords: passwords, hashing: hashing, throttle: throttle,
            secondFactors: secondFactors,
            logger: process.logger, decoy: try PasswordHash.decoy())
        let own = OwnAccount(
            users: users, lists: AccountLists(pool), deeds: AccountDeeds(pool), sessions: sessions, log: log,
            passwords: passwords,
            hashing: hashing, throttle: throttle, secondFactors: secondFactors, buries: try buries(settings))
        let methods = AuthMethods(
            accounts: accounts, sessions: sessions, holders: Holders(users: users, sessions: sessions), own: own,
            administration: Administration(
                users: users, lists: AccountLists(pool), deeds: AccountDeeds(pool), sessions: sessions, hashing: hashing))

        var table = MethodTable<Caller>(translate: process.translate)
        methods.register(in: &table)
        let server = try await LineServer(
            host: try settings.string("listen.host"), port: try settings.port("listen.port"),
            tls: try tls.server(.required), table: table, group: group, logger: process.logger)
        try await process.run([
            Part.ending { await pool.shutdown() }, Part { await tls.run() }, Part { await redis.run() },
            Part { try await cache.run() }, Part { try await epoch.run(store) },
            Part {
                try await Departures(pool: pool, windows: RoomWindow(redis, size: Limits.window), logger: process.logger).run()
            },
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

    private static func buries(_ settings: Settings) throws -> Bool {
        switch try settings.string("accounts.deletedMessages") {
        case "keep": return false
        case "tombstones": return true
        default: throw ConfigurationError("accounts.deletedMessages is keep or tombstones")
        }
    }

    /// What the commands at the prompt work with.
    package struct Tools: Sendable {
        package let users: UserStore
        package let deeds: AccountDeeds
        package let lists: AccountLists
        package let buries: Bool
        private let pool: PostgresPool
        private let redis: RedisClient

        package init(_ settings: Settings, logger: Logger) throws {
            pool = PostgresPool(configuration: try settings.postgres(service: "auth users"), logger: logger)
            redis = RedisClient(
                try settings.redis(tls: try settings.tls().clientContext()), group: MultiThreadedEventLoopGroup.singleton,
                logger: logger)
            users = UserStore(pool)
            deeds = AccountDeeds(pool)
            lists = AccountLists(pool)
            buries = try AuthServer.buries(settings)
        }

        /// Tells every gateway that these sessions have ended.
        package func announce(_ hashes: [SessionHash]) async {
            guard !hashes.isEmpty else { return }
            let cache = SessionCache(redis)
            await withTaskGroup { group in
                group.addTask { await redis.run() }
                for _ in 0..<100 where !redis.isConnected { try? await Task.sleep(for: .milliseconds(20)) }
                await cache.end(hashes)
                group.cancelAll()
            }
            try? await SessionStore(pool).countEnd()
        }

        package func shutdown() async { await pool.shutdown() }
    }
}
