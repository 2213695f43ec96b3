package import Foundation

/// What a rule is, for whoever configures it, reads a finding, or asks `audit explain`.
package struct RuleDefinition: Sendable, Codable {
    package struct Threshold: Sendable, Codable {
        package let name: String
        package let value: Double
        package let meaning: String
    }
    package let id: String
    package let severity: Severity
    package let description: String
    /// What looks alike and is none.
    package let normal: String
    package let advice: String
    package let thresholds: [Threshold]
}

/// One way in which the database is threatened. Its state is what it must remember; all that happens comes to it in order.
package protocol Rule: Sendable {
    static var definition: RuleDefinition { get }
    /// Whether what it sees by looking is a state that lasts, and is seen at each look; not something that happens.
    static var lasts: Bool { get }
    /// What it counts, which is kept over a restart.
    var bursts: [Burst] { get set }
    init(_ thresholds: Thresholds)
    mutating func see(_ sight: inout RecordSight, _ scene: Scene) -> [Alarm]
    mutating func see(_ difference: Difference, explained: Deeds.Deed?, _ scene: Scene) -> [Alarm]
    mutating func see(_ event: WatchEvent, _ scene: Scene) -> [Alarm]
}

extension Rule {
    package mutating func see(_ sight: inout RecordSight, _ scene: Scene) -> [Alarm] { [] }
    package mutating func see(_ difference: Difference, explained: Deeds.Deed?, _ scene: Scene) -> [Alarm] { [] }
    package mutating func see(_ event: WatchEvent, _ scene: Scene) -> [Alarm] { [] }

    var definition: RuleDefinition { Self.definition }
    package static var lasts: Bool { false }
    package var bursts: [Burst] {
        get { [] }
        set {}
    }
}

/// What is configured of a rule's thresholds.
package struct Thresholds: Sendable {
    private let rule: RuleDefinition
    private let given: [String: Double]

    init(_ rule: RuleDefinition, _ given: [String: Double]) {
        self.rule = rule
        self.given = given
    }

    func number(_ name: String) -> Double {
        given["\(rule.id).\(name)"] ?? rule.thresholds.first { $0.name == name }?.value ?? 0
    }
    func count(_ name: String) -> Int { Int(number(name)) }
    /// A threshold in seconds, in milliseconds.
    func span(_ name: String) -> Int64 { Int64(number(name) * 1_000) }
}

/// A record, with what is only worked out when a rule asks.
package struct RecordSight {
    package internal(set) var record: LogRecord
    /// The guardian's verb, if the session is one of its own.
    package internal(set) var errand: String?
    package let isSuperuser: Bool
    /// Its SQL, cut into words.
    package lazy var statement = Statement(record.sql)

    package init(record: LogRecord, errand: String?, isSuperuser: Bool) {
        self.record = record
        self.errand = errand
        self.isSuperuser = isSuperuser
    }

    /// Whether it is an audited statement of that class.
    func isAudited(_ kinds: String...) -> Bool { record.audit.map { kinds.contains($0.kind) } ?? false }
}

/// What the rules know of the server beside what just happened.
package struct Scene: Sendable {
    package var cluster = Snapshot()
    package var superusers: Set<String> = ["postgres"]
    /// The database that is watched over.
    package var database = "everline"
    package var inventory = Inventory()
    /// Now, by the server's clock, in milliseconds since 1970.
    package var now: Int64 = 0

    package init() {}

    package var at: Date { Date(timeIntervalSince1970: Double(now) / 1_000) }
}

/// What happens beside records and differences.
package enum WatchEvent: Sendable {
    /// The watch has gone blind or deaf, in words; `object` is the file or session concerned.
    case silence(object: String, words: String, evidence: [String], certain: Bool)
    case activity(Activity)
    case logins([LoginAttempt])
    case rooms([RoomNumbers])
    case repository(RepositoryState)
    case child(process: Int32, role: String, address: String, command: String)
}

extension Rule {
    func alarm(
        _ sight: inout RecordSight, severity: Severity? = nil, object: String? = nil, cause: String? = nil,
        evidence: [String] = [],
        destroyed: Bool = false
    ) -> Alarm {
        let record = sight.record
        let object = object ?? record.audit?.object
        return Alarm(
            rule: definition.id, severity: severity ?? definition.severity, at: record.at,
            role: record.role.isEmpty ? nil : record.role,
            address: record.host.isEmpty ? nil : record.host, database: record.database.isEmpty ? nil : record.database,
            object: object.flatMap { $0.isEmpty ? nil : $0 }, statement: record.sql.isEmpty ? nil : sight.statement.shown,
            evidence: [record.evidence] + evidence, advice: definition.advice, cause: cause ?? "\(record.role)@\(record.host)",
            destroyed: destroyed)
    }

    func alarm(
        _ difference: Difference, _ deed: Deeds.Deed?, _ scene: Scene, severity: Severity? = nil, object: String? = nil,
        cause: String? = nil,
        destroyed: Bool = false
    ) -> Alarm {
        let record = deed?.record
        return Alarm(
            rule: definition.id, severity: severity ?? definition.severity, at: record?.at ?? scene.at, role: record?.role,
            address: record?.host, database: difference.database ?? record?.database, object: object ?? difference.name,
            statement: record.map { Statement($0.sql).shown },
            evidence: (record.map { [$0.evidence] } ?? []) + [difference.words],
            advice: definition.advice, cause: cause ?? difference.name, destroyed: destroyed)
    }

    func alarm(
        _ scene: Scene, severity: Severity? = nil, at: Date? = nil, role: String? = nil, address: String? = nil,
        database: String? = nil,
        object: String? = nil, statement: String? = nil, evidence: [String], cause: String, destroyed: Bool = false
    ) -> Alarm {
        Alarm(
            rule: definition.id, severity: severity ?? definition.severity, at: at ?? scene.at, role: role, address: address,
            database: database,
            object: object, statement: statement, evidence: evidence, advice: definition.advice, cause: cause,
            destroyed: destroyed)
    }
}
