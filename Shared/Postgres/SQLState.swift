/// A SQLSTATE: five characters, of which the first two name the class (PostgreSQL manual, appendix A).
package struct SQLState: RawRepresentable, Sendable, Hashable, ExpressibleByStringLiteral, CustomStringConvertible {
    package let rawValue: String

    package init(rawValue: String) { self.rawValue = rawValue }
    package init(stringLiteral code: String) { rawValue = code }

    package var description: String { rawValue }
    /// The first two characters.
    package var classCode: Substring { rawValue.prefix(2) }

    package static let deadlockDetected: SQLState = "40P01"
    package static let serializationFailure: SQLState = "40001"
    package static let uniqueViolation: SQLState = "23505"
    package static let foreignKeyViolation: SQLState = "23503"
    package static let notNullViolation: SQLState = "23502"
    package static let checkViolation: SQLState = "23514"
    package static let readOnlyTransaction: SQLState = "25006"
    package static let inFailedTransaction: SQLState = "25P02"
    package static let idleInTransactionTimeout: SQLState = "25P03"
    package static let insufficientPrivilege: SQLState = "42501"
    package static let undefinedTable: SQLState = "42P01"
    package static let undefinedFunction: SQLState = "42883"
    package static let syntaxError: SQLState = "42601"
    package static let invalidPassword: SQLState = "28P01"
    package static let lockNotAvailable: SQLState = "55P03"
    package static let diskFull: SQLState = "53100"
    package static let outOfMemory: SQLState = "53200"
    package static let tooManyConnections: SQLState = "53300"
    package static let queryCanceled: SQLState = "57014"
    package static let adminShutdown: SQLState = "57P01"
    package static let crashShutdown: SQLState = "57P02"
    package static let cannotConnectNow: SQLState = "57P03"
    package static let featureNotSupported: SQLState = "0A000"

    /// 08: the connection itself.
    package var isConnectionException: Bool { classCode == "08" }
    /// 53: out of memory, disk, connections.
    package var isInsufficientResources: Bool { classCode == "53" }
    /// 58: the operating system's, such as a file that cannot be read.
    package var isSystemError: Bool { classCode == "58" }
    /// 57P: the server is stopping, starting, or ends the session.
    package var isOperatorIntervention: Bool { rawValue.hasPrefix("57P") }
    /// What was refused would be refused again on this connection, and may pass on another one: the connection is broken (08), or the server is
    /// not, or no longer, one that can be written to.
    package var isAboutConnection: Bool { isConnectionException || self == .readOnlyTransaction }
    /// 22, 23, 54: one row or value is at fault, not the statement; the others of a batch may pass without it.
    package var isAboutOneRow: Bool { classCode == "22" || classCode == "23" || classCode == "54" }

    /// The same statement may pass a moment later or on another server, and the refused one left nothing behind.
    package var isTransient: Bool {
        switch self {
        case .deadlockDetected, .serializationFailure, .lockNotAvailable, .readOnlyTransaction, .idleInTransactionTimeout: true
        default: isConnectionException || isInsufficientResources || isOperatorIntervention || isSystemError
        }
    }
}
