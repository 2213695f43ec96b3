/// What a server says of itself, as far as its posture goes; read once, so that all items speak of the same moment.
package struct ServerFacts: Sendable {
    package struct Setting: Sendable {
        package let value: String
        /// pg_settings.source: `default`, `configuration file`, `command line` and so on.
        package let source: String
        package let file: String?
        package let line: Int32?
        /// It was changed in a file and takes effect only with a restart.
        package let pendingRestart: Bool
        package let needsRestart: Bool

        /// Where it was set, for a person.
        package var place: String { file.map { "\($0)\(line.map { ":\($0)" } ?? "")" } ?? source }
        /// Whether somebody gave it that value, be it the standard one.
        package var isChosen: Bool { source != "default" && source != "override" }
    }
    package struct Access: Sendable {
        package let line: Int32
        package let type: String
        package let databases: [String]
        package let users: [String]
        package let address: String?
        package let mask: String?
        package let method: String
        package let error: String?
    }
    package struct Role: Sendable {
        package let name: String
        package let isBootstrap: Bool
        package let isSuperuser: Bool
        package let powers: [String]
        package let canLogin: Bool
        package let replicates: Bool
        /// scram, md5, none, other
        package let password: String
        package let settings: [String]
    }
    package struct Database: Sendable {
        package let name: String
        package internal(set) var hasPgaudit = false
        package internal(set) var publicCreates = false
        package internal(set) var extensions: [String] = []
        /// SECURITY DEFINER functions without a search_path of their own.
        package internal(set) var loose: [String] = []
        package internal(set) var untrusted: [String] = []
    }

    package internal(set) var settings: [String: Setting] = [:]
    package internal(set) var access: [Access] = []
    package internal(set) var roles: [Role] = []
    package internal(set) var databases: [Database] = []
    /// Memberships in roles of PostgreSQL's own: `member in role`.
    package internal(set) var predefined: [String] = []
    /// pg_db_role_setting of what the audit depends on: `role in database: setting`.
    package internal(set) var overrides: [String] = []
    package internal(set) var fileErrors: [String] = []
    package internal(set) var archiver: (archived: Int64, failedLast: Bool, failed: String?) = (0, false, nil)
    /// What pgaudit.role lacks of object audit; nil where there is no such role.
    package internal(set) var objectAuditLacks: [String] = []
    package internal(set) var major: Int32 = 0
    package internal(set) var superuser = true

    package func value(_ name: String) -> String { settings[name]?.value ?? "" }
    /// The elements of a list-like setting, without blanks and quotes, in lower case.
    package func list(_ name: String) -> [String] { Self.elements(value(name)) }
    package static func elements(_ text: String) -> [String] {
        text.lowercased().split(separator: ",").map { $0.trimming { " \t\"".contains($0) } }.filter { !$0.isEmpty }
    }
    package func isOn(_ name: String) -> Bool { value(name) == "on" }
    package var loginSuperusers: [Role] { roles.filter { $0.isSuperuser && $0.canLogin } }
}

extension StringProtocol {
    func trimming(_ unwanted: (Character) -> Bool) -> String {
        var text = self[...]
        while let first = text.first, unwanted(first) { text.removeFirst() }
        while let last = text.last, unwanted(last) { text.removeLast() }
        return String(text)
    }
}
