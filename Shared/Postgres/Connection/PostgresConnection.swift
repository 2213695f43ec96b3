internal import CPostgres
internal import DequeModule
package import Logging

/// One connection in pipeline mode. Any number of callers may have calls on it at once: they are sent without waiting for each other, run in
/// the order sent, and each has a sync point of its own, so that an error stays with its call.
///
/// The actor runs on the reactor's thread. A connection that failed stays closed; pools and sessions make new ones.
package actor PostgresConnection {
    package nonisolated let logger: Logger
    nonisolated let reactor: PostgresReactor
    package nonisolated var unownedExecutor: UnownedSerialExecutor { reactor.asUnownedSerialExecutor() }

    let configuration: PostgresConfiguration
    let link: PostgresLink
    /// The reactor's name for the socket; nil before `start` and once closed.
    var token: UInt64?
    var isWriting = false
    var closeReason: PostgresError?
    /// Why it is closed as soon as nothing is queued or in flight.
    var ending: PostgresError?
    /// Called once when it takes no new calls any more.
    var onRetire: (@Sendable (PostgresConnection) -> Void)?
    /// Called once when the connection is gone.
    var onClose: (@Sendable (PostgresConnection) -> Void)?

    /// Not sent yet: while a cancel request is under way, or a script needs the connection for itself. Bounded, together with `segments`,
    /// by `configuration.inFlight`; more is refused with `overloaded`.
    var waiting = Deque<Segment>()
    /// Sent, in order.
    var segments = Deque<Segment>()
    /// The statement of the running script, which is the only thing in flight.
    var isInScript = false
    /// A cancel request may still reach the server: nothing new is sent, lest it hits that.
    var isCancelling = false
    /// Cancel requests made in the connection's life.
    var cancelsSent = 0
    var timer: (token: UInt64, at: PostgresDeadline)?
    var lastID: UInt64 = 0

    /// Names of the statements the server keeps for this connection. `nil` as a value: sent, not confirmed.
    var prepared: [StatementKey: String?] = [:]
    /// More texts than this are sent without keeping them.
    static let preparedLimit = 256

    init(_ link: PostgresLink, _ configuration: PostgresConfiguration, _ logger: Logger) {
        self.link = link
        self.configuration = configuration
        self.logger = logger
        reactor = .shared
    }

    /// Opens a connection and runs `onConnect` on it. The caller closes it; see also `PostgresPool` and `PostgresSession`.
    /// Throws `notExecuted` if there is no connection by the deadline.
    package static nonisolated func connect(
        _ configuration: PostgresConfiguration, logger: Logger, deadline: PostgresDeadline = .seconds(10)
    ) async throws -> PostgresConnection {
        let link = try await openLink(configuration, logger, deadline)
        let connection = PostgresConnection(link, configuration, logger)
        await connection.start()
        do {
            try await configuration.onConnect?(connection)
        } catch {
            await connection.close()
            throw error
        }
        return connection
    }

    /// The thread goes on past the deadline until libpq returns; what it then brings is closed.
    private static nonisolated func openLink(
        _ configuration: PostgresConfiguration, _ logger: Logger, _ deadline: PostgresDeadline
    ) async throws -> PostgresLink {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<PostgresLink, any Error>) in
            let answer = OneAnswer(continuation)
            let reactor = PostgresReactor.shared
            reactor.submit {
                _ = reactor.timer(at: deadline) {
                    answer.give(.failure(PostgresError(.notExecuted, "no connection by the deadline")))
                }
            }
            startThread(named: "postgres-open") {
                let link = Result { () throws(PostgresError) in try PostgresLink.connect(configuration, logger) }
                reactor.submit { answer.give(link) }
            }
        }
    }

    private func start() {
        guard let pointer = link.pointer else { return }
        token = reactor.watch(PQsocket(pointer), self)
    }

    package var isOpen: Bool { closeReason == nil }
    /// Nothing is in flight and no transaction is open, so the next user finds it clean.
    var isClean: Bool {
        guard isOpen, ending == nil, segments.isEmpty, waiting.isEmpty, !isInScript, let pointer = link.pointer else {
            return false
        }
        return PQtransactionStatus(pointer) == PQTRANS_IDLE
    }
    /// Process number of the server's backend, as in pg_stat_activity.
    package var backendPID: Int32 { link.pointer.map { PQbackendPID($0) } ?? 0 }
    /// Number of calls queued or in flight.
    package var load: Int { segments.count + waiting.count }

    func setOnClose(_ body: @escaping @Sendable (PostgresConnection) -> Void) {
        if isOpen { onClose = body } else { body(self) }
    }

    /// Ends the connection now. What is in flight fails with `outcomeUnknown`.
    package func close() { close(PostgresError(.closed, "the connection was closed")) }

    /// Ends the connection when the last call on it has its answer.
    func closeWhenUnused() { end(PostgresError(.closed, "the connection was closed")) }

    /// It works, but not for what we want: it takes no new calls, and is closed when those in flight have their answers.
    func retire(_ reason: PostgresError) {
        guard isOpen, ending == nil else { return }
        var reason = reason
        reason.kind = .outcomeUnknown
        logger.debug("postgres connection retired", metadata: ["reason": "\(reason)"])
        onRetire?(self)
        end(reason)
    }

    private func end(_ reason: PostgresError) {
        if load == 0 { close(reason) } else { ending = reason }
    }

    /// `reason` is why; calls that were never sent fail with it when it is `closed`, and with `notExecuted` otherwise.
    func close(_ reason: PostgresError) {
        guard closeReason == nil else { return }
        closeReason = reason
        if let timer { reactor.cancelTimer(timer.token) }
        timer = nil
        if let token { reactor.unwatch(token, link.pointer.map { PQsocket($0) } ?? -1) }
        token = nil
        link.finish()
        let lost = (sent: segments, unsent: waiting)
        segments.removeAll()
        waiting.removeAll()
        isInScript = false
        var unknown = reason
        unknown.kind = .outcomeUnknown
        for segment in lost.sent { segment.complete(.failure(unknown)) }
        var unsent = reason
        unsent.kind = reason.kind == .closed ? .closed : .notExecuted
        for segment in lost.unsent { segment.complete(.failure(unsent)) }
        onClose?(self)
        onClose = nil
        onRetire = nil
    }
}

/// A continuation for whoever answers first. Used on the reactor's thread only, hence `@unchecked Sendable`.
final class OneAnswer<Value: Sendable>: @unchecked Sendable {
    private var continuation: CheckedContinuation<Value, any Error>?
    init(_ continuation: CheckedContinuation<Value, any Error>) { self.continuation = continuation }

    func give(_ result: Result<Value, PostgresError>) {
        continuation?.resume(with: result.mapError { $0 as any Error })
        continuation = nil
    }
}

extension PostgresConnection: ReactorSource {
    nonisolated func ready(_ events: UInt32) {
        assumeIsolated { $0.handle(events) }
    }
}
