/// COPY from or to a program: the server's own user runs it.
struct CopyProgram: Rule {
    static let definition = RuleDefinition(
        id: "copy-program", severity: .critical, description: "COPY … PROGRAM: a program is run as the server's own user.",
        normal: "COPY from and to the client.",
        advice: "Treat the machine as taken over: end the session, look at what the program did, change the server's secrets.",
        thresholds: [])
    init(_ thresholds: Thresholds) {}

    static func runs(_ statement: Statement) -> Bool {
        statement.has("copy")
            && statement.tokens.indices.dropLast().contains {
                guard statement.tokens[$0] == .word("program"), case .literal = statement.tokens[$0 + 1] else { return false }
                return true
            }
    }

    mutating func see(_ sight: inout RecordSight, _ scene: Scene) -> [Alarm] {
        guard !sight.record.sql.isEmpty, sight.statement.anywhere(Self.runs) else { return [] }
        return [alarm(&sight)]
    }
}

/// A child of a server process that is no server process.
struct ShellChild: Rule {
    static let definition = RuleDefinition(
        id: "shell-child", severity: .critical, description: "A session of the server has started another program.",
        normal: "archive_command and restore_command, which the archiver and the startup process run.",
        advice: "Treat the machine as taken over: look at the process and its children, end the session.", thresholds: [])
    static let lasts = true
    init(_ thresholds: Thresholds) {}

    mutating func see(_ event: WatchEvent, _ scene: Scene) -> [Alarm] {
        guard case .child(let process, let role, let address, let command) = event else { return [] }
        return [
            alarm(
                scene, role: role, address: address, object: command, evidence: ["process \(process): \(command)"],
                cause: "\(role) \(command)")
        ]
    }
}

/// Files of the server read or written through SQL.
struct ServerFileAccess: Rule {
    static let definition = RuleDefinition(
        id: "server-file-access", severity: .critical,
        description:
            "Files of the server are read or written: pg_read_file, lo_export, COPY from or to a path; also in the body of a function or a DO block.",
        normal: "COPY from and to the client; the watch reading the log's files through its own function.",
        advice: "Find out which file; a key file or a password verifier that was read has to be replaced.", thresholds: [])
    init(_ thresholds: Thresholds) {}

    static let functions: Set<String> = [
        "pg_read_file", "pg_read_binary_file", "pg_ls_dir", "pg_stat_file", "lo_import", "lo_export", "pg_file_write",
        "pg_file_read",
        "pg_file_rename", "pg_file_unlink", "pg_file_sync", "pg_read_file_old", "pg_read_file_v2", "be_lo_import", "be_lo_export",
        "pg_get_raw_page", "get_raw_page", "file_fdw", "pg_ls_dir_files",
    ]

    static func reaches(_ statement: Statement) -> Bool {
        for (index, token) in statement.tokens.enumerated() {
            guard case .word(let word) = token else { continue }
            if functions.contains(word) { return true }
            // COPY t FROM '/path'.
            if word == "from" || word == "to", index + 1 < statement.tokens.count, case .literal = statement.tokens[index + 1],
                statement.tokens[..<index].last(where: { $0 == .symbol(";") || $0 == .word("copy") }) == .word("copy")
            {
                return true
            }
        }
        return false
    }

    mutating func see(_ sight: inout RecordSight, _ scene: Scene) -> [Alarm] {
        guard sight.errand == nil, !sight.record.sql.isEmpty, sight.statement.anywhere(Self.reaches) else { return [] }
        return [alarm(&sight)]
    }
}

/// Code in the server that may do anything there.
struct UntrustedCode: Rule {
    static let definition = RuleDefinition(
        id: "untrusted-code", severity: .critical,
        description:
            "An untrusted language, a C function, LOAD, an extension outside the list, or a setting by which the server loads or runs something.",
        normal: "Extensions of the list (watch.extensions adds to it); functions in SQL and PL/pgSQL.",
        advice: "DROP it if nobody of yours made it, and look at what it was used for.", thresholds: [])
    init(_ thresholds: Thresholds) {}

    private static let trusted: Set<String> = ["sql", "plpgsql", "plperl", "pltcl", "plv8"]
    /// By these the server loads a library or runs a command.
    private static let loading: Set<String> = [
        "session_preload_libraries", "local_preload_libraries", "shared_preload_libraries", "dynamic_library_path",
        "jit_provider",
        "archive_library", "archive_command", "restore_command", "archive_cleanup_command", "recovery_end_command",
        "ssl_passphrase_command",
    ]

    mutating func see(_ sight: inout RecordSight, _ scene: Scene) -> [Alarm] {
        guard sight.errand == nil, let audit = sight.record.audit else { return [] }
        switch audit.command {
        case "LOAD": return [alarm(&sight)]
        case "ALTER SYSTEM", "ALTER ROLE", "ALTER DATABASE", "SET":
            guard let name = sight.statement.words.first(where: Self.loading.contains), sight.statement.has("set") else {
                return []
            }
            return [alarm(&sight, object: name, cause: name)]
        case "CREATE LANGUAGE": return [alarm(&sight)]
        case "CREATE EXTENSION":
            let words = sight.statement.words
            guard let at = words.firstIndex(of: "extension") else { return [] }
            let rest = words[(at + 1)...].drop { ["if", "not", "exists"].contains($0) }
            guard let name = rest.first, !scene.inventory.extensions.contains(name) else { return [] }
            return [alarm(&sight, object: name, cause: name)]
        case "CREATE FUNCTION", "CREATE PROCEDURE":
            guard let at = sight.statement.index(of: ["language"]), at < sight.statement.tokens.count else { return [] }
            let language: String
            switch sight.statement.tokens[at] {
            case .word(let word): language = word
            case .literal(let text): language = text.lowercased()
            default: return []
            }
            // Of an extension on the list its own script.
            guard !Self.trusted.contains(language), audit.substatementID == 1 || !sight.statement.has("extension") else {
                return []
            }
            return [alarm(&sight)]
        default: return []
        }
    }

    mutating func see(_ difference: Difference, explained: Deeds.Deed?, _ scene: Scene) -> [Alarm] {
        guard difference.after != nil, explained?.errand == nil else { return [] }
        switch difference.kind {
        case "setting" where Self.loading.contains(difference.name): break
        case "role setting" where Self.loading.contains(difference.part("name")): break
        case "extension" where difference.before == nil && !scene.inventory.extensions.contains(difference.name): break
        case "language" where difference.part("trusted") == "f" && !["internal", "c"].contains(difference.name): break
        case "function" where ["c", "internal"].contains(difference.part("language")):
            // That of an extension on the list comes with it.
            if explained?.record.audit?.command.hasSuffix("EXTENSION") == true { return [] }
        default: return []
        }
        return [alarm(difference, explained, scene)]
    }
}
