internal import CPostgres
internal import DequeModule
internal import Logging

extension PostgresConnection {
    /// Sees to it that `deadline` is looked at in time. One timer a connection, moved only to an earlier time; on firing it looks at all.
    func arm(_ deadline: PostgresDeadline) {
        if let timer {
            if timer.at <= deadline { return }
            reactor.cancelTimer(timer.token)
        }
        timer = (reactor.timer(at: deadline) { self.assumeIsolated { $0.timerFired() } }, deadline)
    }

    private func timerFired() {
        timer = nil
        let now = PostgresDeadline.now
        while let index = waiting.firstIndex(where: { $0.deadline <= now }) {
            let segment = waiting.remove(at: index)
            segment.complete(
                .failure(PostgresError(segment.lapse, "not sent by the deadline: earlier calls hold the connection")))
        }
        for segment in segments where !segment.isAbandoned && segment.graceEnd == nil && segment.deadline <= now {
            lapse(segment)
            guard isOpen else { return }
        }
        if let head = segments.first, let end = head.graceEnd, end <= now {
            return close(PostgresError(.outcomeUnknown, "the statement did not end after it was cancelled"))
        }
        pump()
        let next = (
            waiting.lazy.map(\.deadline).min(), segments.lazy.filter { !$0.isAbandoned }.map { $0.graceEnd ?? $0.deadline }.min()
        )
        for case let deadline? in [next.0, next.1] { arm(deadline) }
    }

    /// The time of a sent segment is up.
    func lapse(_ segment: Segment) {
        if segment.neverCancel {
            return close(PostgresError(.outcomeUnknown, "no answer by the deadline; the call may still take effect"))
        }
        // Only the running statement can be cancelled, and the request hits whatever runs when it arrives; it must not hit an append.
        let isRunning = segments.first === segment
        if isRunning, !isCancelling, !segments.contains(where: \.neverCancel) { return cancel(segment) }
        segment.complete(
            .failure(PostgresError(.outcomeUnknown, "no answer by the deadline behind earlier calls; it may still run")))
    }

    func callerCancelled(_ id: UInt64) {
        if let index = waiting.firstIndex(where: { $0.id == id }) {
            // An append is not given up by its task, but one that was never sent can be.
            waiting.remove(at: index).complete(
                .failure(PostgresError(.cancelled, "the task was cancelled before the call was sent")))
            pump()
        } else if let segment = segments.first(where: { $0.id == id && !$0.neverCancel && $0.graceEnd == nil }) {
            segment.lapse = .cancelled
            segment.deadline = .now
            lapse(segment)
        }
    }

    private func cancel(_ segment: Segment) {
        let end = PostgresDeadline.now + configuration.cancelGrace
        segment.graceEnd = end
        arm(end)
        requestCancel(segment.id)
    }

    /// PQcancel opens a second connection and waits for it, hence a thread; and it knows no timeout of its own (libpq 15), hence a bound: when so many
    /// wait already, the server swallows them, and the connection is closed instead.
    private func requestCancel(_ id: UInt64) {
        guard reactor.cancelThreads < configuration.cancelRequests else {
            return close(PostgresError(.outcomeUnknown, "no answer by the deadline, and too many cancel requests wait already"))
        }
        guard let pointer = link.pointer, let request = PQgetCancel(pointer) else { return lost() }
        isCancelling = true
        cancelsSent += 1
        reactor.cancelThreads += 1
        let owner = CancelRequest(request)
        startThread(named: "postgres-cancel") { [reactor] in
            let refusal = owner.send()
            reactor.submit {
                reactor.cancelThreads -= 1
                self.assumeIsolated { $0.cancelReturned(refusal, id) }
            }
        }
    }

    /// PQcancel returns when the server has signalled the backend, so what is sent from now on is not hit.
    private func cancelReturned(_ refusal: String?, _ id: UInt64) {
        isCancelling = false
        if let refusal { logger.debug("postgres cancel request failed", metadata: ["reason": "\(refusal)"]) }
        pump()
        // A request that arrives before the statement does is lost on the server, so it is repeated.
        guard isOpen, segments.first?.id == id else { return }
        _ = reactor.timer(at: .now + .milliseconds(50)) { self.assumeIsolated { $0.cancelAgain(id) } }
    }

    private func cancelAgain(_ id: UInt64) {
        guard isOpen, !isCancelling, let head = segments.first, head.id == id, let end = head.graceEnd, .now < end,
            !segments.contains(where: \.neverCancel)
        else { return }
        requestCancel(id)
    }
}

/// The one owner of a PGcancel. `@unchecked Sendable`: PQcancel may be called from any thread, and only one does.
private final class CancelRequest: @unchecked Sendable {
    private let pointer: OpaquePointer
    init(_ pointer: OpaquePointer) { self.pointer = pointer }
    deinit { PQfreeCancel(pointer) }

    /// Waits for the server; libpq's words if it failed.
    func send() -> String? {
        var message = [CChar](repeating: 0, count: 256)
        if PQcancel(pointer, &message, Int32(message.count)) == 1 { return nil }
        return message.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    }
}
