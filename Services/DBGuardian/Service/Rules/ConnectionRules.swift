import Foundation

/// Passwords tried out, against the server's roles or the chat's accounts.
struct BruteForce: Rule {
    static let definition = RuleDefinition(
        id: "brute-force", severity: .high,
        description: "A burst of failed logins, by role, account or address; worse when one then succeeds.",
        normal: "A few failures before the right password; a slow client with an old one.",
        advice: "Close the address off. If a login succeeded, change that password and end its sessions.",
        thresholds: [
            .init(name: "failures", value: 5, meaning: "failures of one role or address"),
            .init(name: "span", value: 60, meaning: "within so many seconds"),
            .init(name: "slow", value: 40, meaning: "failures of one role or address within a day"),
            .init(name: "accounts", value: 10, meaning: "failures of one account of the chat within the span"),
            .init(name: "spray", value: 20, meaning: "failures from one address against accounts of the chat within the span"),
        ])
    private var fast: Burst
    private var slow: Burst
    private var accounts: Burst
    private var spray: Burst
    private var suspects: [String: Int64] = [:]
    var bursts: [Burst] {
        get { [fast, slow, accounts, spray] }
        set { if newValue.count == 4 { (fast, slow, accounts, spray) = (newValue[0], newValue[1], newValue[2], newValue[3]) } }
    }
    private static let memory: Int64 = 600_000

    init(_ thresholds: Thresholds) {
        let span = thresholds.span("span")
        fast = Burst(count: thresholds.count("failures"), span: span)
        slow = Burst(count: thresholds.count("slow"), span: 86_400_000)
        accounts = Burst(count: thresholds.count("accounts"), span: span)
        spray = Burst(count: thresholds.count("spray"), span: span)
    }

    private mutating func suspect(_ keys: [String], at now: Int64) {
        if suspects.count > 10_000 { suspects.removeAll() }
        for key in keys { suspects[key] = now }
    }

    mutating func see(_ sight: inout RecordSight, _ scene: Scene) -> [Alarm] {
        let record = sight.record
        if record.severity == .fatal, record.state == "28P01" || record.state == "28000" {
            let keys = ["role \(record.role)", "address \(record.host)"]
            // Each is counted, whichever is first.
            let hits = keys.map { fast.add($0, at: record.milliseconds) }
            let slowHits = keys.map { slow.add($0, at: record.milliseconds) }
            guard let index = hits.firstIndex(of: true) ?? slowHits.firstIndex(of: true) else { return [] }
            suspect(keys, at: record.milliseconds)
            return [alarm(&sight, cause: keys[index])]
        }
        guard record.audit == nil, record.message.hasPrefix("connection authorized: "), sight.errand == nil else { return [] }
        // A service goes on logging in while its role is attacked; only from where it was attacked is a success bad news.
        guard let at = suspects["address \(record.host)"], suspects["role \(record.role)"] != nil,
            abs(record.milliseconds - at) < Self.memory,
            !scene.inventory.expects(record.role, record.application)
        else { return [] }
        return [alarm(&sight, severity: .critical, cause: "success \(record.role)")]
    }

    mutating func see(_ event: WatchEvent, _ scene: Scene) -> [Alarm] {
        guard case .logins(let attempts) = event else { return [] }
        var alarms: [Alarm] = []
        for attempt in attempts {
            let keys = ["account \(attempt.name)", "chat \(attempt.address)"]
            if attempt.isSuccess {
                guard let at = suspects[keys[0]], abs(attempt.milliseconds - at) < Self.memory, suspects[keys[1]] != nil else {
                    continue
                }
                alarms.append(
                    alarm(
                        attempt, scene, severity: .critical, words: "a login succeeded after the burst",
                        cause: "success \(keys[0])"))
                continue
            }
            guard attempt.isFailure else { continue }
            let byAccount = accounts.add(keys[0], at: attempt.milliseconds)
            let byAddress = spray.add(keys[1], at: attempt.milliseconds)
            guard byAccount || byAddress else { continue }
            suspect(keys, at: attempt.milliseconds)
            alarms.append(alarm(attempt, scene, words: "\(attempt.outcome)", cause: byAccount ? keys[0] : keys[1]))
        }
        return alarms
    }

    private func alarm(_ attempt: LoginAttempt, _ scene: Scene, severity: Severity? = nil, words: String, cause: String) -> Alarm
    {
        alarm(
            scene, severity: severity, at: Date(timeIntervalSince1970: Double(attempt.milliseconds) / 1_000),
            address: attempt.address,
            database: scene.database, object: "account \(attempt.name)", evidence: ["everline.login_log \(attempt.id): \(words)"],
            cause: cause)
    }
}

/// A row of everline.login_log.
package struct LoginAttempt: Sendable {
    package var id: Int64
    package var milliseconds: Int64
    package var name: String
    package var outcome: String
    package var address: String

    package init(id: Int64, milliseconds: Int64, name: String, outcome: String, address: String) {
        self.id = id
        self.milliseconds = milliseconds
        self.name = name
        self.outcome = outcome
        self.address = address
    }

    var isSuccess: Bool { outcome == "success" }
    var isFailure: Bool { ["unknown_user", "wrong_password", "throttled", "disabled"].contains(outcome) }
}

/// A login that is not as this role's logins are.
struct LoginAnomaly: Rule {
    static let definition = RuleDefinition(
        id: "login-anomaly", severity: .high,
        description:
            "A superuser's connection outside the guardian's runs; a service's role from another application; a role from a new address, application or hour.",
        normal: "What the role has done before (`audit baselines` shows it); the guardian's own runs.",
        advice: "Ask whose connection it was. If nobody's: change the role's password and end its sessions.",
        thresholds: [
            .init(name: "learn", value: 168, meaning: "hours in which what a role does is learned and not told")
        ])
    private let learn: Int64
    private var judged: Set<SessionID> = []

    init(_ thresholds: Thresholds) { learn = Int64(thresholds.number("learn") * 3_600_000) }

    mutating func see(_ sight: inout RecordSight, _ scene: Scene) -> [Alarm] {
        let record = sight.record
        guard record.audit == nil, record.message.hasPrefix("connection authorized: ") else { return [] }
        note(record.session)
        if sight.errand != nil { return [] }
        if sight.isSuperuser {
            return [
                alarm(
                    &sight, object: "superuser", cause: "\(record.role) \(record.host) \(record.application)",
                    evidence: [record.message])
            ]
        }
        if scene.inventory.isOurs(record.role) {
            if scene.inventory.expects(record.role, record.application) { return [] }
            return [
                alarm(
                    &sight, object: record.application, cause: "\(record.role) \(record.application)", evidence: [record.message])
            ]
        }
        return []
    }

    private mutating func note(_ session: SessionID) {
        if judged.count > 20_000 { judged.removeAll() }
        judged.insert(session)
    }

    /// Connections that the log did not tell of: log_connections is off, or its lines were kept back.
    mutating func see(_ event: WatchEvent, _ scene: Scene) -> [Alarm] {
        guard case .activity(let activity) = event else { return [] }
        var alarms: [Alarm] = []
        for session in activity.sessions where session.backend == "client backend" {
            let id = SessionID(
                start: UInt32(truncatingIfNeeded: session.started), process: UInt32(truncatingIfNeeded: session.process))
            // Its line may be on its way.
            guard !judged.contains(id), scene.now - session.started * 1_000 > 3_000, !activity.errands.contains(session.process)
            else { continue }
            note(id)
            let isStrange =
                scene.superusers.contains(session.role)
                || scene.inventory.isOurs(session.role) && !scene.inventory.expects(session.role, session.application)
            guard isStrange else { continue }
            alarms.append(
                alarm(
                    scene, role: session.role, address: session.address, database: session.database, object: session.application,
                    statement: Statement(session.query).shown,
                    evidence: ["pg_stat_activity: process \(session.process), application \(session.application)"],
                    cause: "\(session.role) \(session.address) \(session.application)"))
        }
        return alarms
    }
}

/// Somebody tries what they may not.
struct PrivilegeProbing: Rule {
    static let definition = RuleDefinition(
        id: "privilege-probing", severity: .high,
        description:
            "A burst of statements refused for lack of privileges (42501), or of writes by a role that only reads (25006); or a service's role runs what no service runs: DO, COPY, LOCK, DECLARE, large objects, queries given as texts, ending sessions, changing all rows of a table.",
        normal: "One such error now and then, in development.",
        advice: "See what the role was after; a service's role that does this has been stolen: change its password.",
        thresholds: [
            .init(name: "count", value: 3, meaning: "refusals of one role"),
            .init(name: "span", value: 60, meaning: "within so many seconds"),
            .init(name: "slow", value: 12, meaning: "refusals of one role within a day"),
        ])
    private var fast: Burst
    private var slow: Burst
    var bursts: [Burst] {
        get { [fast, slow] }
        set { if newValue.count == 2 { (fast, slow) = (newValue[0], newValue[1]) } }
    }

    init(_ thresholds: Thresholds) {
        fast = Burst(count: thresholds.count("count"), span: thresholds.span("span"))
        slow = Burst(count: thresholds.count("slow"), span: 86_400_000)
    }

    mutating func see(_ sight: inout RecordSight, _ scene: Scene) -> [Alarm] {
        let record = sight.record
        if record.place.file == RecordSight.counter, scene.inventory.isService(record.role) {
            return [alarm(&sight, cause: "\(record.role) \(record.audit?.command ?? "")")]
        }
        guard record.severity == .error, record.state == "42501" || record.state == "25006" && scene.inventory.isOurs(record.role)
        else { return [] }
        let isFast = fast.add(record.role, at: record.milliseconds)
        guard slow.add(record.role, at: record.milliseconds) || isFast else { return [] }
        return [alarm(&sight, cause: record.role, evidence: [record.message])]
    }
}
