import Dispatch
import EverlineCryptography
import EverlineProtocol
import Synchronization

/// Runs scrypt on a few threads of its own. One hash takes a third of a second and 128 MiB, so what waits is bounded and the rest is told to
/// come back.
package final class HashingPool: Sendable {
    private struct State {
        var running = 0
        var waiting: [@Sendable () -> Void] = []
    }

    private let width: Int
    private let bound: Int
    private let queue = DispatchQueue(label: "hashing", qos: .utility, attributes: .concurrent)
    private let state = Mutex(State())

    package init(width: Int, bound: Int) {
        self.width = max(1, width)
        self.bound = bound
    }

    /// - Throws: `auth.busy` if too many wait already.
    package func run<R: Sendable>(_ body: @escaping @Sendable () throws -> R) async throws -> R {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<R, any Error>) in
            let work: @Sendable () -> Void = { continuation.resume(with: Result(catching: body)) }
            let verdict: Bool? = state.withLock { state in
                if state.running < width {
                    state.running += 1
                    return true
                }
                guard state.waiting.count < bound else { return nil }
                state.waiting.append(work)
                return false
            }
            switch verdict {
            case true?: start(work)
            case false?: break
            case nil: continuation.resume(throwing: RPCError(.authBusy, retryAfterMs: 2_000))
            }
        }
    }

    private func start(_ work: @escaping @Sendable () -> Void) {
        queue.async { [self] in
            work()
            let next: (@Sendable () -> Void)? = state.withLock { state in
                if state.waiting.isEmpty {
                    state.running -= 1
                    return nil
                }
                return state.waiting.removeFirst()
            }
            if let next { start(next) }
        }
    }
}
