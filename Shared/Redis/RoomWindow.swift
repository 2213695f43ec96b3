package import EverlineProtocol
package import NIOCore

/// The newest messages of a room in Redis: a sorted set `everline:window:{ROOM}` of messages by number, and beside it the epoch that they
/// belong to. It may have holes or be behind; whoever reads it looks for that.
package struct RoomWindow: Sendable {
    package let redis: RedisClient
    package let size: Int
    private let patience: Patience

    /// How long a reply is waited for: not long by readers, who have PostgreSQL.
    package struct Patience: Sendable {
        let reading: Duration
        let writing: Duration

        package init(reading: Duration = .milliseconds(300), writing: Duration = .seconds(1)) {
            self.reading = reading
            self.writing = writing
        }
    }

    package init(_ redis: RedisClient, size: Int, patience: Patience = Patience()) {
        self.redis = redis
        self.size = size
        self.patience = patience
    }

    // ARGV: epoch, size, channel or '', sender of the signal, number of the first message, rev, whether it is the whole window, the messages.
    // An epoch begins with its generation, so a newer one is told from an older one. The window's rev says that every revision up to it shows
    // in the messages that are there: so no message goes in that was read before the newest of them, and a read of the whole takes the place
    // of what is older than it.
    private static let append = RedisScript(
        """
        local function generation(epoch) return tonumber(string.match(epoch, '^%d+')) or 0 end
        local epoch, first, rev, count = ARGV[1], tonumber(ARGV[5]), tonumber(ARGV[6]), #ARGV - 7
        local known = redis.call('HGET', KEYS[2], 'epoch')
        local put = not (known and known ~= epoch and generation(known) > generation(epoch))
        if put then
            local shown = known == epoch and tonumber(redis.call('HGET', KEYS[2], 'rev') or '') or nil
            if not shown then
                redis.call('DEL', KEYS[1])
                redis.call('HSET', KEYS[2], 'epoch', epoch, 'rev', rev)
            elseif rev < shown then
                put = false
            elseif ARGV[7] == '1' then
                redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', first + count - 1)
                redis.call('HSET', KEYS[2], 'rev', rev)
            end
        end
        if put then
            for i = 8, #ARGV do
                local seq = first + i - 8
                redis.call('ZREMRANGEBYSCORE', KEYS[1], seq, seq)
                redis.call('ZADD', KEYS[1], seq, ARGV[i])
            end
            redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -tonumber(ARGV[2]) - 1)
        end
        if ARGV[3] ~= '' then
            redis.call('SPUBLISH', ARGV[3], table.concat({epoch, ARGV[4], ARGV[5]}, ' ') .. '\\n' .. table.concat(ARGV, '\\n', 8))
        end
        return put and 1 or 0
        """)

    // ARGV: epoch, rev, number of the message, the message, channel, signal.
    private static let revise = RedisScript(
        """
        local rev, seq = tonumber(ARGV[2]), tonumber(ARGV[3])
        if redis.call('HGET', KEYS[2], 'epoch') == ARGV[1] and tonumber(redis.call('HGET', KEYS[2], 'rev') or '') == rev - 1 then
            if redis.call('ZREMRANGEBYSCORE', KEYS[1], seq, seq) > 0 then redis.call('ZADD', KEYS[1], seq, ARGV[4]) end
            redis.call('HSET', KEYS[2], 'rev', rev)
        end
        return redis.call('SPUBLISH', ARGV[5], ARGV[6])
        """)

    // ARGV: the first and the last number wanted. Nothing unless the first is there and no later one is missing before the last that is.
    private static let read = RedisScript(
        """
        local low, high = ARGV[1], ARGV[2]
        local first = redis.call('ZRANGE', KEYS[1], low, high, 'BYSCORE', 'LIMIT', 0, 1, 'WITHSCORES')[2]
        if first ~= low then return false end
        local last = redis.call('ZRANGE', KEYS[1], high, low, 'BYSCORE', 'REV', 'LIMIT', 0, 1, 'WITHSCORES')[2]
        local messages = redis.call('ZRANGE', KEYS[1], low, high, 'BYSCORE')
        if #messages ~= last - first + 1 then return false end
        return {redis.call('HGET', KEYS[2], 'epoch'), redis.call('HGET', KEYS[2], 'rev'), last, table.concat(messages, ',')}
        """)

    /// Puts consecutive messages in, from the number `first` on; with a channel it also publishes `EPOCH SENDER FIRST\n` and the messages, one
    /// a line.
    ///
    /// - Parameters:
    ///   - rev: the room's newest revision when the messages were read or written.
    ///   - whole: whether these are all that the window should hold up to the last of them.
    package func append(
        room: Int64, epoch: String, first: Int64, rev: Int64, messages: [[UInt8]], whole: Bool = false,
        publishTo channel: String? = nil, sender: String = "-"
    ) -> EventLoopFuture<RedisValue> {
        redis.submit(
            Self.append, keys: Self.keys(room),
            arguments: [
                Array(epoch.utf8), Array("\(size)".utf8), Array((channel ?? "").utf8), Array(sender.utf8), Array("\(first)".utf8),
                Array("\(rev)".utf8), [UInt8(ascii: whole ? "1" : "0")],
            ] + messages, deadline: patience.writing)
    }

    /// Shows a revision in the window, if it has shown all before it, and publishes `signal`.
    package func revise(
        room: Int64, epoch: String, rev: Int64, seq: Int64, message: [UInt8], publishTo channel: String, _ signal: [UInt8]
    ) -> EventLoopFuture<RedisValue> {
        redis.submit(
            Self.revise, keys: Self.keys(room),
            arguments: [
                Array(epoch.utf8), Array("\(rev)".utf8), Array("\(seq)".utf8), message, Array(channel.utf8), signal,
            ], deadline: patience.writing)
    }

    /// Forgets windows whose messages are not as they should show any more, such as by a name. They are made anew when they are asked for.
    package func drop(rooms: [Int64]) {
        for room in rooms {
            _ = redis.submit([Array("DEL".utf8)] + Self.keys(room).map { Array($0.utf8) }, deadline: patience.reading)
        }
    }

    /// As `drop`, and throws if Redis did not do it.
    package func forget(rooms: [Int64]) async throws {
        for some in stride(from: 0, to: rooms.count, by: Self.forgottenAtOnce).map({
            rooms[$0..<min($0 + Self.forgottenAtOnce, rooms.count)]
        }) {
            // Each for itself: a cluster has them in different places.
            let sent = some.map {
                redis.submit([Array("DEL".utf8)] + Self.keys($0).map { Array($0.utf8) }, deadline: patience.reading)
            }
            for one in sent { _ = try await one.get() }
        }
    }
    private static let forgottenAtOnce = 100

    /// What a window holds of the numbers that were asked for: the first and all up to `last`.
    package struct Content: Sendable {
        package let epoch: String
        /// Every revision up to this number shows.
        package let rev: Int64
        package let last: Int64
        package let messages: RawList
    }

    /// `nil` if the first is not there, or one between it and the last that is.
    package func content(room: Int64, numbers: ClosedRange<Int64>) async throws -> Content? {
        // One write, and one reply after the other: what changed neither the epoch nor the rev meanwhile, changed nothing that was read.
        let names = Self.keys(room).map { Array($0.utf8) }
        let bounds = [Array("\(numbers.lowerBound)".utf8), Array("\(numbers.upperBound)".utf8)]
        let meta = [Array("HMGET".utf8), names[1], Array("epoch".utf8), Array("rev".utf8)]
        let before = redis.submit(meta, deadline: patience.reading)
        let range = redis.submit(
            [Array("ZRANGE".utf8), names[0]] + bounds + [Array("BYSCORE".utf8)], deadline: patience.reading, joining: true)
        let after = redis.submit(meta, deadline: patience.reading)
        let known = try await before.get()
        let messages = try await range.get()
        if case .joined(let joined, numbers.count) = messages, known == (try await after.get()),
            let epoch = known.array?[0].string,
            let rev = known.array?[1].integer
        {
            return Content(epoch: epoch, rev: rev, last: numbers.upperBound, messages: RawList(joined: joined))
        }
        // Not all of it is there: which, is looked at in one go.
        let value = try await redis.run(Self.read, keys: Self.keys(room), arguments: bounds, deadline: patience.reading)
        guard let parts = value.array, parts.count == 4, let epoch = parts[0].string, let rev = parts[1].integer,
            let last = parts[2].integer, let joined = parts[3].bytes
        else { return nil }
        return Content(epoch: epoch, rev: rev, last: last, messages: RawList(joined: joined))
    }

    // With the room as their hash tag, as its channel has it, they lie in one slot of a Cluster.
    private static func keys(_ room: Int64) -> [String] { ["everline:window:{\(room)}", "everline:window:{\(room)}:meta"] }

    /// Where what happens in a room is published.
    package static func channel(_ room: Int64) -> String { "\(channelPrefix)\(room)}" }
    /// The room of such a channel.
    package static func room(ofChannel channel: String) -> Int64? {
        channel.hasPrefix(channelPrefix) ? Int64(channel.dropFirst(channelPrefix.count).dropLast()) : nil
    }
    private static let channelPrefix = "everline:room:{"
}
