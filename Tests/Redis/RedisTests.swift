import EverlineProtocol
import EverlineRedis
import Logging
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization
import Testing

private let logger = Logger(label: "redis-tests") { _ in SwiftLogNoOpLogHandler() }
private let group = MultiThreadedEventLoopGroup.singleton

/// For what comes, however slow the machine is at it.
private let patience = Duration.seconds(60)

extension RedisClient {
    fileprivate func ask(_ parts: String...) async throws -> RedisValue {
        try await command(parts.map { Array($0.utf8) }, deadline: patience)
    }
}

/// What is told in the log.
private final class Told: Sendable {
    private struct Handler: LogHandler {
        let told: Told
        var logLevel = Logger.Level.trace
        var metadata: Logger.Metadata = [:]
        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }
        func log(event: LogEvent) { told.messages.withLock { $0.append("\(event.message)") } }
    }
    private let messages = Mutex<[String]>([])
    var logger: Logger { Logger(label: "redis-tests") { _ in Handler(told: self) } }
    func contains(_ message: String) -> Bool { messages.withLock { $0.contains(message) } }
}

private final class Inbox: Sendable {
    private let messages = Mutex<[String]>([])
    private let returns = Mutex(0)
    func add(_ channel: String, _ payload: ByteBuffer) {
        messages.withLock { $0.append("\(channel) \(String(buffer: payload))") }
    }
    func resubscribed() { returns.withLock { $0 += 1 } }
    var all: [String] { messages.withLock { $0 } }
    var returned: Int { returns.withLock { $0 } }
}

/// A client that is connected for as long as `body` runs.
private func withClient<R: Sendable>(
    _ server: RedisServer = .shared, _ configuration: RedisConfiguration? = nil, inbox: Inbox? = nil,
    logger: Logger = logger, _ body: (RedisClient) async throws -> R
) async throws -> R {
    var received: (@Sendable (String, ByteBuffer) -> Void)?
    if let inbox { received = { inbox.add($0, $1) } }
    let client = RedisClient(
        try configuration ?? server.configuration(), group: group, logger: logger, received: received,
        returned: { inbox?.resubscribed() })
    let running = Task { await client.run() }
    defer { running.cancel() }
    return try await body(client)
}

private func eventually(_ condition: () async -> Bool) async -> Bool {
    // A minute of the process's own time at the least: one in which it was stopped counts once.
    for _ in 0..<6_000 {
        if await condition() { return true }
        try? await Task.sleep(for: .milliseconds(10))
    }
    return false
}

private func kind(_ body: () async throws -> some Any) async -> RedisError.Kind? {
    do {
        _ = try await body()
        return nil
    } catch { return (error as? RedisError)?.kind }
}

private func code(_ body: () async throws -> some Any) async -> String? {
    do {
        _ = try await body()
        return nil
    } catch { return (error as? RedisError)?.code }
}

@Suite(.serialized) struct RedisTests {
    @Test func valuesOfEveryKind() async throws {
        try await withClient { (redis) async throws -> Void in
            #expect(await eventually { redis.isConnected })
            let text = "床前明月光\r\n$5\r\n\u{0}"
            #expect(try await redis.ask("SET", "k", text) == .status("OK"))
            #expect(try await redis.ask("GET", "k").string == text)
            #expect(try await redis.ask("GET", "none") == .null)
            #expect(try await redis.ask("INCR", "n").integer == 1)
            #expect(try await redis.ask("SET", "empty", "") == .status("OK"))
            #expect(try await redis.ask("GET", "empty").bytes == [])
            #expect(
                try await redis.ask("EVAL", "return {1, 'a', {false}}", "0")
                    == .array([.integer(1), .bytes([97]), .array([.null])]))
            let error = await #expect(throws: RedisError.self) { _ = try await redis.ask("NONSENSE") }
            #expect(error?.kind == .server && error?.code == "ERR")
        }
    }

    @Test func callsAreAnsweredInOrderThoughPipelined() async throws {
        try await withClient { (redis) async throws -> Void in
            #expect(await eventually { redis.isConnected })
            let futures = (0..<5_000).map { redis.submit([Array("ECHO".utf8), Array("\($0)".utf8)], deadline: patience) }
            for (number, future) in futures.enumerated() {
                let found = try await future.get().string
                #expect(found == "\(number)")
            }
        }
    }

    @Test func aScriptRedisHasForgottenIsSentAgain() async throws {
        let script = RedisScript("return ARGV[1] .. KEYS[1]")
        try await withClient { (redis) async throws -> Void in
            #expect(await eventually { redis.isConnected })
            for _ in 0..<2 {
                _ = try await redis.ask("SCRIPT", "FLUSH")
                let found = try await redis.run(script, keys: ["鍵"], arguments: [Array("a".utf8)], deadline: patience).string
                #expect(found == "a鍵")
            }
        }
    }

    @Test func whatIsTooMuchIsRefused() async throws {
        var configuration = try RedisServer.shared.configuration()
        configuration.mostCommands = 100
        try await withClient(.shared, configuration) { (redis) async throws -> Void in
            try await withClient { (other) async throws -> Void in
                #expect(await eventually { redis.isConnected && other.isConnected })
                // Answered when the other pushes something, and before that nothing behind it is.
                let held = redis.submit(["BLPOP", "held", "0"].map { Array($0.utf8) }, deadline: patience)
                let futures = (0..<400).map { _ in redis.submit([Array("PING".utf8)], deadline: patience) }
                #expect(await kind({ try await futures[399].get() }) == .overloaded)
                _ = try await other.ask("RPUSH", "held", "x")
                _ = try await held.get()
                var refused = 0
                for future in futures where await kind({ try await future.get() }) == .overloaded { refused += 1 }
                #expect(refused > 300 && refused < 400)
                #expect(try await redis.ask("PING") == .status("PONG"))
            }
        }
    }

    @Test func aSlowAnswerIsGivenUpAndTheNextOnesAreRight() async throws {
        try await withClient { (redis) async throws -> Void in
            try await withClient { (other) async throws -> Void in
                #expect(await eventually { redis.isConnected && other.isConnected })
                // Answered when the other pushes something, which it does when this one has been given up.
                let slow = redis.submit(["BLPOP", "slow", "0"].map { Array($0.utf8) }, deadline: .milliseconds(50))
                let next = redis.submit(["ECHO", "next"].map { Array($0.utf8) }, deadline: patience)
                #expect(await kind { try await slow.get() } == .deadline)
                _ = try await other.ask("RPUSH", "slow", "late")
                #expect(try await next.get().string == "next")
                #expect(try await redis.ask("LLEN", "slow").integer == 0, "the late answer has come")
            }
        }
    }

    @Test func withoutAConnectionNothingWaits() async throws {
        let client = RedisClient(try RedisServer.shared.configuration(), group: group, logger: logger)
        #expect(await kind { try await client.command("PING") } == .notConnected)
    }

    @Test func aWrongNameOrUserIsNotSpokenTo() async throws {
        for configuration in [
            try RedisServer.shared.configuration(serverName: "other"), try RedisServer.shared.configuration(user: "nobody"),
        ] {
            let told = Told()
            try await withClient(.shared, configuration, logger: told.logger) { (redis) async throws -> Void in
                #expect(await eventually { told.contains("redis cannot be reached; trying on") })
                #expect(!redis.isConnected)
            }
        }
    }

    @Test func connectionsAndSubscriptionsComeBack() async throws {
        let server = RedisServer()
        let inbox = Inbox()
        try await withClient(server, inbox: inbox) { (redis) async throws -> Void in
            redis.subscribe("詩")
            redis.subscribe("other")
            redis.unsubscribe("other")
            #expect(await eventually { (try? await redis.ask("SPUBLISH", "詩", "一").integer) == 1 })
            #expect(await eventually { inbox.all == ["詩 一"] })
            server.stop()
            #expect(await eventually { !redis.isConnected })
            server.start()
            #expect(await eventually { (try? await redis.ask("SPUBLISH", "詩", "二").integer) == 1 })
            #expect(await eventually { inbox.all == ["詩 一", "詩 二"] && inbox.returned == 1 })
            #expect(try await redis.ask("SPUBLISH", "other", "x").integer == 0)
            redis.unsubscribe("詩")
            #expect(await eventually { (try? await redis.ask("SPUBLISH", "詩", "三").integer) == 0 })
            #expect(!inbox.all.contains("other x"))
        }
        server.stop()
    }

    /// A Redis that swallows everything is noticed before a caller's patience ends many times over.
    @Test func aSilentServerIsGivenUpAndComesBack() async throws {
        let server = RedisServer()
        let inbox = Inbox()
        var configuration = try server.configuration()
        configuration.silence = .seconds(5)
        try await withClient(server, configuration, inbox: inbox) { (redis) async throws -> Void in
            redis.subscribe("詩")
            #expect(await eventually { (try? await redis.ask("SPUBLISH", "詩", "一").integer) == 1 })
            server.pause()
            #expect(await eventually { !redis.isConnected })
            server.goOn()
            // The other connection was given up too by then, or found alive.
            #expect(
                await eventually {
                    _ = try? await redis.ask("SPUBLISH", "詩", "二")
                    return inbox.all.contains("詩 二")
                })
        }
        server.stop()
    }

    /// Full, and turned into a replica: what cannot be written fails by itself, and nothing else does.
    @Test(arguments: [
        ("OOM", ["CONFIG", "SET", "maxmemory", "1"], ["CONFIG", "SET", "maxmemory", "0"]),
        ("READONLY", ["REPLICAOF", "127.0.0.1", "1"], ["REPLICAOF", "NO", "ONE"]),
    ])
    func anErrorOfRedisFailsItsOwnCall(code: String, breaking: [String], mending: [String]) async throws {
        let server = RedisServer()
        try await withClient(server) { (redis) async throws -> Void in
            #expect(await eventually { redis.isConnected })
            let window = RoomWindow(redis, size: 5, patience: .init(reading: patience, writing: patience))
            func add(_ seq: Int64) -> EventLoopFuture<RedisValue> {
                window.append(room: 3, epoch: "1-a", first: seq, rev: 0, messages: [Array("m\(seq)".utf8)])
            }
            _ = try await redis.ask("CONFIG", "SET", "maxmemory-policy", "noeviction")
            _ = try await add(1).get()
            let client = try await redis.ask("CLIENT", "ID").integer
            _ = try await redis.command(breaking.map { Array($0.utf8) }, deadline: patience)
            // Pipelined, so that each error stands between two other answers. A full Redis lets the window's script through, because that
            // makes room first.
            let writing = RedisScript("return redis.call('SET', KEYS[1], ARGV[1])")
            let failing = redis.submit(writing, keys: ["written"], arguments: [Array("1".utf8)], deadline: patience)
            let next = redis.submit([Array("ECHO".utf8), Array("next".utf8)], deadline: patience)
            let append = code == "OOM" ? nil : add(2)
            let failingAgain = redis.submit(writing, keys: ["written"], arguments: [Array("2".utf8)], deadline: patience)
            for call in [failing, append, failingAgain] {
                guard let call else { continue }
                let error = await #expect(throws: RedisError.self) { _ = try await call.get() }
                #expect(error?.kind == .server && error?.code == code)
            }
            #expect(try await next.get().string == "next")
            #expect(try await window.content(room: 3, numbers: 1...1)?.last == 1)
            _ = try await redis.command(mending.map { Array($0.utf8) }, deadline: patience)
            _ = try await add(2).get()
            #expect(try await window.content(room: 3, numbers: 1...2)?.last == 2)
            #expect(try await redis.ask("CLIENT", "ID").integer == client, "the connection has stayed")
        }
        server.stop()
    }

    /// A subscription that Redis refused for a moment is made when it can be.
    @Test func aRefusedSubscriptionIsMadeLater() async throws {
        let server = RedisServer()
        let inbox = Inbox()
        try await withClient(server, inbox: inbox) { (redis) async throws -> Void in
            redis.subscribe("一")
            #expect(await eventually { (try? await redis.ask("SPUBLISH", "一", "1").integer) == 1 })
            _ = try await redis.ask("CONFIG", "SET", "busy-reply-threshold", "10")
            try await withClient(server) { (other) async throws -> Void in
                #expect(await eventually { other.isConnected })
                let hanging = redis.submit(["EVAL", "while true do end", "0"].map { Array($0.utf8) }, deadline: patience)
                // Others are told that it is busy.
                #expect(await eventually { await code({ try await other.ask("GET", "x") }) == "BUSY" })
                redis.subscribe("二")
                #expect(await eventually { inbox.returned > 0 }, "the subscriptions are made anew")
                _ = try await other.ask("SCRIPT", "KILL")
                _ = try? await hanging.get()
            }
            #expect(await eventually { (try? await redis.ask("SPUBLISH", "二", "2").integer) == 1 })
            #expect(await eventually { inbox.all.last == "二 2" })
        }
        server.stop()
    }

    @Test func windowsKeepTheNewestAndNeverGoBack() async throws {
        try await withClient { (redis) async throws -> Void in
            #expect(await eventually { redis.isConnected })
            let window = RoomWindow(redis, size: 5, patience: .init(reading: patience, writing: patience))
            func add(_ numbers: ClosedRange<Int64>, _ epoch: String) async throws {
                _ = try await window.append(
                    room: 1, epoch: epoch, first: numbers.lowerBound, rev: 0, messages: numbers.map { Array("m\($0)".utf8) }
                ).get()
            }
            func held(_ numbers: ClosedRange<Int64>) async throws -> [String] {
                guard let content = try await window.content(room: 1, numbers: numbers) else { return [] }
                return [content.epoch, "\(content.last)", String(decoding: content.messages.joined, as: UTF8.self)]
            }
            #expect(try await held(1...5) == [])
            try await add(1...3, "1-a")
            #expect(try await held(1...5) == ["1-a", "3", "m1,m2,m3"])
            #expect(try await held(2...2) == ["1-a", "2", "m2"])
            try await add(2...7, "1-a")
            #expect(try await held(2...7) == [])
            #expect(try await held(3...7) == ["1-a", "7", "m3,m4,m5,m6,m7"])
            try await add(10...11, "1-a")
            #expect(try await held(7...11) == [])
            #expect(try await held(9...11) == [])
            #expect(try await held(10...11) == ["1-a", "11", "m10,m11"])
            #expect(try await held(5...8) == ["1-a", "7", "m5,m6,m7"])
            // A newer epoch starts over; an older one is left out.
            try await add(1...2, "2-b")
            try await add(12...13, "1-a")
            #expect(try await held(1...20) == ["2-b", "2", "m1,m2"])
        }
    }

    /// No order in which appends, revisions and reads arrive makes the window claim a revision that it does not show.
    @Test func windowsShowTheRevisionsThatTheyClaim() async throws {
        try await withClient { (redis) async throws -> Void in
            #expect(await eventually { redis.isConnected })
            let window = RoomWindow(redis, size: 5, patience: .init(reading: patience, writing: patience))
            func add(_ numbers: ClosedRange<Int64>, rev: Int64, whole: Bool = false, _ text: String = "m") async throws {
                _ = try await window.append(
                    room: 2, epoch: "1-a", first: numbers.lowerBound, rev: rev,
                    messages: numbers.map { Array("\(text)\($0)".utf8) },
                    whole: whole
                ).get()
            }
            func revise(_ seq: Int64, rev: Int64) async throws {
                _ = try await window.revise(
                    room: 2, epoch: "1-a", rev: rev, seq: seq, message: Array("r\(rev)".utf8), publishTo: "c", []
                ).get()
            }
            func shown() async throws -> [String] {
                guard let content = try await window.content(room: 2, numbers: 1...9) else { return [] }
                return ["\(content.rev)"]
                    + String(decoding: content.messages.joined, as: UTF8.self).split(separator: ",").map(String.init)
            }
            // Nothing is made of a revision alone.
            try await revise(1, rev: 3)
            #expect(try await shown() == [])
            try await add(1...3, rev: 3)
            try await revise(2, rev: 4)
            #expect(try await shown() == ["4", "m1", "r4", "m3"])
            // One that was lost stays missing, and so do those after it.
            try await revise(3, rev: 6)
            #expect(try await shown() == ["4", "m1", "r4", "m3"])
            // What was read before the newest revision does not go in; what was written after it does.
            try await add(4...4, rev: 3)
            #expect(try await shown() == ["4", "m1", "r4", "m3"])
            try await add(4...4, rev: 6)
            #expect(try await shown() == ["4", "m1", "r4", "m3", "m4"])
            try await add(5...5, rev: 6)
            // A read of the whole heals it, and leaves what is newer; an older read changes nothing.
            try await add(1...4, rev: 6, whole: true, "w")
            #expect(try await shown() == ["6", "w1", "w2", "w3", "w4", "m5"])
            try await add(1...4, rev: 5, whole: true, "old")
            #expect(try await shown() == ["6", "w1", "w2", "w3", "w4", "m5"])
        }
    }
}

/// What the specification names, and how tags are found (redis.io, "Redis cluster specification").
@Suite struct KeySlotTests {
    @Test(arguments: [
        ("123456789", 0x31C3), ("foo", 12_182), ("", 0), ("{user1000}.following", 3_443), ("{user1000}.followers", 3_443),
    ])
    func slots(key: String, slot: Int) { #expect(KeySlot.of(Array(key.utf8)) == slot) }

    @Test(arguments: [
        ("everline:window:{7}", "everline:room:{7}"), ("everline:window:{7}:meta", "7"), ("foo{{bar}}zap", "{bar"),
        ("foo{bar}{zap}", "bar"), ("{唐詩}一", "唐詩"),
    ])
    func tags(key: String, same: String) { #expect(KeySlot.of(Array(key.utf8)) == KeySlot.of(Array(same.utf8))) }

    @Test(arguments: [("foo{}{bar}", "bar"), ("foo{}", ""), ("foo{bar", "bar")])
    func noTags(key: String, other: String) { #expect(KeySlot.of(Array(key.utf8)) != KeySlot.of(Array(other.utf8))) }
}
