/// One thing that `audit harden` does, or would.
package struct HardeningStep: Encodable, Sendable {
    package enum Kind: Sendable {
        /// ALTER SYSTEM; takes effect with a reload or a restart.
        case setting(name: String, value: String)
        /// In a database; nil for that of the connection.
        case statement(String, database: String?)
        case mode(FileModes.Wrong)
        /// Lines of pg_hba.conf whose method `trust` becomes scram-sha-256.
        case trust(file: String, lines: [Int32])
        /// It would do harm as things are; the text says what is to be done first.
        case refused(String)
    }

    package let what: String
    package let why: String
    /// What somebody else had set and is to be replaced; nil where nothing is.
    package let replaces: String?
    package let needsRestart: Bool
    package let kind: Kind
    package internal(set) var outcome: Outcome = .planned

    package enum Outcome: String, Encodable, Sendable {
        case planned, done, left, failed
    }
    package internal(set) var error: String?

    private enum CodingKeys: String, CodingKey { case what, why, replaces, needsRestart, outcome, error }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(what, forKey: .what)
        try container.encode(why, forKey: .why)
        try container.encode(replaces, forKey: .replaces)
        try container.encode(needsRestart, forKey: .needsRestart)
        try container.encode(outcome, forKey: .outcome)
        try container.encode(error, forKey: .error)
    }

    init(_ what: String, why: String, replaces: String? = nil, needsRestart: Bool = false, _ kind: Kind) {
        self.what = what
        self.why = why
        self.replaces = replaces
        self.needsRestart = needsRestart
        self.kind = kind
    }
}
