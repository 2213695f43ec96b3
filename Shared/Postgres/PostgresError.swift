/// What went wrong with a call, sorted by what the caller may do next. Never holds SQL parameters.
package struct PostgresError: Error, Sendable, CustomStringConvertible {
    package enum Kind: String, Sendable, Hashable {
        /// Nothing of the call took effect: it was never sent (no connection), or it was rolled back for a reason outside itself.
        case notExecuted
        /// It was sent and no answer came: it may or may not have taken effect.
        case outcomeUnknown
        /// The server refused it, with a SQLSTATE; nothing of it took effect.
        case server
        /// The deadline passed and nothing of the call took effect: it was still waiting, or it was cancelled and rolled back.
        case deadline
        /// A queue is full; refused at once, nothing was sent.
        case overloaded
        /// The caller's task was cancelled, and nothing of the call took effect.
        case cancelled
        /// The pool, session or connection was shut down by its owner; nothing was sent.
        case closed
        /// The call or the reading of its result is wrong: other types than the columns', too many parameters. A mistake in the program.
        case usage
    }
    package var kind: Kind
    /// For an operator.
    package var message: String
    package var sqlState: SQLState?
    /// Quotes values of the rows concerned: for the program, not for a log.
    package var detail: String?
    package var hint: String?
    /// PL/pgSQL's or the server's place of the error.
    package var context: String?
    /// Names of what was violated, as far as the server tells; a unique index is named as a constraint.
    package var constraint: String?
    package var table: String?
    package var column: String?
    /// "cached plan must not change result type": a table was changed under a statement that the connection has prepared.
    var isStalePlan = false

    package init(_ kind: Kind, _ message: String, sqlState: SQLState? = nil) {
        self.kind = kind
        self.message = message
        self.sqlState = sqlState
    }

    /// Repeating the call does no harm and may succeed. An unknown outcome is not retryable here: only the caller knows whether the call
    /// may happen twice.
    package var isRetryable: Bool {
        switch kind {
        case .notExecuted, .deadline, .overloaded: true
        case .server: sqlState?.isTransient ?? false
        case .outcomeUnknown, .cancelled, .closed, .usage: false
        }
    }

    /// Without `detail`, which quotes values of the rows concerned.
    package var description: String {
        var text = "\(kind.rawValue): "
        if let sqlState { text += "[\(sqlState)] " }
        text += message
        if let constraint { text += " (constraint \(constraint))" }
        if let hint { text += " HINT: \(hint)" }
        return text
    }
}
