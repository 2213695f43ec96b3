/// Much is dropped at once.
struct MassDrop: Rule {
    static let definition = RuleDefinition(
        id: "mass-drop", severity: .critical,
        description: "Tables, schemas or databases are dropped in a burst, or a whole one at once.",
        normal: "Temporary tables; the guardian's own runs; a single table now and then.",
        advice: "End the session. Restore to just before, beside the running server, and take back what is gone.",
        thresholds: [
            .init(name: "count", value: 3, meaning: "things dropped"),
            .init(name: "span", value: 60, meaning: "within so many seconds"),
        ])
    private var burst: Burst
    private var gone: Burst
    var bursts: [Burst] {
        get { [burst, gone] }
        set { if newValue.count == 2 { (burst, gone) = (newValue[0], newValue[1]) } }
    }

    init(_ thresholds: Thresholds) {
        burst = Burst(count: thresholds.count("count"), span: thresholds.span("span"))
        gone = Burst(count: thresholds.count("count"), span: thresholds.span("span"))
    }

    static let whole: Set<String> = ["DROP SCHEMA", "DROP DATABASE", "DROP OWNED"]
    static let things: Set<String> = [
        "DROP TABLE", "DROP VIEW", "DROP MATERIALIZED VIEW", "DROP SEQUENCE", "DROP FUNCTION", "DROP FOREIGN TABLE",
    ]

    mutating func see(_ sight: inout RecordSight, _ scene: Scene) -> [Alarm] {
        guard sight.errand == nil, let audit = sight.record.audit, !audit.object.hasPrefix("pg_temp") else { return [] }
        if Self.whole.contains(audit.command) { return [alarm(&sight, cause: sight.record.role, destroyed: true)] }
        guard Self.things.contains(audit.command), burst.add(sight.record.role, at: sight.record.milliseconds) else { return [] }
        return [alarm(&sight, cause: sight.record.role, destroyed: true)]
    }

    mutating func see(_ difference: Difference, explained: Deeds.Deed?, _ scene: Scene) -> [Alarm] {
        guard difference.after == nil, explained?.errand == nil else { return [] }
        if difference.kind == "database" {
            return [alarm(difference, explained, scene, cause: explained?.record.role, destroyed: true)]
        }
        guard difference.kind == "relation", difference.part("type") != "S", gone.add(difference.database ?? "", at: scene.now)
        else { return [] }
        return [alarm(difference, explained, scene, cause: explained?.record.role ?? difference.database, destroyed: true)]
    }
}

/// What blackmailers leave in place of the data.
struct RansomNote: Rule {
    static let definition = RuleDefinition(
        id: "ransom-note", severity: .critical,
        description: "Something is dropped or emptied, then a table or database named readme, warning, recover … appears.",
        normal: "Such a table where nothing was dropped within the hour, unless its name leaves no doubt.",
        advice: "Do not pay. Close the way in, restore to just before (the command is below), and change all passwords.",
        thresholds: [
            .init(name: "span", value: 3_600, meaning: "seconds from the drop to the note")
        ])
    private let span: Int64
    private var destroyedAt: Int64?

    init(_ thresholds: Thresholds) { span = thresholds.span("span") }

    /// How sure a name makes: 0 not, 1 after a drop, 2 by itself.
    static func weight(_ name: String) -> Int {
        let plain = (name.split(separator: ".").last.map(String.init) ?? name).lowercased().filter { $0.isLetter || $0.isNumber }
        if ["ransom", "bitcoin", "hacked", "pwned", "decrypt", "yourdata", "readmetorecover"].contains(where: plain.contains) {
            return 2
        }
        let marks = [
            "readme", "warning", "recover", "restore", "howto", "pleaseread", "important", "attention", "contact", "contactus",
            "note", "notice", "btc", "payment", "info",
        ]
        return marks.contains { plain == $0 || plain.hasPrefix($0) && plain.count <= $0.count + 8 } ? 1 : 0
    }

    private func isNote(_ name: String, at now: Int64) -> Bool {
        let weight = Self.weight(name)
        return weight == 2 || weight == 1 && destroyedAt.map { abs(now - $0) <= span } ?? false
    }

    mutating func see(_ sight: inout RecordSight, _ scene: Scene) -> [Alarm] {
        guard sight.errand == nil, let audit = sight.record.audit else { return [] }
        let now = sight.record.milliseconds
        if audit.command.hasPrefix("DROP ") && !audit.object.hasPrefix("pg_temp") && audit.kind == "DDL"
            || audit.command.hasPrefix("TRUNCATE") || MassDelete.isForAll(&sight, audit)
        {
            destroyedAt = now
            return []
        }
        guard
            ["CREATE TABLE", "CREATE TABLE AS", "SELECT INTO", "CREATE DATABASE", "CREATE SCHEMA", "CREATE VIEW", "ALTER TABLE"]
                .contains(audit.command)
        else { return [] }
        let words = sight.statement.words
        let name =
            audit.object.isEmpty
            ? words.after("database") ?? words.after("schema") ?? words.after("table") ?? "" : audit.object
        guard isNote(name, at: now) else { return [] }
        return [alarm(&sight, object: name, cause: "note", destroyed: true)]
    }

    mutating func see(_ difference: Difference, explained: Deeds.Deed?, _ scene: Scene) -> [Alarm] {
        guard explained?.errand == nil,
            difference.kind == "relation" || difference.kind == "database" || difference.kind == "schema"
        else { return [] }
        if difference.after == nil {
            destroyedAt = scene.now
            return []
        }
        guard difference.before == nil, isNote(difference.name, at: scene.now) else { return [] }
        return [alarm(difference, explained, scene, cause: "note", destroyed: true)]
    }
}

/// Many rows go at once, or all of a table.
struct MassDelete: Rule {
    static let definition = RuleDefinition(
        id: "mass-delete", severity: .critical,
        description: "TRUNCATE; DELETE or UPDATE without a condition; rows of messages, users or rooms deleted, by whatever way.",
        normal: "The services: they delete no message (a deleted one leaves a tombstone), no user and no room.",
        advice: "End the session. Restore to just before, beside the running server, and take back the rows.",
        thresholds: [
            .init(name: "updates", value: 2_000, meaning: "messages that may be edited within ten seconds"),
            .init(name: "deletes", value: 1, meaning: "rows of messages, revisions, users, rooms or counters that count as many"),
        ])
    private let updates: Int64
    private let deletes: Int64
    private var last: [String: Activity.Table] = [:]

    init(_ thresholds: Thresholds) {
        updates = Int64(thresholds.number("updates"))
        deletes = Int64(thresholds.number("deletes"))
    }

    /// Whether it deletes or changes every row of a table, at its top or in a WITH.
    static func isForAll(_ sight: inout RecordSight, _ audit: AuditRecord) -> Bool {
        let mayBe =
            audit.kind == "WRITE" && (audit.command == "DELETE" || audit.command == "UPDATE")
            // pgAudit calls a WITH by what it ends in, and MERGE by no name.
            || sight.isSuperuser && (audit.kind == "READ" && sight.statement.writes || audit.command == "???")
        return mayBe && sight.statement.parts.contains(where: isUnconditional)
    }

    /// Whether a part changes every row: it has no condition, or one that is true of each.
    static func isUnconditional(_ part: ArraySlice<Statement.Token>) -> Bool {
        let words = part.words
        if words.first == "merge" { return words.has(["then", "delete"]) && part.isJoinedWithAll }
        guard let verb = words.first(where: { $0 == "delete" || $0 == "update" }),
            words.contains(verb == "delete" ? "from" : "set"), !words.contains("pg_settings")
        else { return false }
        if !words.contains("where"), words.contains("using") { return false }
        return part.isForAllRows
    }

    private static let kept: Set<String> = ["messages", "revisions", "users", "rooms", "room_counters"]

    mutating func see(_ sight: inout RecordSight, _ scene: Scene) -> [Alarm] {
        guard sight.errand == nil, let audit = sight.record.audit, ["WRITE", "READ", "MISC"].contains(audit.kind) else {
            return []
        }
        if Self.isForAll(&sight, audit) { return [alarm(&sight, cause: sight.record.role, destroyed: true)] }
        guard audit.kind == "WRITE" else { return [] }
        if audit.command.hasPrefix("TRUNCATE") { return [alarm(&sight, cause: sight.record.role, destroyed: true)] }
        if let rows = audit.rows, audit.command == "DELETE" || audit.command == "UPDATE", rows >= Int(updates) {
            return [alarm(&sight, cause: sight.record.role, destroyed: true)]
        }
        guard audit.command == "DELETE" || audit.command == "UPDATE" else { return [] }
        // Whoever changes messages past the functions.
        guard audit.source == .object, audit.object == "\(Self.schema).messages" else { return [] }
        return [alarm(&sight, severity: .high, cause: sight.record.role, destroyed: true)]
    }

    private static let schema = "everline"

    mutating func see(_ difference: Difference, explained: Deeds.Deed?, _ scene: Scene) -> [Alarm] {
        // A table that got another file was emptied or rewritten (pg_class.relfilenode).
        guard difference.kind == "relation", difference.name.hasPrefix("\(Self.schema)."),
            let before = difference.change(of: "file").before,
            let after = difference.change(of: "file").after, before != after, explained?.errand == nil
        else { return [] }
        if let command = explained?.record.audit?.command, command.hasPrefix("VACUUM") || command.hasPrefix("CLUSTER") {
            return []
        }
        return [alarm(difference, explained, scene, cause: explained?.record.role, destroyed: true)]
    }

    mutating func see(_ event: WatchEvent, _ scene: Scene) -> [Alarm] {
        guard case .activity(let activity) = event else { return [] }
        var alarms: [Alarm] = []
        for table in activity.tables {
            defer { last[table.name] = table }
            guard let before = last[table.name], table.deleted >= before.deleted, table.updated >= before.updated else {
                continue
            }
            let gone = table.deleted - before.deleted
            if Self.kept.contains(table.name), gone >= deletes, !activity.isRestoring {
                alarms.append(
                    alarm(
                        scene, database: scene.database, object: "\(Self.schema).\(table.name)",
                        evidence: [
                            "pg_stat_user_tables: \(gone) rows deleted from \(table.name) within \(Int(activity.seconds)) s"
                        ],
                        cause: table.name, destroyed: true))
            }
            let changed = table.updated - before.updated
            if table.name == "messages", changed >= updates {
                alarms.append(
                    alarm(
                        scene, severity: .high, database: scene.database, object: "\(Self.schema).messages",
                        evidence: ["pg_stat_user_tables: \(changed) messages changed within \(Int(activity.seconds)) s"],
                        cause: "updates",
                        destroyed: true))
            }
        }
        return alarms
    }
}
