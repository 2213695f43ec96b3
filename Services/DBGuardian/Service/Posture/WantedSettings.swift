/// What each setting is to become, by what it is. What is added to a list takes nothing away; a value that somebody chose is replaced only after asking.
enum WantedSettings {
    /// The role whose grants say what object audit records.
    static let auditRole = "everline_audit"

    static func steps(_ facts: ServerFacts) -> [HardeningStep] {
        var steps: [HardeningStep] = []
        func set(_ name: String, _ value: String, _ why: String, adds: Bool = false) {
            guard let setting = facts.settings[name], setting.value != value else { return }
            // It waits for its restart already.
            if setting.pendingRestart { return }
            let replaces = !adds && setting.isChosen ? "\(setting.value) (\(setting.place))" : nil
            steps.append(
                HardeningStep(
                    "\(name) = '\(value)'", why: why, replaces: replaces, needsRestart: setting.needsRestart,
                    .setting(name: name, value: value)))
        }
        func add(_ element: String, to name: String, _ why: String) {
            guard let setting = facts.settings[name], !facts.list(name).contains(element) else { return }
            set(name, (setting.value.isEmpty || setting.value == "none" ? "" : setting.value + ", ") + element, why, adds: true)
        }

        add("pgaudit", to: "shared_preload_libraries", "pgAudit works only when it is loaded with the server (CIS 3.2)")
        if facts.list("shared_preload_libraries").contains("pgaudit"), facts.settings["pgaudit.log"] != nil { audit(facts, set) }
        if facts.major >= 15 {
            add("jsonlog", to: "log_destination", "the watch reads jsonlog, which nothing in a statement can forge (CIS 3.1.2)")
        }
        set("logging_collector", "on", "without it jsonlog is not written (CIS 3.1.3)")
        if !["0600", "0400"].contains(facts.value("log_file_mode")) {
            set("log_file_mode", "0600", "logs hold statements (CIS 3.1.6)")
        }
        set("log_connections", "on", "who comes (CIS 3.1.20)")
        set("log_disconnections", "on", "who goes; one that never goes was silenced (CIS 3.1.21)")
        set("log_replication_commands", "on", "who takes the whole database along (CIS 7.2)")
        wrong(facts, "log_min_messages", ["error", "log", "fatal", "panic"]) {
            set($0, "warning", "errors and warnings are to be seen (CIS 3.1.14)")
        }
        wrong(facts, "log_min_error_statement", ["log", "fatal", "panic"]) {
            set($0, "error", "with the statement that failed (CIS 3.1.15)")
        }
        if LoggingItems.items(facts).contains(where: { $0.item == "log-line-prefix" && !$0.ok }) {
            set(
                "log_line_prefix", "%m [%p] %q%u@%d %a %h ", "time, process, role, database, application and address (CIS 3.1.24)"
            )
        }
        set("password_encryption", "scram-sha-256", "md5 verifiers are as good as passwords")
        wrong(facts, "ssl_min_protocol_version", ["", "TLSv1", "TLSv1.1"]) {
            set($0, "TLSv1.2", "older ones are broken (CIS 6.8)")
        }
        return steps
    }

    private static func audit(_ facts: ServerFacts, _ set: (String, String, String, Bool) -> Void) {
        var classes = facts.list("pgaudit.log").filter { $0 != "none" }
        let wanted = ["role", "ddl", "misc_set"].filter {
            !classes.contains($0) && !(classes.contains("all") || $0 == "misc_set" && classes.contains("misc"))
        }
        if !wanted.isEmpty {
            classes += wanted
            set(
                "pgaudit.log", classes.joined(separator: ", "),
                "roles, definitions and settings are recorded, of everybody (CIS 3.2)", true)
        }
        if facts.value("pgaudit.role").isEmpty {
            set("pgaudit.role", auditRole, "object audit: password hashes read, messages changed or deleted", false)
        }
        if facts.isOn("pgaudit.log_parameter") { set("pgaudit.log_parameter", "off", "parameters are what people write", false) }
    }

    private static func wrong(_ facts: ServerFacts, _ name: String, _ values: [String], _ set: (String) -> Void) {
        if facts.settings[name].map({ values.contains($0.value) }) == true { set(name) }
    }
}
