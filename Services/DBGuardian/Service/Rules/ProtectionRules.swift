/// Row policies weakened.
struct PolicyWeakened: Rule {
    static let definition = RuleDefinition(
        id: "policy-weakened", severity: .high,
        description: "A row policy is changed or dropped, or row security is switched off for a table.",
        normal: "The guardian's migrations; a further policy that is restrictive.",
        advice: "Put the policy back as the migrations have it.", thresholds: [])
    init(_ thresholds: Thresholds) {}

    mutating func see(_ sight: inout RecordSight, _ scene: Scene) -> [Alarm] {
        guard sight.errand == nil, sight.isAudited("DDL"), let command = sight.record.audit?.command else { return [] }
        let words = sight.statement.words
        let isWeaker =
            command == "ALTER POLICY" || command == "DROP POLICY"
            || command == "ALTER TABLE" && words.has(["row", "level", "security"])
                && (words.contains("disable") || words.contains("no"))
        return isWeaker ? [alarm(&sight)] : []
    }

    mutating func see(_ difference: Difference, explained: Deeds.Deed?, _ scene: Scene) -> [Alarm] {
        guard explained?.errand == nil else { return [] }
        if difference.kind == "policy" {
            // A new one narrows, unless it is permissive beside others.
            if difference.before == nil, difference.part("permissive") == "f" { return [] }
            return [alarm(difference, explained, scene)]
        }
        guard difference.kind == "relation", difference.after != nil else { return [] }
        let (security, forced) = (difference.change(of: "rowsecurity"), difference.change(of: "forced"))
        guard security.before == "t" && security.after == "f" || forced.before == "t" && forced.after == "f" else { return [] }
        return [alarm(difference, explained, scene)]
    }
}

/// What runs by itself, changed.
struct TriggerTampered: Rule {
    static let definition = RuleDefinition(
        id: "trigger-tampered", severity: .critical,
        description:
            "A trigger, event trigger or rule is made, changed or switched off; session_replication_role is set; a SECURITY DEFINER function has no search_path.",
        normal: "The guardian's migrations; pg_restore into another database.",
        advice: "Look at what the trigger or function does before you drop it: it may delete later.", thresholds: [])
    init(_ thresholds: Thresholds) {}

    mutating func see(_ sight: inout RecordSight, _ scene: Scene) -> [Alarm] {
        guard sight.errand == nil, let audit = sight.record.audit else { return [] }
        let words = sight.statement.words
        if words.contains("session_replication_role") && (words.contains("set") || words.contains("reset"))
            || sight.statement.anywhere({ ($0.configured + $0.settingsUpdated).contains("session_replication_role") })
            || sight.statement.embedded.contains(where: { $0.has("session_replication_role") })
        {
            return [alarm(&sight, cause: "session_replication_role \(sight.record.role)")]
        }
        guard audit.kind == "DDL" else { return [] }
        if ForeignDDL.isTemporary(&sight) { return [] }
        switch audit.command {
        case "CREATE TRIGGER", "DROP TRIGGER", "ALTER TRIGGER", "CREATE EVENT TRIGGER", "ALTER EVENT TRIGGER",
            "DROP EVENT TRIGGER", "CREATE RULE", "DROP RULE",
            "ALTER RULE":
            return [alarm(&sight)]
        case "ALTER TABLE"
        where words.contains("trigger") || words.contains("rule") && (words.contains("disable") || words.contains("enable")):
            return [alarm(&sight)]
        case "CREATE FUNCTION", "CREATE PROCEDURE", "ALTER FUNCTION", "ALTER PROCEDURE":
            guard words.has(["security", "definer"]), !words.contains("search_path") else { return [] }
            return [alarm(&sight, severity: .high)]
        default: return []
        }
    }

    mutating func see(_ difference: Difference, explained: Deeds.Deed?, _ scene: Scene) -> [Alarm] {
        guard explained?.errand == nil else { return [] }
        switch difference.kind {
        case "trigger", "event trigger", "rule", "constraint trigger": return [alarm(difference, explained, scene)]
        case "function"
        where difference.change(of: "definer").after == "t"
            && !(difference.change(of: "path").after ?? "").hasPrefix("search_path=")
            && (difference.gained("definer") || difference.change(of: "path").before != difference.change(of: "path").after):
            return [alarm(difference, explained, scene, severity: .high)]
        case "setting" where difference.name == "session_replication_role" || difference.name == "event_triggers":
            return [alarm(difference, explained, scene)]
        case "role setting" where difference.part("name") == "session_replication_role":
            return [alarm(difference, explained, scene)]
        default: return []
        }
    }
}

/// Somebody is let in who was not.
struct HBAWeakened: Rule {
    static let definition = RuleDefinition(
        id: "hba-weakened", severity: .critical,
        description: "pg_hba.conf lets in without a password, from everywhere, or without TLS.",
        normal: "A rule with hostssl, scram-sha-256 (or cert), and a narrow address.",
        advice: "Put the file back and reload; see who has logged in since.", thresholds: [])
    init(_ thresholds: Thresholds) {}

    private static let weak: Set<String> = ["trust", "password", "md5", "ident"]

    mutating func see(_ difference: Difference, explained: Deeds.Deed?, _ scene: Scene) -> [Alarm] {
        guard difference.kind == "hba rule", difference.after != nil else { return [] }
        let (type, method, address) = (difference.part("type"), difference.part("method"), difference.part("address"))
        if method == "reject" { return [] }
        let mask = difference.part("netmask").lowercased()
        // Two halves are all of it, too: a network of more than 2²⁴ addresses (IPv6: more than a 256th of all) is no narrow one.
        let isOpen = address == "all" || !mask.isEmpty && !mask.hasPrefix(mask.contains(":") ? "ff" : "255.")
        guard Self.weak.contains(method) || isOpen || ["host", "hostnossl"].contains(type) else { return [] }
        return [alarm(difference, explained, scene)]
    }
}

/// TLS given up.
struct TLSOff: Rule {
    static let definition = RuleDefinition(
        id: "tls-off", severity: .high,
        description: "TLS is switched off or weakened, or somebody comes in over the network without it.",
        normal: "Connections through the machine's own socket.",
        advice: "`db-guardian audit harden` sets it again; passwords of roles that came without TLS should change.",
        thresholds: [])
    init(_ thresholds: Thresholds) {}

    mutating func see(_ sight: inout RecordSight, _ scene: Scene) -> [Alarm] {
        let record = sight.record
        guard record.audit == nil,
            record.message.hasPrefix("connection authorized: ")
                || record.message.hasPrefix("replication connection authorized: "),
            record.host != "[local]", !record.host.isEmpty, !record.message.contains(" SSL enabled (")
        else { return [] }
        return [alarm(&sight, object: "connection", cause: "\(record.role)@\(record.host)", evidence: [record.message])]
    }

    mutating func see(_ difference: Difference, explained: Deeds.Deed?, _ scene: Scene) -> [Alarm] {
        guard difference.kind == "setting", explained?.errand == nil else { return [] }
        let value = difference.change(of: "value")
        switch difference.name {
        case "ssl" where value.after != "on": return [alarm(difference, explained, scene, severity: .critical)]
        case "ssl_min_protocol_version" where (value.after ?? "") < (value.before ?? ""):
            return [alarm(difference, explained, scene)]
        case "ssl_ciphers", "ssl_ca_file", "ssl_passphrase_command": return [alarm(difference, explained, scene)]
        case "password_encryption" where value.after != "scram-sha-256": return [alarm(difference, explained, scene)]
        default: return []
        }
    }
}
