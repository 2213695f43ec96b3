import EverlinePostgres
import EverlineRedis

/// Whether sessions may have ended of which Redis could not tell: auth counts their ends in PostgreSQL, and while Redis is away the number is looked at.
actor EndedSessions {
    private let redis: RedisClient
    private let pool: PostgresPool
    /// The number when it was looked at last; `nil` while Redis tells.
    private var seen: Int64?

    private static let count = PostgresStatement("SELECT last_value FROM everline.session_ends")

    init(redis: RedisClient, pool: PostgresPool) {
        self.redis = redis
        self.pool = pool
    }

    func mayBeUntold() async -> Bool {
        guard !redis.isConnected else {
            // The signals of while it was away were not heard.
            defer { seen = nil }
            return seen != nil
        }
        guard let count: Int64 = try? await pool.execute(Self.count, deadline: .seconds(1)).decode(0, 0) else { return false }
        defer { seen = count }
        return seen != count
    }
}
