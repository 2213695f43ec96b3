import Foundation

/// A statement that pg_stat_statements has counted and that nobody has recorded, as the rules see a record: its class and command as pgAudit would name them. Of
/// superusers that is any; of others what no service runs.
extension RecordSight {
    package static func counted(role: String, database: String, sql: String, at milliseconds: Int64, isSuperuser: Bool = true)
        -> RecordSight
    {
        let statement = Statement(sql)
        let (kind, command) = name(statement.words)
        let audit = AuditRecord(source: .session, kind: kind, command: command, statement: sql)
        let record = LogRecord(
            milliseconds: milliseconds, role: role, database: database, host: "", application: "", backend: "client backend",
            session: SessionID(start: 0, process: 0), severity: .log, state: "", message: "", detail: "", audit: audit,
            statement: "",
            place: LogPlace(file: Self.counter, line: 0))
        return RecordSight(record: record, errand: nil, isSuperuser: isSuperuser)
    }

    /// Whether it is of those that no service runs, and by which much is read or changed, or looked around, without a record.
    package static func isUnusual(_ statement: Statement) -> Bool {
        switch statement.words.first ?? "" {
        case "copy", "do", "lock", "declare": true
        case "update", "delete": statement.parts.contains(where: MassDelete.isUnconditional)
        default: statement.words.contains(where: isOfNoService)
        }
    }

    /// Functions that any role may call: large objects, what runs a query that is given as a text, and what meddles with other sessions.
    private static func isOfNoService(_ word: String) -> Bool {
        word.hasPrefix("lo_") || word.hasSuffix("_to_xml") || word.hasSuffix("_to_xmlschema")
            || word.hasSuffix("_to_xml_and_xmlschema")
            || ["pg_sleep", "pg_terminate_backend", "pg_cancel_backend", "ts_stat", "set_config"].contains(word)
    }

    /// What stands where a record has its log file.
    static let counter = "pg_stat_statements"

    private static func name(_ given: [String]) -> (kind: String, command: String) {
        let words = given.filter { !["or", "replace", "temp", "temporary", "unlogged", "unique", "concurrently"].contains($0) }
        guard let first = words.first else { return ("MISC", "???") }
        let second = words.dropFirst().first ?? ""
        switch first {
        case "select", "with", "table", "values": return ("READ", "SELECT")
        case "copy": return (words.contains("to") ? "READ" : "WRITE", "COPY")
        case "insert", "update", "delete": return ("WRITE", first.uppercased())
        case "merge": return ("MISC", "???")
        case "truncate": return ("WRITE", "TRUNCATE TABLE")
        case "do", "call": return ("FUNCTION", first.uppercased())
        case "grant" where !words.contains("on"), "revoke" where !words.contains("on"):
            return ("ROLE", "\(first.uppercased()) ROLE")
        case "grant", "revoke": return ("ROLE", first.uppercased())
        case "create", "alter", "drop":
            if ["role", "user", "group"].contains(second), words.dropFirst(2).first != "mapping" {
                return ("ROLE", "\(first.uppercased()) ROLE")
            }
            let length = ["event", "materialized", "foreign", "default"].contains(second) ? 2 : 1
            return ("DDL", ([first] + words.dropFirst().prefix(length)).joined(separator: " ").uppercased())
        case "import", "reassign", "security", "comment", "refresh": return ("DDL", "\(first) \(second)".uppercased())
        case "lock": return ("MISC", "LOCK TABLE")
        default: return ("MISC", first.uppercased())
        }
    }
}

/// Statements of superusers that have been recorded, by which one sees which of those that were counted have not been. Bounded.
package struct RecordedStatements: Sendable {
    package init() {}

    private var forms: Set<Int> = []
    private var earlier: Set<Int> = []
    private static let most = 20_000
    private static let tokens = 300

    /// Constants may be any; pg_stat_statements leaves them out, signs before numbers with them.
    private static func form(_ role: String, _ tokens: ArraySlice<Statement.Token>) -> Int {
        var hasher = Hasher()
        hasher.combine(role)
        for (index, token) in zip(tokens.indices, tokens.prefix(Self.tokens)) {
            switch token {
            case .number, .literal, .word("null"), .word("true"), .word("false"): hasher.combine(0)
            case .symbol("-") where index + 1 < tokens.endIndex && tokens[index + 1] == .number: break
            default: hasher.combine(token)
            }
        }
        return hasher.finalize()
    }

    package mutating func add(_ role: String, _ statement: Statement, isRedacted: Bool) {
        if forms.count >= Self.most {
            earlier = forms
            forms = []
        }
        for part in statement.parts {
            // pgAudit shows nothing behind the first "password".
            let end = isRedacted ? part.firstIndex(of: .word("password")) : nil
            forms.insert(Self.form(role, part[..<(end ?? part.endIndex)]))
        }
    }

    package func contains(_ role: String, _ statement: Statement) -> Bool {
        guard let part = statement.parts.first else { return true }
        let ends = [part.endIndex] + (part.firstIndex(of: .word("password")).map { [$0] } ?? [])
        return ends.contains { end in
            let form = Self.form(role, part[..<end])
            return forms.contains(form) || earlier.contains(form)
        }
    }
}
