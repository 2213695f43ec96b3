import EverlinePostgres
import Logging

/// Makes tombstones of the messages of deleted accounts, some at a time, so that no room is held for long; and goes on where it was left.
struct Burials: Sendable {
    let pool: PostgresPool
    let logger: Logger

    private static let atOnce: Int32 = 200

    func run() async throws {
        while !Task.isCancelled {
            do { try await buryAll() } catch let error as CancellationError { throw error } catch {
                logger.warning("messages of a deleted account wait to be buried", metadata: ["error": "\(error)"])
            }
            try await Task.sleep(for: .seconds(1))
        }
    }

    private func buryAll() async throws {
        let users = try await pool.query("SELECT id FROM everline.users WHERE burying ORDER BY id LIMIT 100").map {
            try $0[0].decode(as: Int64.self)
        }
        for user in users {
            while try await pool.query("SELECT everline.bury(\(user), \(Self.atOnce))").decode(0, 0, as: Int32.self) > 0 {
                try Task.checkCancellation()
            }
        }
    }
}
