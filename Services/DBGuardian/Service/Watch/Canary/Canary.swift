import EverlineCryptography

/// Statements that must come back as records: when one does not, auditing, logging or following is broken, whatever broke it.
struct Canary: Sendable {
    private(set) var nonce: String?
    private var sentAt: ContinuousClock.Instant?
    private var isLate = false
    private let patience: Duration

    init(patience: Duration) { self.patience = patience }

    /// The statement to send next; nil while one is on its way.
    mutating func next() throws -> String? {
        if nonce != nil, !isLate { return nil }
        let new = Hex.encode(try SecureRandom.bytes(8))
        nonce = new
        sentAt = .now
        return "SET guardian.canary = '\(new)'"
    }

    /// It could not be sent.
    mutating func withdraw() { nonce = nil }

    /// How long it took, if the record is the canary's.
    mutating func see(_ record: LogRecord) -> Duration? {
        guard let nonce, let audit = record.audit, audit.command == "SET", audit.statement.contains(nonce), let sentAt else {
            return nil
        }
        self.nonce = nil
        isLate = false
        return .now - sentAt
    }

    /// Whether it has just become too late; told once each.
    mutating func hasBecomeLate() -> Bool {
        guard nonce != nil, !isLate, let sentAt, .now - sentAt > patience else { return false }
        isLate = true
        return true
    }
}
