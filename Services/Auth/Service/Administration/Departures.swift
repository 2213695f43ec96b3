import EverlinePostgres
import EverlineRedis
import Logging

/// Takes back the reactions of deleted accounts and makes tombstones of their messages, some at a time, so that no room is held for long; has Redis forget
/// what shows their names; and goes on where it was left.
struct Departures: Sendable {
    let pool: PostgresPool
    let windows: RoomWindow
    let logger: Logger

    private static let atOnce: Int32 = 200

    func run() async throws {
        while !Task.isCancelled {
            do { try await finishAll() } catch let error as CancellationError { throw error } catch {
                logger.warning("what a deleted account left waits to be taken away", metadata: ["error": "\(error)"])
            }
            try await Task.sleep(for: .seconds(1))
        }
    }

    private func finishAll() async throws {
        let users = try await pool.query("SELECT user_id FROM everline.departures ORDER BY user_id LIMIT 100").map {
            try $0[0].decode(as: Int64.self)
        }
        for user in users {
            while try await pool.query("SELECT everline.withdraw(\(user), \(Self.atOnce))").decode(0, 0, as: Int32.self) > 0 {
                try Task.checkCancellation()
            }
            while try await pool.query("SELECT everline.bury(\(user), \(Self.atOnce))").decode(0, 0, as: Int32.self) > 0 {
                try Task.checkCancellation()
            }
            let rooms = try await pool.query("SELECT room_id FROM everline.traces(\(user))", deadline: .seconds(60)).map {
                try $0[0].decode(as: Int64.self)
            }
            do { try await windows.forget(rooms: rooms) } catch let error as RedisError where error.kind == .server {
                // It is there and will not, for want of the right: what it holds goes with time.
                logger.warning("Redis does not forget a deleted account's name", metadata: ["error": "\(error)"])
            }
            try await pool.query("DELETE FROM everline.departures WHERE user_id = \(user)")
        }
    }
}
