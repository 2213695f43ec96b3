import AuthClient
import DBGuardianClient
import EverlineLines
import EverlinePostgres
import EverlineProtocol
import EverlineReading
import EverlineRedis
package import EverlineService
import HistoryClient
import Logging
import NIOCore
import NIOPosix

package enum GatewaySettings {
    package static let all: [Setting] =
        Setting.postgres + Setting.redis + Setting.tls + [
            Setting("listen.host", default: "*", "address to listen on; * for all"),
            Setting("listen.lines", default: "7443", "port for TLS lines"),
            Setting("listen.https", default: "8443", "port for the page, the WebSocket and POST /rpc"),
            Setting(
                "listen.proxies", default: "",
                "addresses, networks and names, with commas between, of the proxies in front: their connections begin with a PROXY protocol header (version 2)"
            ),
            Setting(
                "public.certificate", default: "", "PEM file of the certificate for clients; default: that of tls.certificate"),
            Setting("public.key", default: "", "PEM file of its key"),
            Setting("web.root", "folder of the page"),
            Setting(
                "threads", default: "\(max(1, System.coreCount / 2))",
                "event loops; PostgreSQL's and Redis' shares of the cores come on top"),
            Setting("lanes", default: "4", "batches of sends that commit side by side; the same on every gateway"),
            Setting("rate.user", default: "100000", "requests a second that one user may make through this gateway"),
            Setting("rate.address", default: "300000", "requests a second that may come from one address"),
            Setting(
                "reader.unsent", default: "262144", "bytes that a connection may hold unsent before it is no longer pushed to"),
            Setting("reader.patience", default: "60", "seconds that a connection may read nothing while too much waits for it"),
            Setting("auth.addresses", default: "127.0.0.1:7501", "host:port of the auth service, several with commas between"),
            Setting(
                "history.addresses", default: "127.0.0.1:7502", "host:port of the history service, several with commas between"),
            Setting("guardian.addresses", default: "127.0.0.1:7503", "host:port of db-guardian, several with commas between"),
        ] + Setting.metrics(port: 9102) + Setting.log
}

/// `message-gateway serve`.
package enum GatewayServer {
    package static func serve(_ settings: Settings) async throws {
        let process = try ServiceProcess("message-gateway", settings)
        let logger = process.logger
        NIOSingletons.groupLoopCountSuggestion = try settings.int("threads", in: 1...256)
        let group = MultiThreadedEventLoopGroup.singleton
        let tls = TLSKeeper(try settings.tls(), logger: logger)
        let client = try tls.client()
        let publicTLS = TLSKeeper(try settings.publicTLS(), logger: logger)
        guard let proxies = TrustedProxies(settings.optional("listen.proxies") ?? "", logger: logger) else {
            throw ConfigurationError("listen.proxies names addresses, networks (192.0.2.0/24) and hosts, with commas between")
        }
        let epochs = Epochs()
        // Another server, or another timeline of it, gets its epoch before anything is asked or appended.
        let pool = PostgresPool(
            configuration: try settings.postgres(service: "message-gateway") { try await EpochStore.note(on: $0, in: epochs) },
            logger: logger)
        let auth = AuthClient(
            LineClient(.auth, at: try settings.addresses("auth.addresses"), context: client, group: group, logger: logger))
        let history = HistoryClient(
            LineClient(.history, at: try settings.addresses("history.addresses"), context: client, group: group, logger: logger))

        let guardian = GuardianClient(
            LineClient(
                .dbGuardian, at: try settings.addresses("guardian.addresses"), context: client, group: group, logger: logger))

        let messages = MessageStore(pool: pool)
        let store = RoomStore(pool: pool)
        let loops = Array(group.makeIterator())
        let patience = TimeAmount.seconds(Int64(try settings.int("reader.patience", in: 1...3_600)))
        let unsent = try settings.int("reader.unsent", in: 16_384...67_108_864)
        let hubs = loops.map { LoopHub(loop: $0, messages: messages, unsent: unsent, patience: patience, logger: logger) }
        let sessions = BoundSessions(hubs: hubs, auth: auth, epochs: epochs)
        epochs.onChange { _ in sessions.epochChanged() }
        let signals = Signals(logger: logger)
        let feeds = Feeds(messages: messages, rooms: store, epochs: epochs, signals: signals, logger: logger) {
            await sessions.check(all: false)
        }
        let redis = RedisClient(
            try settings.redis(tls: client), group: group, logger: logger, received: { signals.received($0, $1) },
            returned: {
                Task { try? await feeds.compareAll() }
                Task { await sessions.check(all: true) }
            })
        signals.attach(redis: redis, feeds: feeds, hubs: hubs)

        var appending = try settings.postgres(service: "message-gateway append") { try await EpochStore.note(on: $0, in: epochs) }
        appending.connections = 1
        let lanes = Lanes(
            lanes: (0..<(try settings.int("lanes", in: 1...64))).map { _ in
                Lane(
                    store: AppendStore(session: PostgresSession(appending, logger: logger)), epochs: epochs, feeds: feeds,
                    signals: signals, logger: logger)
            })
        let sending = Sending(lanes: lanes, rooms: store, translate: process.translate)
        let revising = Revising(pool: pool, rooms: store, messages: messages, feeds: feeds, signals: signals)
        let window = RoomWindow(redis, size: Limits.window)
        let states = RoomStates(pool)
        let recent = Recent(rooms: states, messages: MessageReader(pool: pool), window: window)
        let presence = PresenceBoard(redis: redis, rooms: store, signals: signals)
        for hub in hubs {
            hub.loop.execute { hub.left = { presence.left($0, $1, on: hub.loop) } }
        }
        let rooms = Rooms(
            store: store, states: states, messages: messages, window: window, feeds: feeds, signals: signals,
            epochs: epochs, presence: presence)
        let table = Methods(
            auth: auth, epochs: epochs, history: history, guardian: guardian, recent: recent, rooms: rooms, sending: sending,
            revising: revising, group: group,
            translate: process.translate
        ).table()
        let doors = try await Doors(
            host: try settings.string("listen.host"), lines: try settings.port("listen.lines"),
            https: try settings.port("listen.https"), tls: try publicTLS.server(.ignored), proxies: proxies,
            dispatcher: Dispatcher(
                table: table, sending: sending,
                limits: RateLimits(
                    perUser: try settings.int("rate.user", in: 1...1_000_000),
                    perAddress: try settings.int("rate.address", in: 1...10_000_000)),
                spans: Spans(logger: logger)),
            auth: auth, epochs: epochs, files: try WebFiles(root: try settings.string("web.root")), unsent: unsent, hubs: hubs,
            group: group, logger: logger)

        try await process.run([
            Part.ending { await pool.shutdown(deadline: .seconds(1)) }, Part { await tls.run() }, Part { await publicTLS.run() },
            Part { await proxies.run() }, Part { await redis.run() }, Part { await signals.run() },
            Part { await auth.lines.run() }, Part { await history.lines.run() },
            Part { await guardian.lines.run() }, Part { await presence.run() },
            // After the doors have closed: what was taken is settled first.
            LaneRunner(lanes: lanes),
            Part { try await watch(feeds, lanes, logger) },
            // Apart from the counters, which do not wait for auth.
            Part { try await watch(sessions, EndedSessions(redis: redis, pool: pool)) },
            Part.ending { await doors.shutdown() },
        ]) {
            // Redis and history are no conditions: chat goes on without them.
            [
                ("postgres", (try? await pool.query("SELECT 1 FROM everline.epoch", deadline: .seconds(2))) != nil),
                ("auth", auth.lines.isConnected),
            ]
        }
    }

    /// The timer by which lost signals are noticed.
    private static func watch(_ feeds: Feeds, _ lanes: Lanes, _ logger: Logger) async throws {
        var turns = 0
        while !Task.isCancelled {
            do { try await feeds.compareAll() } catch {
                logger.debug("the counters could not be read", metadata: ["error": "\(error)"])
            }
            lanes.measure()
            turns += 1
            if turns % 60 == 0 { await feeds.sweep() }
            try await Task.sleep(for: .milliseconds(500))
        }
    }

    private static func watch(_ sessions: BoundSessions, _ ended: EndedSessions) async throws {
        var turns = 0
        while !Task.isCancelled {
            turns += 1
            let untold = await ended.mayBeUntold()
            await sessions.check(all: turns % 20 == 0 || untold)
            try await Task.sleep(for: .milliseconds(500))
        }
    }
}

extension Settings {
    /// What clients are shown: a certificate that they know, where there is one.
    fileprivate func publicTLS() throws -> TLSFiles {
        let own = try tls()
        switch (optional("public.certificate"), optional("public.key")) {
        case (let certificate?, let key?): return TLSFiles(ca: own.ca, certificate: certificate, key: key)
        case (nil, nil): return own
        default: throw ConfigurationError("public.certificate and public.key are given both or not at all")
        }
    }
}
