/// Somebody takes the database by replication.
struct ReplicationUse: Rule {
    static let definition = RuleDefinition(
        id: "replication-use", severity: .critical,
        description: "A walsender, replication slot, publication or subscription that is not ours.",
        normal: "The guardian's base backups and stream; standbys named in watch.standbys.",
        advice:
            "End the walsender, drop the slot or publication; a whole copy of the database may be elsewhere: change all passwords.",
        thresholds: [])
    private var judged: Set<SessionID> = []

    init(_ thresholds: Thresholds) {}

    private mutating func note(_ session: SessionID) {
        if judged.count > 20_000 { judged.removeAll() }
        judged.insert(session)
    }

    /// Functions that make a slot or read what it gives (PostgreSQL manual 9.27.6).
    private static func isOfSlots(_ word: String) -> Bool {
        word.hasPrefix("pg_logical_slot_")
            || word.hasSuffix("_replication_slot") && (word.hasPrefix("pg_create_") || word.hasPrefix("pg_copy_"))
    }

    mutating func see(_ sight: inout RecordSight, _ scene: Scene) -> [Alarm] {
        let record = sight.record
        if record.audit == nil, record.message.hasPrefix("replication connection authorized: ") {
            note(record.session)
            if sight.errand != nil || scene.inventory.standbys.contains(record.application) { return [] }
            return [alarm(&sight, object: record.application, cause: "\(record.role)@\(record.host)", evidence: [record.message])]
        }
        guard sight.errand == nil, let audit = record.audit else { return [] }
        if ["CREATE PUBLICATION", "CREATE SUBSCRIPTION", "ALTER PUBLICATION", "ALTER SUBSCRIPTION"].contains(audit.command) {
            return [alarm(&sight)]
        }
        guard sight.isAudited("READ", "FUNCTION", "DDL"), sight.statement.anywhere({ $0.words.contains(where: Self.isOfSlots) })
        else {
            return []
        }
        return [alarm(&sight, cause: "slot")]
    }

    mutating func see(_ difference: Difference, explained: Deeds.Deed?, _ scene: Scene) -> [Alarm] {
        guard explained?.errand == nil, difference.after != nil,
            ["replication slot", "publication", "subscription"].contains(difference.kind)
        else { return [] }
        return [alarm(difference, explained, scene, cause: difference.kind == "replication slot" ? "slot" : difference.name)]
    }

    mutating func see(_ event: WatchEvent, _ scene: Scene) -> [Alarm] {
        guard case .activity(let activity) = event else { return [] }
        var alarms: [Alarm] = []
        for session in activity.sessions where session.backend == "walsender" {
            let id = SessionID(
                start: UInt32(truncatingIfNeeded: session.started), process: UInt32(truncatingIfNeeded: session.process))
            guard !judged.contains(id), scene.now - session.started * 1_000 > 3_000 else { continue }
            note(id)
            if activity.errands.contains(session.process) || scene.inventory.standbys.contains(session.application) { continue }
            alarms.append(
                alarm(
                    scene, role: session.role, address: session.address, object: session.application,
                    evidence: ["pg_stat_activity: walsender, process \(session.process)"],
                    cause: "\(session.role)@\(session.address)"))
        }
        return alarms
    }
}

/// A slot keeps the WAL from being removed until the disk is full.
struct SlotBloat: Rule {
    static let definition = RuleDefinition(
        id: "slot-bloat", severity: .high, description: "A replication slot holds back WAL.",
        normal: "A slot that is read and a few segments behind.",
        advice: "Bring its reader back, or drop it: SELECT pg_drop_replication_slot('…'); set max_slot_wal_keep_size.",
        thresholds: [
            .init(name: "bytes", value: 1_073_741_824, meaning: "bytes held back by a slot that is read"),
            .init(name: "idle", value: 67_108_864, meaning: "bytes held back by one that nobody reads"),
        ])
    static let lasts = true
    private let bytes: Int64
    private let idle: Int64

    init(_ thresholds: Thresholds) {
        bytes = Int64(thresholds.number("bytes"))
        idle = Int64(thresholds.number("idle"))
    }

    mutating func see(_ event: WatchEvent, _ scene: Scene) -> [Alarm] {
        guard case .activity(let activity) = event else { return [] }
        return activity.slots.filter { $0.bytes >= ($0.isActive ? bytes : idle) }.map { slot in
            alarm(
                scene, object: slot.name,
                evidence: [
                    "pg_replication_slots: \(slot.name) holds back \(slot.bytes) bytes, \(slot.isActive ? "read" : "read by nobody")"
                ],
                cause: slot.name)
        }
    }
}
