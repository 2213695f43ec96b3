import DequeModule
import EverlineCryptography
import EverlineProtocol
import Synchronization

/// Runs scrypt on a few threads of its own, which give way to all others of the machine. One hash takes a third of a second and 128 MiB, so what waits is bounded, by number and by the time it would
/// wait, and the rest is told to come back. Addresses take turns, and when there is no room the one with most waiting makes some: a flood from
/// one place leaves the others their logins.
package final class HashingPool: Sendable {
    private struct Job {
        let deadline: ContinuousClock.Instant
        let run: @Sendable () -> Void
        let refuse: @Sendable () -> Void
    }
    private struct State {
        var running = 0
        var waiting: [String: Deque<Job>] = [:]
        /// Addresses in the order of their turns.
        var turns: Deque<String> = []
        var count = 0
        /// What a hash takes, as measured lately.
        var time = Duration.milliseconds(300)

        mutating func next() -> Job? {
            guard let address = turns.popFirst(), let job = waiting[address]?.popFirst() else { return nil }
            count -= 1
            if waiting[address]?.isEmpty == true { waiting[address] = nil } else { turns.append(address) }
            return job
        }

        mutating func append(_ job: Job, _ address: String) {
            if waiting[address] == nil { turns.append(address) }
            waiting[address, default: []].append(job)
            count += 1
        }

        /// The address that has most waiting, and more than one more than `address` has: its latest job may make room.
        func yielding(to address: String) -> String? {
            guard let (other, jobs) = waiting.max(by: { $0.value.count < $1.value.count }),
                jobs.count > (waiting[address]?.count ?? 0) + 1
            else { return nil }
            return other
        }

        mutating func makeRoom(for address: String) -> Job? {
            guard let other = yielding(to: address) else { return nil }
            count -= 1
            return waiting[other]?.popLast()
        }
    }

    private let width: Int
    private let bound: Int
    private let patience: Duration
    private let threads: HashingThreads
    private let state = Mutex(State())

    /// - Parameters:
    ///   - width: hashes at once.
    ///   - bound: how many may wait.
    ///   - patience: how long each may wait.
    package init(width: Int, bound: Int, patience: Duration = .seconds(5)) {
        self.width = max(1, width)
        self.bound = bound
        self.patience = patience
        threads = HashingThreads(self.width)
    }

    deinit { threads.stop() }

    /// How many wait for their turn.
    package var waiting: Int { state.withLock { $0.count } }

    private static let busy = RPCError(.authBusy, retryAfterMs: 2_000)

    private func isFull(_ state: State) -> Bool {
        state.running >= width && (state.count >= bound || state.time * (state.count + 1) / width > patience)
    }

    /// A look ahead, for who has work to do before `run`.
    /// - Throws: `auth.busy` if it would be refused now.
    package func admit(_ address: String) throws {
        let isRefused = state.withLock { isFull($0) && $0.yielding(to: address) == nil }
        if isRefused { throw Self.busy }
    }

    /// - Parameter address: for whom it is done.
    /// - Throws: `auth.busy` if it would wait too long, or did.
    package func run<R: Sendable>(for address: String, _ body: @escaping @Sendable () throws -> R) async throws -> R {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<R, any Error>) in
            let job = Job(
                deadline: .now + patience, run: { continuation.resume(with: Result(catching: body)) },
                refuse: { continuation.resume(throwing: Self.busy) })
            let (begun, refused): (Job?, Job?) = state.withLock { state in
                if state.running < width {
                    state.running += 1
                    return (job, nil)
                }
                var refused: Job?
                if isFull(state) {
                    refused = state.makeRoom(for: address)
                    if refused == nil { return (nil, job) }
                }
                state.append(job, address)
                return (nil, refused)
            }
            if let begun { start(begun) }
            refused?.refuse()
        }
    }

    private func start(_ job: Job) {
        threads.run { [self] in
            let begun = ContinuousClock.now
            job.run()
            let took = ContinuousClock.now - begun
            var late: [Job] = []
            let next: Job? = state.withLock { state in
                state.time = (state.time * 7 + took) / 8
                while let job = state.next() {
                    if job.deadline > .now { return job }
                    late.append(job)
                }
                state.running -= 1
                return nil
            }
            for job in late { job.refuse() }
            if let next { start(next) }
        }
    }
}
