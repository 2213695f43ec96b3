package import NIOCore
import Synchronization

/// Runs the steps of tasks on an event loop: what a task awaits on that loop then costs no other thread's waking. For short work only, as
/// everything on a loop is.
package final class LoopTasks: TaskExecutor {
    private let loop: any EventLoop
    private static let all = Mutex<[ObjectIdentifier: LoopTasks]>([:])

    private init(_ loop: any EventLoop) { self.loop = loop }

    /// The one of this loop. Loops last as long as the process, and so do these.
    package static func on(_ loop: any EventLoop) -> LoopTasks {
        all.withLock { all in
            if let known = all[ObjectIdentifier(loop)] { return known }
            let made = LoopTasks(loop)
            all[ObjectIdentifier(loop)] = made
            return made
        }
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        loop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
