internal import CPostgres
internal import DequeModule
internal import Logging

extension PostgresError {
    /// From a result that is an error or a notice. The codes of the fields are those of the protocol (PostgreSQL manual 55.8).
    init(_ kind: Kind, result: OpaquePointer) {
        func field(_ code: Unicode.Scalar) -> String? { Self.field(code, of: result) }
        let message =
            field("M") ?? String(cString: PQresultErrorMessage(result)).split(whereSeparator: \.isNewline).joined(separator: "; ")
        self.init(kind, message, sqlState: field("C").map { SQLState(rawValue: $0) })
        detail = field("D")
        hint = field("H")
        context = field("W")
        constraint = field("n")
        table = field("t")
        column = field("c")
        isStalePlan = sqlState == .featureNotSupported && field("R") == "RevalidateCachedQuery"
    }

    /// The unlocalised severity: ERROR, FATAL, PANIC, WARNING …
    static func severity(of result: OpaquePointer) -> String? { field("V", of: result) }

    /// The server ends the connection after this.
    static func isFatal(_ result: OpaquePointer) -> Bool {
        let severity = severity(of: result)
        return severity == "FATAL" || severity == "PANIC"
    }

    private static func field(_ code: Unicode.Scalar, of result: OpaquePointer) -> String? {
        PQresultErrorField(result, Int32(code.value)).map { String(cString: $0) }
    }
}
