internal import DequeModule
internal import Logging

/// What a pool and a session have in common: connections that are opened when someone waits for them, up to a number, with a pause after
/// each failure; and a line of waiting callers with a bound and deadlines.
///
/// Pinned to the reactor's thread, as the connections are, so that lending one costs no hop.
actor ConnectionSource {
    nonisolated var unownedExecutor: UnownedSerialExecutor { PostgresReactor.shared.asUnownedSerialExecutor() }
    private let configuration: PostgresConfiguration
    private let logger: Logger
    private let limit: Int
    /// Handed out to one caller at a time, or to all.
    private let isShared: Bool

    private var idle: [PostgresConnection] = []
    private var open: [ObjectIdentifier: PostgresConnection] = [:]
    /// Attempts to connect, and when each began.
    private var attempts: [UInt64: PostgresDeadline] = [:]
    private var lastSuccess = PostgresDeadline(nanoseconds: 0)
    /// Bounded by `configuration.waiting`; the next caller is refused with `overloaded`.
    private var waiters = Deque<Waiter>()
    private var backoff = Backoff()
    private var lastFailure: String?
    private var timer: (token: UInt64, at: PostgresDeadline)?
    private var isShutDown = false
    private var lastID: UInt64 = 0
    private var whenEmpty: [CheckedContinuation<Void, Never>] = []

    init(_ configuration: PostgresConfiguration, limit: Int, isShared: Bool, _ logger: Logger) {
        self.configuration = configuration
        self.limit = limit
        self.isShared = isShared
        self.logger = logger
    }

    struct Load: Sendable {
        var open: Int
        var idle: Int
        var waiting: Int
    }
    var load: Load { Load(open: open.count, idle: idle.count, waiting: waiters.count) }

    /// A connection that was open a moment ago: lent until `giveBack`, or shared.
    func take(_ deadline: PostgresDeadline) async throws -> PostgresConnection {
        if isShutDown { throw Self.shutDownError }
        if isShared, let connection = idle.last { return connection }
        if waiters.isEmpty, let connection = idle.popLast() { return connection }
        guard waiters.count < configuration.waiting else {
            throw PostgresError(.overloaded, "\(waiters.count) callers wait for a connection already")
        }
        if Task.isCancelled { throw PostgresError(.cancelled, "the task was cancelled") }
        lastID += 1
        let id = lastID
        let deadline = min(deadline, backoff.patience ?? deadline)
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                // Others may have run since the look above, and given back what nobody else would hand on.
                if waiters.isEmpty, let connection = isShared ? idle.last : idle.popLast() {
                    return continuation.resume(returning: connection)
                }
                if isShutDown { return continuation.resume(throwing: Self.shutDownError) }
                waiters.append(Waiter(id: id, deadline: deadline, continuation: continuation))
                arm(deadline)
                grow()
            }
        } onCancel: {
            PostgresReactor.shared.submit { self.assumeIsolated { $0.callerCancelled(id) } }
        }
    }

    /// Ends the loan. A connection that is not clean (in a transaction, a call still running) is closed.
    func giveBack(_ connection: PostgresConnection) {
        guard open[ObjectIdentifier(connection)] != nil else { return }
        if isShutDown || !connection.assumeIsolated({ $0.isClean }) {
            connection.assumeIsolated { $0.close() }
        } else {
            offer(connection)
        }
    }

    /// Refuses everyone who waits or comes later, closes what is idle, and waits until what is lent has come back, or closes it at
    /// `deadline`.
    func shutDown(_ deadline: PostgresDeadline) async {
        refuseAll()
        guard !open.isEmpty else { return }
        let token = PostgresReactor.shared.timer(at: deadline) { self.assumeIsolated { $0.closeAll() } }
        await withCheckedContinuation { whenEmpty.append($0) }
        PostgresReactor.shared.cancelTimer(token)
    }

    private func closeUnused() {
        for connection in idle { connection.assumeIsolated { $0.closeWhenUnused() } }
    }

    /// The part that enters connections directly, which only a synchronous function may.
    private func refuseAll() {
        isShutDown = true
        if let timer { PostgresReactor.shared.cancelTimer(timer.token) }
        timer = nil
        for waiter in waiters { waiter.continuation.resume(throwing: Self.shutDownError) }
        waiters.removeAll()
        closeUnused()
    }

    private func closeAll() {
        for connection in open.values { connection.assumeIsolated { $0.close() } }
    }

    private static let shutDownError = PostgresError(.closed, "the connections were shut down")
}

extension ConnectionSource {
    private func offer(_ connection: PostgresConnection) {
        if isShared {
            idle.append(connection)
            while let waiter = waiters.popFirst() { waiter.continuation.resume(returning: connection) }
        } else if let waiter = waiters.popFirst() {
            waiter.continuation.resume(returning: connection)
        } else {
            idle.append(connection)
        }
    }

    /// After so long an attempt is taken for one that hangs: its packets went to a host that was not there, and TCP waits for a second, then two, or libpq
    /// for its whole time limit. A server that is back is not kept waiting for that: further attempts are made beside it.
    private static let promptness = Duration.milliseconds(500)
    /// Attempts beyond the limit of connections. With TCP's own repetitions there is one in each half second.
    private static let spare = 3

    /// Opens what the waiting need and the limit allows; one at a time while attempts fail or hang.
    private func grow() {
        guard !isShutDown else { return }
        let hung = attempts.values.count { $0 + Self.promptness <= .now }
        while attempts.count < limit + Self.spare {
            let young = attempts.count - hung
            guard open.count + young < limit, young < waiters.count else { break }
            if backoff.isFailing || hung > 0 {
                if young > 0 { break }
                if backoff.next > .now { return arm(backoff.next) }
            }
            attempt()
        }
        let young = attempts.values.lazy.map { $0 + Self.promptness }.filter { $0 > .now }
        if !waiters.isEmpty, attempts.count < limit + Self.spare, let next = young.min() { arm(next) }
    }

    private func attempt() {
        lastID += 1
        let id = lastID
        attempts[id] = .now
        // Not a child of anyone's task: a connection outlives the call that first asked for it.
        Task.detached { [configuration, logger] in
            let result: Result<PostgresConnection, any Error>
            do {
                let deadline = PostgresDeadline.after(max(configuration.connectTimeout, .seconds(2)) * 8)
                result = .success(try await PostgresConnection.connect(configuration, logger: logger, deadline: deadline))
            } catch {
                result = .failure(error)
            }
            await self.opened(id, result)
        }
    }

    private func opened(_ id: UInt64, _ result: Result<PostgresConnection, any Error>) {
        guard let begun = attempts.removeValue(forKey: id) else { return }
        switch result {
        case .success(let connection):
            // More than the limit there are if others were quicker than this one, which hung.
            if isShutDown || open.count >= limit { return connection.assumeIsolated { $0.close() } }
            lastSuccess = .now
            if backoff.isFailing { logger.info("postgres is reachable again") }
            backoff.succeeded()
            open[ObjectIdentifier(connection)] = connection
            connection.assumeIsolated {
                $0.onRetire = { old in self.assumeIsolated { $0.retired(old) } }
                $0.setOnClose { gone in self.assumeIsolated { $0.closed(gone) } }
            }
            if connection.assumeIsolated({ $0.isOpen }) { offer(connection) }
        case .failure where lastSuccess > begun:
            // It says what was before.
            break
        case .failure(let error):
            if !backoff.isFailing { logger.warning("postgres cannot be reached; trying on", metadata: ["error": "\(error)"]) }
            backoff.failed()
            lastFailure = "\(error)"
            if let patience = backoff.patience {
                for waiter in waiters { waiter.deadline = min(waiter.deadline, patience) }
                arm(patience)
            }
        }
        grow()
    }

    /// It takes no new calls: whoever comes now waits for the next one.
    private func retired(_ connection: PostgresConnection) { idle.removeAll { $0 === connection } }

    private func closed(_ connection: PostgresConnection) {
        configuration.onDisconnect?()
        open[ObjectIdentifier(connection)] = nil
        idle.removeAll { $0 === connection }
        if open.isEmpty {
            whenEmpty.forEach { $0.resume() }
            whenEmpty.removeAll()
        }
        grow()
    }

    private func callerCancelled(_ id: UInt64) {
        guard let index = waiters.firstIndex(where: { $0.id == id }) else { return }
        waiters.remove(at: index).continuation
            .resume(throwing: PostgresError(.cancelled, "the task was cancelled while it waited for a connection"))
    }

    private func arm(_ deadline: PostgresDeadline) {
        if let timer {
            if timer.at <= deadline { return }
            PostgresReactor.shared.cancelTimer(timer.token)
        }
        timer = (PostgresReactor.shared.timer(at: deadline) { self.assumeIsolated { $0.timerFired() } }, deadline)
    }

    private func timerFired() {
        timer = nil
        let now = PostgresDeadline.now
        while let index = waiters.firstIndex(where: { $0.deadline <= now }) {
            let reason = lastFailure.flatMap { backoff.isFailing ? $0 : nil } ?? "all \(open.count) are in use"
            waiters.remove(at: index).continuation
                .resume(throwing: PostgresError(.deadline, "no connection by the deadline: \(reason)"))
        }
        grow()
        if let next = waiters.lazy.map(\.deadline).min() { arm(next) }
    }
}
