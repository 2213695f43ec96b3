import Foundation
import Synchronization

/// A program that goes on beside us. A thread of its own starts it and reads from it until it ends, because the kernel ends it
/// with the thread that
/// started it.
package final class RunningTool: Sendable {
    private struct State {
        var process: pid_t?
        var ended: Tool.Ended?
        var failure: (any Error)?
    }
    private let state = Mutex(State())
    private let tool: Tool

    /// - Parameter lines: gets each line of its standard error, on its thread.
    package init(_ tool: Tool, lines: @escaping @Sendable (String) -> Void = { _ in }) {
        self.tool = tool
        let thread = Thread { [self] in run(lines) }
        thread.stackSize = 1 << 20
        thread.start()
    }

    private func run(_ lines: @escaping @Sendable (String) -> Void) {
        do {
            let child = try tool.spawn()
            state.withLock { $0.process = child.process }
            var tail: [String] = []
            var rest: [UInt8] = []
            let take: (UnsafeRawBufferPointer) -> Void = { bytes in
                rest += bytes
                while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                    let line = String(decoding: rest[..<end], as: UTF8.self)
                    rest.removeFirst(end + 1)
                    lines(line)
                    tail.append(line)
                    if tail.count > 40 { tail.removeFirst() }
                }
            }
            try child.pump(lines: take, output: take)
            let status = child.wait()
            let said = (tail + [String(decoding: rest, as: UTF8.self)]).joined(separator: "\n")
            state.withLock {
                $0.process = nil
                $0.ended = Tool.Ended(status: status, said: said)
            }
        } catch {
            state.withLock { $0.failure = error }
        }
    }

    /// How it ended; nil while it runs. Throws if it could not be started.
    package var ended: Tool.Ended? {
        get throws {
            try state.withLock { state in
                if let failure = state.failure { throw failure }
                return state.ended
            }
        }
    }

    package func signal(_ number: Int32) {
        state.withLock { state in
            // The process is reaped by its thread alone, which clears the number first: it cannot be another's.
            if let process = state.process, state.ended == nil { kill(process, number) }
        }
    }

    /// Waits for its end, also in a task that is cancelled, whose way out this is; past the time it is killed.
    package func end(within seconds: Double) async throws -> Tool.Ended {
        let waiting = Task.detached {
            let deadline = ContinuousClock.now + .seconds(seconds)
            while true {
                if let ended = try self.ended { return ended }
                if ContinuousClock.now > deadline { self.signal(SIGKILL) }
                try await Task.sleep(for: .milliseconds(20))
            }
        }
        return try await waiting.value
    }
}
