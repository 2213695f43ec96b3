import Foundation

/// Recorded statements that change a catalogue, kept to explain what differs in it.
package struct Deeds: Sendable {
    package struct Deed: Sendable, Codable, Equatable {
        package var record: LogRecord
        /// The guardian's verb that did it, if it was one.
        package var errand: String?
        var words: Set<String>
        /// Its transaction was still open then, in milliseconds since 1970.
        var alive: Int64
    }

    private var deeds: [Deed] = []

    package init(_ deeds: [Deed] = []) { self.deeds = deeds }

    /// Those that may still explain something.
    package func recent(now: Int64) -> [Deed] { deeds.filter { abs(now - $0.alive) <= Self.kept } }

    private static let most = 4_096
    /// A database that nothing is known to be done in is looked into once a minute.
    private static let kept: Int64 = 90_000
    /// From a look that has not seen what a statement did back to that statement, when its transaction ended at once: an open one is seen once a second.
    private static let reach: Int64 = 3_000
    /// By which our idea of the server's clock may be wrong.
    private static let slack: Int64 = 250

    /// Whether a record is of a statement that changes a catalogue.
    package static func isOne(_ audit: AuditRecord) -> Bool {
        audit.kind == "DDL" || audit.kind == "ROLE" || audit.command.hasPrefix("TRUNCATE") || audit.command.hasPrefix("VACUUM")
            || audit.command.hasPrefix("CLUSTER") || audit.command.hasPrefix("REFRESH")
    }

    package mutating func add(_ record: LogRecord, errand: String?, _ statement: Statement) {
        if deeds.count >= Self.most { deeds.removeFirst(Self.most / 4) }
        deeds.append(
            Deed(
                record: record, errand: errand, words: Set(statement.words + statement.literals.map { $0.lowercased() }),
                alive: record.milliseconds))
    }

    /// A transaction that began then is still open.
    mutating func keepAlive(process: UInt32, since began: Int64, now: Int64) {
        for index in deeds.indices
        where deeds[index].record.session.process == process && deeds[index].record.milliseconds >= began - 1_000 {
            deeds[index].alive = max(deeds[index].alive, now)
        }
    }

    /// The newest statement that may have made this difference.
    /// - Parameters:
    ///   - seen: when the difference was seen, in milliseconds since 1970 by the server's clock; what was done later did not make it.
    ///   - before: when the look before that began, which has not seen it: what was done long before that did not make it either.
    package func explanation(of difference: Difference, seen: Int64, before: Int64) -> Deed? {
        deeds.last { deed in
            deed.record.milliseconds <= seen + Self.slack && deed.alive >= before - Self.reach
                && (Self.fits(deed, difference) || Self.sweeps(deed, difference))
        }
    }

    /// Whether it is of those statements that change things which they do not name, and this one in the way that they do.
    private static func sweeps(_ deed: Deed, _ difference: Difference) -> Bool {
        guard let database = difference.database, database == deed.record.database else { return false }
        let isGone = difference.after == nil
        switch deed.record.audit?.command ?? "" {
        case "CREATE EXTENSION", "DROP EXTENSION", "ALTER EXTENSION": return !difference.part("extension").isEmpty
        case "DROP SCHEMA":
            return isGone && deed.words.contains(difference.name.split(separator: ".").first.map(String.init) ?? "")
        case "DROP TABLE", "DROP FUNCTION", "DROP VIEW", "DROP MATERIALIZED VIEW", "DROP TYPE":
            return isGone && deed.words.contains("cascade")
        case "DROP OWNED": return isGone || difference.changesOnly(["acl"])
        case "REASSIGN OWNED": return difference.changesOnly(["owner", "acl"])
        case "GRANT", "REVOKE":
            return deed.words.isSuperset(of: [
                "on", "all", "in", difference.name.split(separator: ".").first.map(String.init) ?? "",
            ])
                && difference.changesOnly(["acl"])
        default: return false
        }
    }

    /// How the commands end that change what is easily mistaken for something else, having a name of one letter or that of a setting.
    private static let commands: [String: [String]] = [
        "language": ["LANGUAGE", "EXTENSION", "GRANT", "REVOKE", "OWNED"],
        "extension": ["EXTENSION"],
        "event trigger": ["EVENT TRIGGER", "EXTENSION"],
        "trigger": ["TRIGGER", "TABLE", "FUNCTION", "SCHEMA", "EXTENSION", "VIEW", "OWNED"],
        "constraint trigger": ["TRIGGER", "TABLE"],
        "policy": ["POLICY", "TABLE", "SCHEMA", "OWNED", "ROLE"],
        "publication": ["PUBLICATION", "OWNED"],
        "subscription": ["SUBSCRIPTION", "OWNED"],
    ]

    private static func fits(_ deed: Deed, _ difference: Difference) -> Bool {
        let command = deed.record.audit?.command ?? ""
        let words = deed.words
        if let database = difference.database, database != deed.record.database { return false }
        func mentions(_ name: String) -> Bool { words.contains(name) || words.contains(name.lowercased()) }
        switch difference.kind {
        case "role", "password":
            guard ["CREATE ROLE", "ALTER ROLE", "DROP ROLE", "GRANT ROLE", "REVOKE ROLE"].contains(command) else { return false }
            return mentions(difference.name)
                || (deed.record.role == difference.name
                    && (words.contains("current_user") || words.contains("session_user") || words.contains("current_role")))
        case "membership":
            let (member, group) = (difference.part("member"), difference.part("group"))
            if command == "DROP ROLE" { return mentions(member) || mentions(group) }
            return ["GRANT ROLE", "REVOKE ROLE", "CREATE ROLE", "ALTER ROLE"].contains(command) && mentions(group)
        case "role setting":
            return [
                "ALTER ROLE", "ALTER ROLE SET", "ALTER DATABASE", "ALTER DATABASE SET", "CREATE ROLE", "DROP ROLE",
                "DROP DATABASE",
            ].contains(command)
                && (mentions(difference.part("role")) || mentions(difference.part("database")) || words.contains("all"))
        case "parameter right", "setting":
            return ["GRANT", "REVOKE", "ALTER SYSTEM", "ALTER SYSTEM SET"].contains(command)
                && (mentions(difference.name.split(separator: ".").last.map(String.init) ?? "") || words.contains("all"))
        case "database", "tablespace":
            return
                (command.hasSuffix("DATABASE") || command.hasSuffix("TABLESPACE")
                || ["GRANT", "REVOKE", "REASSIGN OWNED", "DROP OWNED", "ALTER DATABASE SET"].contains(command))
                && (mentions(difference.name) || command.hasSuffix("OWNED"))
        case "hba rule", "hba order", "replication slot": return false
        case "default right": return command == "ALTER DEFAULT PRIVILEGES" || command == "DROP OWNED"
        case "system functions":
            return [
                "GRANT", "REVOKE", "CREATE FUNCTION", "ALTER FUNCTION", "CREATE EXTENSION", "DROP EXTENSION", "ALTER EXTENSION",
            ].contains(command)
        default: break
        }
        if let kinds = Self.commands[difference.kind], !kinds.contains(where: { command.hasSuffix($0) }) { return false }
        if command.hasPrefix("VACUUM"), !words.contains(where: { difference.name.hasSuffix(".\($0)") }) {
            return words.contains("full")
        }
        let name = difference.name.split(separator: "(").first.map(String.init) ?? difference.name
        let parts = name.split(separator: ".").map(String.init)
        let own = parts.count > 1 ? parts.dropFirst() : parts[...]
        // `t_id_seq` comes with `t`.
        let object = deed.record.audit?.object.split(separator: ".").last.map(String.init) ?? ""
        return own.contains { part in
            mentions(part) || words.contains { $0.count > 2 && part.hasPrefix($0 + "_") }
                || !object.isEmpty && part.hasPrefix(object + "_")
        }
    }
}

extension Difference {
    /// An attribute as it is, or as it was.
    package func part(_ attribute: String) -> String {
        let change = change(of: attribute)
        return change.after ?? change.before ?? ""
    }
}
