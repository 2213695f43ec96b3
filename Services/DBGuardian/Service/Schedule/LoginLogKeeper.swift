import EverlinePostgres
import EverlineService
import Logging

/// Makes the login log's partitions before they are needed, and drops those that are old enough.
struct LoginLogKeeper: Sendable {
    let settings: Settings
    let days: Int
    let logger: Logger

    private static let look = Duration.seconds(3_600)
    private static let retry = Duration.seconds(60)

    func run() async throws {
        while !Task.isCancelled {
            var pause = Self.look
            do {
                for deed in try await keep() { logger.notice("login log", metadata: ["deed": "\(deed)"]) }
            } catch let error as CancellationError { throw error } catch {
                logger.warning("the login log's partitions cannot be looked after", metadata: ["error": "\(error)"])
                pause = Self.retry
            }
            try await Task.sleep(for: pause)
        }
    }

    /// In a session that the watch knows, for it makes and drops tables.
    private func keep() async throws -> [String] {
        let configuration = try settings.postgres(service: settings.applicationName("login log"))
        let connection = try await PostgresConnection.connect(configuration, logger: logger, deadline: .seconds(30))
        do {
            let rows = try await connection.query("SELECT everline.keep_login_log(\(Int32(days)))", deadline: .seconds(600))
            let deeds = try rows.map { try $0[0].decode(as: String.self) }
            await connection.close()
            return deeds
        } catch {
            await connection.close()
            throw error
        }
    }
}
