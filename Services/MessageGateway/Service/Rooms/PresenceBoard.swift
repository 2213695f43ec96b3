import EverlinePostgres
import EverlineProtocol
import EverlineRedis
import NIOCore
import Synchronization

/// Who is there, as their connections say: in Redis, where each gateway keeps what its own connections say for a minute and renews it, so that a gateway
/// that dies is forgotten. Nothing of it is stored; without Redis it is absent.
///
/// `everline:presence:USER`, a hash by gateway: `STATE END`, the end in milliseconds since 1970. `everline:typing:{ROOM}:USER`, for two seconds.
final class PresenceBoard: Sendable {
    private struct Person {
        let username: String
        var connections: [ObjectIdentifier: Presence.State] = [:]
        var state: Presence.State {
            connections.isEmpty ? .offline : connections.values.contains(.online) ? .online : .away
        }
    }

    private let redis: RedisClient
    private let rooms: RoomStore
    private let signals: Signals
    /// This gateway.
    private let name = WireUUID().description
    private let people = Mutex<[Int64: Person]>([:])
    /// People whose state is to be told, each once however often it changed.
    private let changes: AsyncStream<Int64>
    private let change: AsyncStream<Int64>.Continuation

    private static let life: Int64 = 60_000
    private static let renewal = Duration.seconds(20)
    private static let patience = Duration.milliseconds(300)
    /// Who loads a page anew was not away.
    private static let grace = TimeAmount.seconds(2)

    init(redis: RedisClient, rooms: RoomStore, signals: Signals) {
        self.redis = redis
        self.rooms = rooms
        self.signals = signals
        // What does not fit is told by the next renewal.
        (changes, change) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(10_000))
    }

    // ARGV: gateway, its state, now, the end. Answers what was before and what is after.
    private static let put = RedisScript(
        """
        local now = tonumber(ARGV[3])
        local function seen()
            local all, best = redis.call('HGETALL', KEYS[1]), 'offline'
            for i = 1, #all, 2 do
                local state, till = string.match(all[i + 1], '^(%a+) (%d+)$')
                if not state or tonumber(till) <= now then redis.call('HDEL', KEYS[1], all[i])
                elseif state == 'online' or best == 'offline' then best = state end
            end
            return best
        end
        local before = seen()
        if ARGV[2] == 'offline' then redis.call('HDEL', KEYS[1], ARGV[1])
        else redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ' ' .. ARGV[4]) end
        redis.call('PEXPIREAT', KEYS[1], ARGV[4])
        return {before, seen()}
        """)

    /// A connection says that its user is there.
    func says(_ connection: ObjectIdentifier, _ user: Int64, _ username: String, _ state: Presence.State) {
        people.withLock { $0[user, default: Person(username: username)].connections[connection] = state }
        change.yield(user)
    }

    /// A connection that has said so is gone.
    func left(_ connection: ObjectIdentifier, _ user: Int64, on loop: any EventLoop) {
        people.withLock { _ = $0[user]?.connections.removeValue(forKey: connection) }
        loop.scheduleTask(in: Self.grace) { self.change.yield(user) }
    }

    /// A state for each user, or `nil` for each when it cannot be known now.
    func states(of users: [Int64]) async -> [Presence.State?] {
        guard redis.isConnected else { return users.map { _ in nil } }
        let now = Timestamp.now.milliseconds
        let replies = users.map { redis.submit(["HVALS", Self.key($0)].map { Array($0.utf8) }, deadline: Self.patience) }
        var found: [Presence.State?] = []
        for reply in replies {
            guard let values = try? await reply.get().array else { return users.map { _ in nil } }
            found.append(Self.state(values.compactMap(\.string), at: now))
        }
        return found
    }

    /// What several gateways say together.
    private static func state(_ values: [String], at now: Int64) -> Presence.State {
        var best = Presence.State.offline
        for value in values {
            let words = value.split(separator: " ")
            guard words.count == 2, let end = Int64(words[1]), end > now, let state = Presence.State(rawValue: String(words[0]))
            else { continue }
            if state == .online || best == .offline { best = state }
        }
        return best
    }

    /// Whether to tell that somebody is writing: not if that was told within two seconds.
    func mayTellTyping(_ room: Int64, _ user: Int64) async -> Bool {
        let reply = try? await redis.command(
            "SET", "everline:typing:{\(room)}:\(user)", "1", "NX", "PX", "2000", deadline: Self.patience)
        return reply == .status("OK")
    }

    func run() async {
        await withTaskGroup { tasks in
            tasks.addTask { for await user in self.changes { await self.tell(user) } }
            tasks.addTask {
                while !Task.isCancelled {
                    try? await Task.sleep(for: Self.renewal)
                    for user in self.people.withLock({ Array($0.keys) }) { await self.tell(user) }
                }
            }
        }
    }

    private func tell(_ user: Int64) async {
        guard let person = people.withLock({ $0[user] }) else { return }
        let now = Timestamp.now.milliseconds
        let reply = try? await redis.run(
            Self.put, keys: [Self.key(user)],
            arguments: [
                Array(name.utf8), Array(person.state.rawValue.utf8), Self.number(now), Self.number(now + Self.life),
            ], deadline: Self.patience)
        people.withLock { if $0[user]?.connections.isEmpty == true { $0[user] = nil } }
        guard let states = reply?.array?.compactMap(\.string), states.count == 2, states[0] != states[1],
            let rooms = try? await rooms.rooms(of: user), !rooms.isEmpty
        else { return }
        let changed = Presence.Changed(username: person.username, state: states[1])
        signals.whispered(Outgoing.notification(method: Push.presenceChanged, params: changed.jsonBytes()), rooms: rooms)
    }

    private static func key(_ user: Int64) -> String { "everline:presence:\(user)" }
    private static func number(_ value: Int64) -> [UInt8] { Array("\(value)".utf8) }
}
