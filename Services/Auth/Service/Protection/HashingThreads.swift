import CThreads
import DequeModule
import Dispatch
import Foundation
import Synchronization

/// Threads for work that fills a core for long. They are nice to others (on Linux a nice value is a thread's own, setpriority(2)): while passwords are
/// hashed, chat goes first.
///
/// Where the kernel groups tasks by session (sched(7), "The autogroup feature"), a nice value counts among those of one session only: there the group that
/// a service has for itself gives way too. By 10 and not by all that there is, so that logins go on when the machine is full.
///
/// That divides the time, but does not say when: who wakes while a hash runs waits for the kernel's next tick, some milliseconds, at each step of a message's
/// way. So while they work the threads yield, far more often than that.
final class HashingThreads: Sendable {
    private struct State {
        var jobs: Deque<@Sendable () -> Void> = []
        var stopped = false
    }
    private let state = Mutex(State())
    private let waiting = DispatchSemaphore(value: 0)
    private let count: Int

    private static let niceness: Int32 = 10
    /// Nanoseconds. Chat's 99th percentile under a flood of logins: 7.1 ms without, 4.1 with 200,000, 3.6 with 100,000, at the same rate of hashes.
    private static let yieldsEvery = 100_000

    init(_ count: Int) {
        self.count = count
        Self.giveWay()
        for _ in 0..<count {
            let thread = Thread { [self] in
                _ = nice(Self.niceness)
                var timer = everline_yielding_timer()
                let yields = everline_yielding_timer_make(&timer) == 0
                while let job = next() {
                    if yields { everline_yielding_timer_set(&timer, Self.yieldsEvery) }
                    job()
                    if yields { everline_yielding_timer_set(&timer, 0) }
                }
                if yields { everline_yielding_timer_delete(&timer) }
            }
            thread.name = "hashing"
            thread.start()
        }
    }

    /// Only if the session is ours: others may have been started from the same shell. The file is not there if the kernel does not do it.
    private static func giveWay() {
        guard getsid(0) == getpid(), let group = FileHandle(forWritingAtPath: "/proc/self/autogroup") else { return }
        try? group.write(contentsOf: Data("\(niceness)".utf8))
        try? group.close()
    }

    /// Never more at once than there are threads: whoever calls it sees to that.
    func run(_ job: @escaping @Sendable () -> Void) {
        state.withLock { $0.jobs.append(job) }
        waiting.signal()
    }

    /// Lets the threads end, once nothing is left to do.
    func stop() {
        state.withLock { $0.stopped = true }
        for _ in 0..<count { waiting.signal() }
    }

    private func next() -> (@Sendable () -> Void)? {
        while true {
            waiting.wait()
            let (job, ended) = state.withLock { ($0.jobs.popFirst(), $0.stopped) }
            if let job { return job }
            if ended { return nil }
        }
    }
}
