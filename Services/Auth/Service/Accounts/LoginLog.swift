import EverlinePostgres
import Metrics
import Synchronization

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
final class LoginLog: Sendable {
    private struct Refusal {
        let key: String
        let name: String
        let outcome: LoginOutcome
        let address: String
        let client: String?
        let written: CheckedContinuation<Void, any Error>
    }
    private let pool: PostgresPool
    private let refusals = Mutex<[Refusal]>([])

    /// How long a refusal waits for others to be written with.
    private static let gathering = Duration.milliseconds(50)

    init(pool: PostgresPool) { self.pool = pool }

    private static let insert = PostgresStatement(
        "INSERT INTO everline.login_log (user_id, name, outcome, address, client) VALUES ($1, $2, $3, $4, $5)")

    func record(_ outcome: LoginOutcome, user: Int64?, name: String, address: String, client: String?) async throws {
        count(outcome)
        try await pool.execute(Self.insert, [user, name, outcome.rawValue, address, client])
    }

    /// What is refused before anything was looked at comes in floods. Chat waits for the same disk, so they are written together, and not a commit each.
    ///
    /// - Parameter key: of the account, whose number is looked up on the way.
    func recordRefusal(_ outcome: LoginOutcome, key: String, name: String, address: String, client: String?) async throws {
        count(outcome)
        try await withCheckedThrowingContinuation { written in
            let refusal = Refusal(key: key, name: name, outcome: outcome, address: address, client: client, written: written)
            let isFirst = refusals.withLock { refusals in
                refusals.append(refusal)
                return refusals.count == 1
            }
            guard isFirst else { return }
            Task {
                try? await Task.sleep(for: Self.gathering)
                await write(
                    refusals.withLock { refusals in
                        defer { refusals = [] }
                        return refusals
                    })
            }
        }
    }

    private static let insertRefusals = PostgresStatement(
        """
        INSERT INTO everline.login_log (user_id, name, outcome, address, client)
        SELECT u.id, r.name, r.outcome, r.address, r.client
        FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[]) WITH ORDINALITY AS r (key, name, outcome, address, client, ord)
        LEFT JOIN everline.users u ON u.username_key = r.key AND strpos(u.username_key, ':') = 0
        ORDER BY r.ord
        """)

    private func write(_ refusals: [Refusal]) async {
        do {
            try await pool.execute(
                Self.insertRefusals,
                [
                    refusals.map(\.key), refusals.map(\.name), refusals.map(\.outcome.rawValue), refusals.map(\.address),
                    refusals.map(\.client),
                ])
            for refusal in refusals { refusal.written.resume() }
        } catch {
            for refusal in refusals { refusal.written.resume(throwing: error) }
        }
    }

    private func count(_ outcome: LoginOutcome) {
        Counter(label: "everline_logins_total", dimensions: [("outcome", outcome.rawValue)]).increment()
    }
}
