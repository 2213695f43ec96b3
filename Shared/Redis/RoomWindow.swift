package import NIOCore

/// The newest messages of a room in Redis: a sorted set `everline:window:ROOM` of messages by number, and beside it the epoch that they
/// belong to. It may have holes or be behind; whoever reads it looks for that.
package struct RoomWindow: Sendable {
    package let redis: RedisClient
    package let size: Int

    package init(_ redis: RedisClient, size: Int) {
        self.redis = redis
        self.size = size
    }

    // ARGV: epoch, size, channel or '', sender of the signal, number of the first message, the messages.
    // An epoch begins with its generation, so a newer one is told from an older one.
    private static let append = RedisScript(
        """
        local function generation(epoch) return tonumber(string.match(epoch, '^%d+')) or 0 end
        local epoch = ARGV[1]
        local known = redis.call('HGET', KEYS[2], 'epoch')
        local first = tonumber(ARGV[5])
        local stale = known and known ~= epoch and generation(known) > generation(epoch)
        if not stale then
            if known ~= epoch then
                redis.call('DEL', KEYS[1])
                redis.call('HSET', KEYS[2], 'epoch', epoch)
            end
            for i = 6, #ARGV do
                local seq = first + i - 6
                redis.call('ZREMRANGEBYSCORE', KEYS[1], seq, seq)
                redis.call('ZADD', KEYS[1], seq, ARGV[i])
            end
            redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -tonumber(ARGV[2]) - 1)
        end
        if ARGV[3] ~= '' then
            redis.call('PUBLISH', ARGV[3], table.concat({epoch, ARGV[4], ARGV[5]}, ' ') .. '\\n' .. table.concat(ARGV, '\\n', 6))
        end
        return stale and 0 or 1
        """)

    private static let read = RedisScript(
        """
        return {redis.call('HGET', KEYS[2], 'epoch'), redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')}
        """)

    /// Puts consecutive messages in, from the number `first` on; with a channel it also publishes `EPOCH SENDER FIRST\\n` and the messages, one
    /// a line.
    package func append(
        room: Int64, epoch: String, first: Int64, messages: [[UInt8]], publishTo channel: String? = nil, sender: String = "-"
    ) -> EventLoopFuture<RedisValue> {
        redis.submit(
            Self.append, keys: Self.keys(room),
            arguments: [
                Array(epoch.utf8), Array("\(size)".utf8), Array((channel ?? "").utf8), Array(sender.utf8), Array("\(first)".utf8),
            ] + messages)
    }

    /// What a window holds: messages in order of their numbers, perhaps with holes.
    package struct Content: Sendable {
        package let epoch: String
        package let messages: [(seq: Int64, json: [UInt8])]

        /// The unbroken run at the end.
        package var run: ArraySlice<(seq: Int64, json: [UInt8])> {
            var start = messages.count
            while start > 0, start == messages.count || messages[start - 1].seq + 1 == messages[start].seq { start -= 1 }
            return messages[start...]
        }
    }

    /// `nil` if there is none.
    package func content(room: Int64) async throws -> Content? {
        let value = try await redis.run(Self.read, keys: Self.keys(room), arguments: [], deadline: .milliseconds(300))
        guard let parts = value.array, parts.count == 2, let epoch = parts[0].string, let rows = parts[1].array else {
            return nil
        }
        var messages: [(seq: Int64, json: [UInt8])] = []
        messages.reserveCapacity(rows.count / 2)
        for index in stride(from: 0, to: rows.count - 1, by: 2) {
            guard let json = rows[index].bytes, let seq = rows[index + 1].integer else { return nil }
            messages.append((seq, json))
        }
        return Content(epoch: epoch, messages: messages)
    }

    private static func keys(_ room: Int64) -> [String] { ["everline:window:\(room)", "everline:window:\(room):meta"] }
}
