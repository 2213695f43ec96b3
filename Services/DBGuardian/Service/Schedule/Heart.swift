import EverlinePostgres
import EverlineService
import Logging

/// Beats once a second in the database, while it can be reached.
struct Heart: Sendable {
    let pool: PostgresPool
    let seconds: Int
    let logger: Logger

    func run() async throws {
        var isWell = true
        while !Task.isCancelled {
            do {
                try await pool.query(Heartbeat.beat, deadline: .seconds(2))
                isWell = true
            } catch {
                // Once, not once a second.
                if isWell { logger.warning("the heartbeat cannot be written", metadata: ["error": "\(error)"]) }
                isWell = false
            }
            try await Task.sleep(for: .seconds(seconds))
        }
    }
}
