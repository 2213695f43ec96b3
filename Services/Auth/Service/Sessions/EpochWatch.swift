package import EverlinePostgres
import EverlineService
import Synchronization

/// The epoch, for as long as it is sure to be that of the server: what Redis remembers from before a restore must not count.
///
/// It is read on each new connection, where another server gets its new epoch, and every second, because it may change on the same server.
/// When a connection is lost, the next one may lead to another server, so nothing is known until then.
package final class EpochWatch: Sendable {
    private struct State {
        var epoch: String?
        var readAt = ContinuousClock.now
        /// What was read before the last of these says nothing.
        var losses = 0
    }
    private let state = Mutex(State())

    /// Longer than a reading takes its turn and its deadline.
    private static let trust = Duration.seconds(4)

    package init() {}

    /// `nil` when it is not known: then PostgreSQL has to be asked.
    var current: String? { state.withLock { ContinuousClock.now - $0.readAt < Self.trust ? $0.epoch : nil } }

    package func connected(_ connection: PostgresConnection) async throws {
        try await learn { try await connection.serverEpoch() }
    }

    package func disconnected() {
        state.withLock {
            $0.epoch = nil
            $0.losses += 1
        }
    }

    package func run(_ store: SessionStore) async throws {
        while !Task.isCancelled {
            do { try await learn { try await store.epoch() } } catch { disconnected() }
            try await Task.sleep(for: .seconds(1))
        }
    }

    private func learn(_ read: () async throws -> String) async throws {
        let (losses, begun) = (state.withLock { $0.losses }, ContinuousClock.now)
        let epoch = try await read()
        state.withLock {
            guard $0.losses == losses else { return }
            $0.epoch = epoch
            $0.readAt = begun
        }
    }
}
