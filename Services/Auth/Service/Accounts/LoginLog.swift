import EverlinePostgres
import Metrics

/// How an attempt ended.
package enum LoginOutcome: String, Sendable {
    case success, registered, throttled, busy, disabled
    case unknownUser = "unknown_user"
    case wrongPassword = "wrong_password"
    case nameTaken = "name_taken"
    case codeMissing = "code_missing"
    case wrongCode = "wrong_code"
    case loggedOut = "logged_out"
    /// Somebody with a session gave a wrong password for what asks for it again.
    case notConfirmed = "not_confirmed"
}

/// Every attempt to log in, register or log out.
struct LoginLog: Sendable {
    let pool: PostgresPool

    private static let insert = PostgresStatement(
        "INSERT INTO everline.login_log (user_id, name, outcome, address, client) VALUES ($1, $2, $3, $4, $5)")

    func record(_ outcome: LoginOutcome, user: Int64?, name: String, address: String, client: String?) async throws {
        Counter(label: "everline_logins_total", dimensions: [("outcome", outcome.rawValue)]).increment()
        try await pool.execute(Self.insert, [user, name, outcome.rawValue, address, client])
    }
}
