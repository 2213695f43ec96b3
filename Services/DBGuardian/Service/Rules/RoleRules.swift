/// SUPERUSER, CREATEROLE, BYPASSRLS or REPLICATION gained, or membership in a role that has them.
struct SuperuserGain: Rule {
    static let definition = RuleDefinition(
        id: "superuser-gain", severity: .critical, description: "A role gains SUPERUSER, CREATEROLE, BYPASSRLS or REPLICATION.",
        normal: "`db-guardian roles` and `audit harden` setting up the guardian's own roles.",
        advice:
            "If nobody of yours did this: ALTER ROLE … NOSUPERUSER NOCREATEROLE NOBYPASSRLS NOREPLICATION NOLOGIN, end its sessions (pg_terminate_backend), and look at what it did.",
        thresholds: [])
    private static let attributes: Set<String> = ["superuser", "createrole", "bypassrls", "replication"]

    init(_ thresholds: Thresholds) {}

    mutating func see(_ sight: inout RecordSight, _ scene: Scene) -> [Alarm] {
        guard sight.errand == nil, sight.isAudited("ROLE"), let command = sight.record.audit?.command else { return [] }
        let words = sight.statement.words
        if command == "CREATE ROLE" || command == "ALTER ROLE" {
            // `ALTER ROLE x SET replication…` names no attribute.
            guard words.contains(where: Self.attributes.contains), let name = words.roleName else { return [] }
            return [alarm(&sight, object: name, cause: name)]
        }
        guard command == "GRANT ROLE", let member = words.after("to"), let group = words.first(where: scene.superusers.contains),
            group != member
        else { return [] }
        return [alarm(&sight, object: member, cause: member)]
    }

    mutating func see(_ difference: Difference, explained: Deeds.Deed?, _ scene: Scene) -> [Alarm] {
        if explained?.errand != nil { return [] }
        if difference.kind == "role", Self.attributes.contains(where: difference.gained) {
            return [alarm(difference, explained, scene)]
        }
        if difference.kind == "membership", difference.after != nil, scene.superusers.contains(difference.part("group")) {
            return [alarm(difference, explained, scene, object: difference.part("member"), cause: difference.part("member"))]
        }
        return []
    }
}

/// Membership in one of PostgreSQL's predefined roles, or in one of ours.
struct PredefinedRole: Rule {
    static let definition = RuleDefinition(
        id: "predefined-role", severity: .high,
        description: "A role becomes a member of a predefined role (pg_read_server_files …) or of a service's role.",
        normal: "`db-guardian roles` making everline_watch a member of pg_monitor.",
        advice:
            "REVOKE the membership if it is not meant; pg_execute_server_program and pg_write_server_files amount to the server's own user.",
        thresholds: [])
    init(_ thresholds: Thresholds) {}

    private static let worst: Set<String> = ["pg_execute_server_program", "pg_write_server_files", "pg_read_server_files"]

    private func isWatched(_ group: String, _ scene: Scene) -> Bool { group.hasPrefix("pg_") || scene.inventory.isOurs(group) }

    mutating func see(_ sight: inout RecordSight, _ scene: Scene) -> [Alarm] {
        guard sight.errand == nil, sight.record.audit?.command == "GRANT ROLE" else { return [] }
        let words = sight.statement.words
        guard let member = words.after("to"), let to = words.firstIndex(of: "to"),
            let group = words[..<to].first(where: { isWatched($0, scene) })
        else { return [] }
        return [
            alarm(&sight, severity: Self.worst.contains(group) ? .critical : nil, object: member, cause: "\(member) \(group)")
        ]
    }

    mutating func see(_ difference: Difference, explained: Deeds.Deed?, _ scene: Scene) -> [Alarm] {
        guard difference.kind == "membership", difference.after != nil, explained?.errand == nil else { return [] }
        let (member, group) = (difference.part("member"), difference.part("group"))
        guard isWatched(group, scene) else { return [] }
        return [
            alarm(
                difference, explained, scene, severity: Self.worst.contains(group) ? .critical : nil, object: member,
                cause: "\(member) \(group)")
        ]
    }
}

/// More granted than anybody needs.
struct OverGrant: Rule {
    static let definition = RuleDefinition(
        id: "over-grant", severity: .high, description: "GRANT ALL, ON ALL … IN SCHEMA, or TO PUBLIC.",
        normal: "A grant of single privileges on a named object to a named role; the guardian's migrations.",
        advice: "REVOKE what is not needed; grant single privileges on single objects.", thresholds: [])
    init(_ thresholds: Thresholds) {}

    mutating func see(_ sight: inout RecordSight, _ scene: Scene) -> [Alarm] {
        guard sight.errand == nil, let command = sight.record.audit?.command,
            command == "GRANT" || command == "ALTER DEFAULT PRIVILEGES"
        else { return [] }
        for part in sight.statement.parts {
            let words = part.words
            guard let grant = words.firstIndex(of: "grant") else { continue }
            let after = words[(grant + 1)...]
            let isWide =
                after.first == "all" || after.contains("public") && after.after("to") == "public"
                || Array(after).has(["on", "all"])
            if isWide { return [alarm(&sight, object: after.after("on") ?? "", cause: after.after("to"))] }
        }
        return []
    }

    /// What PUBLIC may do anyway, by kind (PostgreSQL manual 5.7, table 5.2).
    private static let usual = ["function": "X", "database": "Tc", "language": "U", "system functions": "X"]

    mutating func see(_ difference: Difference, explained: Deeds.Deed?, _ scene: Scene) -> [Alarm] {
        guard explained?.errand == nil, difference.after != nil else { return [] }
        let change = difference.change(of: "acl")
        let (before, after) = (AccessList(change.before), AccessList(change.after))
        guard let new = after.rights["public"] else { return [] }
        let had = (before.rights["public"] ?? "") + (Self.usual[difference.kind] ?? "")
        // A system object that is new to us only because it is.
        guard new.contains(where: { !had.contains($0) && $0 != "*" }), difference.before != nil || difference.kind != "language"
        else { return [] }
        return [alarm(difference, explained, scene, cause: "public")]
    }
}

/// `{owner=arwd/owner,=r/owner}`: rights by role; PUBLIC's under "public".
struct AccessList {
    var rights: [String: String] = [:]

    init(_ text: String?) {
        for item in (text ?? "").trimmingPrefix("{").split(whereSeparator: { $0 == "," || $0 == "}" }) {
            let pair = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard pair.count == 2 else { continue }
            rights[pair[0].isEmpty ? "public" : String(pair[0]), default: ""] += pair[1].prefix { $0 != "/" }
        }
    }
}

/// A role that may log in and that nobody has declared.
struct NewLoginRole: Rule {
    static let definition = RuleDefinition(
        id: "new-login-role", severity: .high, description: "A role that may log in, outside the inventory.",
        normal: "The guardian's own roles; roles named in watch.roles; a role without LOGIN.",
        advice: "DROP ROLE, or ALTER ROLE … NOLOGIN; if it is meant, name it in watch.roles.", thresholds: [])
    init(_ thresholds: Thresholds) {}

    private func isKnown(_ name: String, _ scene: Scene) -> Bool {
        scene.inventory.isOurs(name) || scene.inventory.roles.contains(name)
    }

    mutating func see(_ sight: inout RecordSight, _ scene: Scene) -> [Alarm] {
        guard sight.errand == nil, let command = sight.record.audit?.command, command == "CREATE ROLE" || command == "ALTER ROLE"
        else { return [] }
        let words = sight.statement.words
        guard let name = words.roleName, !isKnown(name, scene), words.contains("login") || words.prefix(2) == ["create", "user"]
        else { return [] }
        return [alarm(&sight, object: name, cause: name)]
    }

    mutating func see(_ difference: Difference, explained: Deeds.Deed?, _ scene: Scene) -> [Alarm] {
        guard difference.kind == "role", difference.gained("login"), explained?.errand == nil, !isKnown(difference.name, scene)
        else { return [] }
        return [alarm(difference, explained, scene)]
    }
}

/// A password changed by somebody else than its owner, or kept in a weaker form.
struct PasswordChange: Rule {
    static let definition = RuleDefinition(
        id: "password-change", severity: .high,
        description: "Another role's password is changed, or one is stored in a weaker form than SCRAM.",
        normal: "A role changing its own password; `db-guardian roles`.",
        advice: "Set the password again (`db-guardian roles` does it for the services) and end the sessions of the role.",
        thresholds: [])
    init(_ thresholds: Thresholds) {}

    mutating func see(_ difference: Difference, explained: Deeds.Deed?, _ scene: Scene) -> [Alarm] {
        guard difference.kind == "password", difference.after != nil, explained?.errand == nil else { return [] }
        let kind = difference.change(of: "kind")
        if kind.after == "md5" || kind.after == "plain", kind.before != kind.after {
            return [alarm(difference, explained, scene, severity: .critical)]
        }
        guard difference.before != nil else { return [] }
        if explained?.record.role == difference.name, !scene.inventory.isOurs(difference.name) { return [] }
        return [alarm(difference, explained, scene)]
    }
}

extension Collection where Element == String {
    /// The word behind another.
    func after(_ word: String) -> String? {
        guard let at = firstIndex(of: word) else { return nil }
        let next = index(after: at)
        return next < endIndex ? self[next] : nil
    }
}

extension [String] {
    func has(_ sequence: [String]) -> Bool {
        count >= sequence.count
            && indices.dropLast(sequence.count - 1).contains { Array(self[$0..<$0 + sequence.count]) == sequence }
    }

    /// Of CREATE or ALTER ROLE, USER or GROUP.
    var roleName: String? {
        guard let at = firstIndex(where: { ["role", "user", "group"].contains($0) }), at + 1 < count else { return nil }
        return self[at + 1]
    }
}
