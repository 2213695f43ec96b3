internal import CPostgres
internal import DequeModule
internal import Logging

extension PostgresConnection {
    /// Runs one statement and commits it, unless a transaction is open. Throws `PostgresError`:
    /// `server` refused; `deadline` past, rolled back; `outcomeUnknown`; `overloaded`; `notExecuted` (no connection any more); `cancelled`.
    ///
    /// When the deadline passes the statement is cancelled, and its end is awaited for at most `cancelGrace`; if it has succeeded
    /// meanwhile, its rows are returned. With `neverCancel` nothing is cancelled, neither by the deadline nor by the task: once sent, past the deadline the
    /// connection is closed and the call fails with `outcomeUnknown`.
    @discardableResult
    package func query(
        _ query: PostgresQuery, deadline: PostgresDeadline = .seconds(5), neverCancel: Bool = false
    ) async throws -> PostgresRows {
        try await submit([query], script: nil, deadline, neverCancel)[0]
    }

    @discardableResult
    package func execute(
        _ statement: PostgresStatement, _ parameters: PostgresParameters = [], deadline: PostgresDeadline = .seconds(5),
        neverCancel: Bool = false
    ) async throws -> PostgresRows {
        try await submit([PostgresQuery(statement, parameters)], script: nil, deadline, neverCancel)[0]
    }

    /// Sends all at once; each is a call of its own, so one's error does not touch the others. Answers are in the order of `queries`.
    package func pipeline(
        _ queries: [PostgresQuery], deadline: PostgresDeadline = .seconds(5)
    ) async -> [Result<PostgresRows, PostgresError>] {
        guard !queries.isEmpty else { return [] }
        return await withCheckedContinuation { continuation in
            let gathered = Gathered(queries.count, continuation)
            for (index, query) in queries.enumerated() {
                put([query], nil, deadline, false) { gathered.set(index, $0.map { $0[0] }) }
            }
            pump()
        }
    }

    /// Sends all at once as one transaction: all take effect or none. Throws what the first to fail was refused with.
    package func pipelineAtomically(
        _ queries: [PostgresQuery], deadline: PostgresDeadline = .seconds(5), neverCancel: Bool = false
    ) async throws -> [PostgresRows] {
        if queries.isEmpty { return [] }
        return try await submit(queries, script: nil, deadline, neverCancel)
    }

    /// Runs a text of several statements without parameters, for migrations: one transaction, unless the text says otherwise. Waits until
    /// the connection is free, and keeps it for itself. COPY from or to the client is refused.
    package func executeScript(unsafeSQL script: String, deadline: PostgresDeadline) async throws {
        if script.utf8.contains(0) { throw PostgresError(.usage, "the script has a zero byte") }
        _ = try await submit([], script: script, deadline, false)
    }

    private func submit(
        _ calls: [PostgresQuery], script: String?, _ deadline: PostgresDeadline, _ neverCancel: Bool
    ) async throws -> [PostgresRows] {
        if Task.isCancelled { throw PostgresError(.cancelled, "the task was cancelled") }
        let id = lastID + 1
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<[PostgresRows], any Error>) in
                put(calls, script, deadline, neverCancel) { continuation.resume(with: $0.mapError { $0 as any Error }) }
                pump()
            }
        } onCancel: {
            reactor.submit { self.assumeIsolated { $0.callerCancelled(id) } }
        }
    }

    /// Queues one segment under the next id; it completes at once if it cannot be queued.
    private func put(
        _ calls: [PostgresQuery], _ script: String?, _ deadline: PostgresDeadline, _ neverCancel: Bool,
        _ completion: @escaping (Result<[PostgresRows], PostgresError>) -> Void
    ) {
        lastID += 1
        if var reason = closeReason ?? ending.flatMap({ $0.kind == .closed ? nil : $0 }) {
            if reason.kind != .closed { reason.kind = .notExecuted }
            return completion(.failure(reason))
        }
        guard load < configuration.inFlight else {
            return completion(.failure(PostgresError(.overloaded, "\(load) calls are in flight on the connection")))
        }
        guard calls.allSatisfy({ $0.parameters.count <= 65535 }) else {
            return completion(.failure(PostgresError(.usage, "a statement has more than 65535 parameters")))
        }
        waiting.append(
            Segment(
                id: lastID, calls: calls, script: script, deadline: deadline, neverCancel: neverCancel, completion: completion))
        arm(deadline)
    }
}

/// The answers of a batch, complete when the last has come. On the reactor's thread only.
private final class Gathered {
    private var results: [Result<PostgresRows, PostgresError>?]
    private var missing: Int
    private let continuation: CheckedContinuation<[Result<PostgresRows, PostgresError>], Never>

    init(_ count: Int, _ continuation: CheckedContinuation<[Result<PostgresRows, PostgresError>], Never>) {
        results = Array(repeating: nil, count: count)
        missing = count
        self.continuation = continuation
    }

    func set(_ index: Int, _ result: Result<PostgresRows, PostgresError>) {
        results[index] = result
        missing -= 1
        if missing == 0 { continuation.resume(returning: results.compactMap(\.self)) }
    }
}

extension PostgresConnection {
    /// The SCRAM-SHA-256 verifier of a password, made here (libpq's PQencryptPasswordConn), so that the password itself is in no statement.
    package func scramVerifier(password: String, role: String) throws -> String {
        guard let link = link.pointer, let text = PQencryptPasswordConn(link, password, role, "scram-sha-256") else {
            throw PostgresError(.closed, "the connection is closed")
        }
        defer { PQfreemem(text) }
        return String(cString: text)
    }
}
