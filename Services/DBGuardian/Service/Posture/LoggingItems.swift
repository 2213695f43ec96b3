/// What the server writes down.
enum LoggingItems: PostureSection {
    private static let harden = "db-guardian audit harden"
    private static let levels = ["debug5", "debug4", "debug3", "debug2", "debug1", "info", "notice", "warning"]

    static func items(_ facts: ServerFacts) -> [PostureItem] {
        let preloaded = facts.list("shared_preload_libraries").contains("pgaudit")
        let classes = facts.list("pgaudit.log")
        let wanted = ["role", "ddl", "misc_set"].filter {
            !classes.contains($0) && !classes.contains("all") && !($0 == "misc_set" && classes.contains("misc"))
        }
        let taken = classes.filter { $0.hasPrefix("-") }
        let bare = facts.databases.filter { !$0.hasPgaudit }.map(\.name)
        let prefix = facts.value("log_line_prefix")
        let parts: [(String, [String])] = [
            ("time", ["%m", "%t", "%n"]), ("process", ["%p", "%c"]), ("user", ["%u"]), ("database", ["%d"]),
            ("application", ["%a"]),
            ("client", ["%h", "%r"]),
        ]
        let lacks = parts.filter { !$0.1.contains { prefix.contains($0) } }.map(\.0)
        let auditsDDL = preloaded && wanted.isEmpty
        return [
            facts.item(
                "log-destination", cis: "3.1.2", setting: "log_destination", { ServerFacts.elements($0).contains("jsonlog") },
                hint: "\(harden) adds jsonlog"),
            facts.item(
                "logging-collector", cis: "3.1.3", setting: "logging_collector", { $0 == "on" }, hint: "\(harden), then restart"),
            facts.item(
                "log-file-mode", cis: "3.1.6", setting: "log_file_mode", { ["0600", "0400"].contains($0) },
                hint: "\(harden) sets 0600"),
            facts.item(
                "log-min-messages", cis: "3.1.14", setting: "log_min_messages", { levels.contains($0) },
                hint: "warning: \(harden)"),
            facts.item(
                "log-min-error-statement", cis: "3.1.15", setting: "log_min_error_statement",
                { (levels + ["error"]).contains($0) }, hint: "error: \(harden)"),
            facts.item("log-connections", cis: "3.1.20", setting: "log_connections", { $0 == "on" }, hint: harden),
            facts.item("log-disconnections", cis: "3.1.21", setting: "log_disconnections", { $0 == "on" }, hint: harden),
            facts.item(
                "log-line-prefix", cis: "3.1.24", setting: "log_line_prefix", { _ in lacks.isEmpty },
                hint: "it lacks: \(lacks.shown()); \(harden)"),
            PostureItem(
                "log-statement", cis: "3.1.25", ["ddl", "mod", "all"].contains(facts.value("log_statement")) || auditsDDL,
                "log_statement = \(facts.value("log_statement"))\(auditsDDL ? "; pgAudit records DDL, without the passwords that log_statement would write down" : "")",
                source: facts.settings["log_statement"]?.place, hint: "\(harden), so that pgAudit records DDL"),
            PostureItem(
                "pgaudit", cis: "3.2", preloaded && wanted.isEmpty && taken.isEmpty && bare.isEmpty,
                "shared_preload_libraries = \(facts.value("shared_preload_libraries")), pgaudit.log = \(facts.value("pgaudit.log"))"
                    + (bare.isEmpty ? "" : "; no extension in \(bare.shown())"),
                source: facts.settings[preloaded ? "pgaudit.log" : "shared_preload_libraries"]?.place,
                hint:
                    "\(harden); it lacks: \((preloaded ? [] : ["pgaudit in shared_preload_libraries"]) + wanted + taken.map { "\($0) takes away" } + bare.map { "the extension in \($0)" })"
            ),
            PostureItem(
                "superuser-audit",
                facts.loginSuperusers.allSatisfy { $0.settings.contains("pgaudit.log=all") } || classes.contains("all"),
                facts.loginSuperusers.map { role in
                    "\(role.name): \(role.settings.first { $0.hasPrefix("pgaudit.log=") } ?? "as everybody")"
                }.shown(),
                hint: "\(harden) sets pgaudit.log = 'all' for each superuser"),
            PostureItem(
                "object-audit", facts.objectAuditLacks.isEmpty,
                facts.objectAuditLacks.isEmpty
                    ? "pgaudit.role = \(facts.value("pgaudit.role"))" : "it lacks: \(facts.objectAuditLacks.shown())",
                source: facts.settings["pgaudit.role"]?.place, hint: harden),
            facts.item(
                "audit-without-data", setting: "pgaudit.log_parameter", { $0 == "off" },
                hint: "parameters are what people write: \(harden)"),
            PostureItem(
                "audit-overrides", facts.overrides.isEmpty, facts.overrides.shown(), source: "pg_db_role_setting",
                hint:
                    "each silences the audit for somebody: ALTER ROLE … RESET, ALTER DATABASE … RESET, if nobody knows why it is there"
            ),
            PostureItem(
                "log-outside-data", !isInside(facts.value("log_directory"), facts.value("data_directory")),
                "log_directory = \(facts.value("log_directory"))",
                source: facts.settings["log_directory"]?.place,
                hint: "inside the data directory each base backup takes the logs along: set log_directory to a folder outside"),
        ]
    }

    private static func isInside(_ folder: String, _ data: String) -> Bool {
        !folder.hasPrefix("/") || (folder + "/").hasPrefix(data + "/")
    }
}
