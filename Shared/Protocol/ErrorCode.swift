/// The one table of errors: number, name, what it means, whether the client may retry, whether the connection ends. Negative numbers are
/// JSON-RPC's own (specification section 5.1), with its own words; the others are ours.
package struct ErrorCode: Sendable, Hashable {
    package let number: Int
    package let name: String
    /// For a person; constant, so that nothing of a request leaks into it.
    package let message: String
    package let retryable: Bool
    package let endsConnection: Bool

    private init(_ number: Int, _ name: String, _ message: String, retryable: Bool = false, ends: Bool = false) {
        self.number = number
        self.name = name
        self.message = message
        self.retryable = retryable
        self.endsConnection = ends
    }

    package static let parseError = ErrorCode(-32700, "parse_error", "Parse error")
    package static let invalidRequest = ErrorCode(-32600, "invalid_request", "Invalid Request")
    package static let methodNotFound = ErrorCode(-32601, "method_not_found", "Method not found")
    package static let invalidParams = ErrorCode(-32602, "invalid_params", "Invalid params")
    package static let internalError = ErrorCode(-32603, "internal_error", "Internal error")

    package static let lineTooLong = ErrorCode(1001, "line.too_long", "A line is longer than 65,536 bytes", ends: true)
    package static let batchTooLarge = ErrorCode(1002, "batch.too_large", "A batch holds more than 100 requests")
    package static let overloaded = ErrorCode(1003, "overloaded", "Too much is waiting; try again shortly", retryable: true)
    package static let unavailable = ErrorCode(
        1004, "unavailable", "A part of the server is not reachable; try again", retryable: true)
    package static let deadline = ErrorCode(
        1005, "deadline", "The answer took too long; the outcome is not known", retryable: true)
    package static let rateLimited = ErrorCode(1006, "rate.limited", "Too many requests; try again later", retryable: true)
    package static let peerForbidden = ErrorCode(1007, "peer.forbidden", "This peer may not call this method")
    package static let shuttingDown = ErrorCode(
        1008, "shutting_down", "The server is stopping; connect again", retryable: true, ends: true)
    package static let readerStalled = ErrorCode(
        1009, "reader.stalled", "Nothing was read for too long; connect again", retryable: true, ends: true)
    package static let lineUnfinished = ErrorCode(1010, "line.unfinished", "A line was not finished in time", ends: true)

    package static let sessionRequired = ErrorCode(1101, "session.required", "Log in or resume a session first")
    package static let sessionInvalid = ErrorCode(1102, "session.invalid", "The session is not valid or has ended")
    package static let invalidCredentials = ErrorCode(1103, "auth.invalid_credentials", "The username or the password is wrong")
    package static let usernameTaken = ErrorCode(1104, "auth.username_taken", "The username is taken")
    package static let authBusy = ErrorCode(1105, "auth.busy", "Too many logins at once; try again shortly", retryable: true)
    package static let authThrottled = ErrorCode(
        1106, "auth.throttled", "Too many attempts from here; try again later", retryable: true)
    package static let adminRequired = ErrorCode(1107, "admin.required", "Only an admin may do this")
    package static let secondFactorRequired = ErrorCode(
        1108, "auth.second_factor_required", "Give the code of your second factor too")
    package static let passwordChangeRequired = ErrorCode(
        1109, "auth.password_change_required", "Change your password first; nothing else is open until then")
    package static let weakPassword = ErrorCode(
        1110, "auth.weak_password", "The password is one that is tried first; take another")

    package static let roomNotFound = ErrorCode(1201, "room.not_found", "There is no such room, or it is not yours")
    package static let roomNotMember = ErrorCode(1202, "room.not_member", "Join the room first")
    package static let roomExists = ErrorCode(1203, "room.exists", "A room of this name exists")
    package static let roomForbidden = ErrorCode(1204, "room.forbidden", "Your role in the room does not allow this")
    package static let userNotFound = ErrorCode(1205, "user.not_found", "There is no such user")
    package static let roomBanned = ErrorCode(1206, "room.banned", "You are banned from the room")
    package static let roomMuted = ErrorCode(1207, "room.muted", "You may read in the room, and not write")
    package static let messageNotFound = ErrorCode(1301, "message.not_found", "There is no such message in the room")
    package static let epochChanged = ErrorCode(1401, "epoch.changed", "History was turned back; open the room anew")
    package static let findingNotFound = ErrorCode(1501, "finding.not_found", "There is no such finding")

    /// Every row, in the order of documentation.
    package static let all: [ErrorCode] = [
        .parseError, .invalidRequest, .methodNotFound, .invalidParams, .internalError,
        .lineTooLong, .batchTooLarge, .overloaded, .unavailable, .deadline, .rateLimited, .peerForbidden, .shuttingDown,
        .readerStalled,
        .lineUnfinished,
        .sessionRequired, .sessionInvalid, .invalidCredentials, .usernameTaken, .authBusy, .authThrottled, .adminRequired,
        .secondFactorRequired, .passwordChangeRequired, .weakPassword,
        .roomNotFound, .roomNotMember, .roomExists, .roomForbidden, .userNotFound, .roomBanned, .roomMuted, .messageNotFound,
        .epochChanged, .findingNotFound,
    ]

    private static let byNumber = Dictionary(uniqueKeysWithValues: all.map { ($0.number, $0) })

    /// The row of a number that came over the wire; a number of a newer server is an internal error to us.
    package init(number: Int) { self = Self.byNumber[number] ?? .internalError }
}

/// An error as the wire carries it: a row of the table and what is particular to this case.
package struct RPCError: Error, Sendable, Equatable, CustomStringConvertible {
    package let code: ErrorCode
    /// What exactly is wrong, for a person. Never holds a password, a session or a message's text.
    package let detail: String?
    /// The parameter that is wrong.
    package let parameter: String?
    package let retryAfterMs: Int?

    package init(_ code: ErrorCode, detail: String? = nil, parameter: String? = nil, retryAfterMs: Int? = nil) {
        self.code = code
        self.detail = detail
        self.parameter = parameter
        self.retryAfterMs = retryAfterMs
    }

    package var description: String { "\(code.message)\(detail.map { ": \($0)" } ?? "") [\(code.name)]" }
}

extension RPCError: WireEncodable {
    package func write(to writer: inout JSONWriter) {
        writer.object { object in
            object.field("code", Int64(code.number))
            object.field("message", code.message)
            object.field("data", ErrorData(error: self))
        }
    }

    /// Reads an error object of an answer.
    package init(_ json: JSON) {
        guard case .int(let number)? = json["code"] else {
            self.init(.internalError, detail: "an error without a code")
            return
        }
        let data = json["data"]
        var detail: String?
        var parameter: String?
        var retryAfter: Int?
        if case .string(let text)? = data?["detail"] { detail = text }
        if case .string(let text)? = data?["param"] { parameter = text }
        if case .int(let value)? = data?["retryAfterMs"] { retryAfter = Int(clamping: value) }
        self.init(ErrorCode(number: Int(clamping: number)), detail: detail, parameter: parameter, retryAfterMs: retryAfter)
    }
}

private struct ErrorData: WireEncodable {
    let error: RPCError

    func write(to writer: inout JSONWriter) {
        writer.object { object in
            object.field("name", error.code.name)
            object.field("retryable", error.code.retryable)
            object.field("retryAfterMs", error.retryAfterMs.map(Int64.init))
            object.field("param", error.parameter)
            object.field("detail", error.detail)
        }
    }
}
