import EverlinePostgres
import Foundation
import Logging

let logger = Logger(label: "postgres-tests")

/// A pool on the shared server for as long as `body` runs.
@discardableResult
func withPool<R>(
    connections: Int = 4, waiting: Int = 256, _ server: PostgresServer = .shared, _ body: (PostgresPool) async throws -> R
) async throws -> R {
    let pool = PostgresPool(configuration: server.configuration(connections: connections, waiting: waiting), logger: logger)
    do {
        let value = try await body(pool)
        await pool.shutdown()
        return value
    } catch {
        await pool.shutdown()
        throw error
    }
}

/// A connection of its own.
@discardableResult
func withConnection<R>(
    _ configuration: PostgresConfiguration = PostgresServer.shared.configuration(), _ body: (PostgresConnection) async throws -> R
) async throws -> R {
    let connection = try await PostgresConnection.connect(configuration, logger: logger)
    do {
        let value = try await body(connection)
        await connection.close()
        return value
    } catch {
        await connection.close()
        throw error
    }
}

/// The error that `body` throws, if it is one of PostgreSQL's.
func failure(_ body: () async throws -> some Any) async -> PostgresError? {
    do {
        _ = try await body()
        return nil
    } catch {
        return error as? PostgresError
    }
}

/// Asks until `condition` holds, at most a minute.
func eventually(_ condition: () async throws -> Bool) async throws -> Bool {
    let end = PostgresDeadline.seconds(60)
    while PostgresDeadline.now < end {
        if try await condition() { return true }
        try await Task.sleep(for: .milliseconds(10))
    }
    return false
}

/// What waits for other processes does so on a thread of its own: the few that run all tests are not kept from the others' deadlines.
func aside<R: Sendable>(_ body: @escaping @Sendable () -> R) async -> R {
    await withCheckedContinuation { continuation in
        Thread.detachNewThread { continuation.resume(returning: body()) }
    }
}
