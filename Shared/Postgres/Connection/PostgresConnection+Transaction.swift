extension PostgresConnection {
    package enum Isolation: Sendable, Hashable {
        /// Also where sessions only read by default.
        case readWrite
        case readCommitted, repeatableRead, serializable
        /// One snapshot for all statements, and nothing can be written.
        case readOnlySnapshot
    }

    /// Runs `body` in a transaction: committed when it returns, rolled back when it throws (its error is passed on). The connection must not be used
    /// by anyone else meanwhile, as anything sent on it joins the transaction; a pool's `withTransaction` sees to that.
    ///
    /// The commit is never cancelled: past the deadline it fails with `outcomeUnknown`, and the connection is closed.
    @discardableResult
    package nonisolated func withTransaction<R>(
        _ isolation: Isolation = .readCommitted, deadline: PostgresDeadline = .seconds(5),
        _ body: (PostgresConnection) async throws -> R
    ) async throws -> R {
        try await execute(isolation.begin, deadline: deadline)
        let value: R
        do {
            value = try await body(self)
        } catch {
            await rollBack()
            throw error
        }
        // COMMIT of a transaction in which a statement failed answers ROLLBACK, and no error.
        let commit: PostgresRows
        do {
            commit = try await execute(PostgresStatement("COMMIT"), deadline: deadline, neverCancel: true)
        } catch {
            await rollBack()
            throw error
        }
        guard commit.commandTag == "COMMIT" else {
            throw PostgresError(.server, "rolled back: a statement of the transaction had failed", sqlState: .inFailedTransaction)
        }
        return value
    }

    /// Also when the caller's time is up or its task is cancelled; a connection on which it fails is closed, which rolls back as well.
    private nonisolated func rollBack() async {
        let done = Task {
            do {
                try await execute(PostgresStatement("ROLLBACK"), deadline: .after(configuration.cancelGrace + .seconds(1)))
            } catch {
                await close()
            }
        }
        await done.value
    }
}

extension PostgresConnection.Isolation {
    fileprivate var begin: PostgresStatement {
        switch self {
        case .readWrite: PostgresStatement("BEGIN READ WRITE")
        case .readCommitted: PostgresStatement("BEGIN ISOLATION LEVEL READ COMMITTED")
        case .repeatableRead: PostgresStatement("BEGIN ISOLATION LEVEL REPEATABLE READ")
        case .serializable: PostgresStatement("BEGIN ISOLATION LEVEL SERIALIZABLE")
        case .readOnlySnapshot: PostgresStatement("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        }
    }
}
