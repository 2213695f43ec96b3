import Foundation
import GuardianService
import Testing

/// What happens, told to all rules in order.
struct Bench {
    var rules: [any Rule]
    var scene = Scene()
    var deeds = Deeds()
    var parser = LogParser(zone: "UTC")
    var alarms: [Alarm] = []

    init(_ thresholds: String = "") throws {
        rules = try RuleTable.rules(thresholds)
        scene.now = 1_795_560_912_958
    }

    enum Happening: Sendable {
        case line(String)
        /// A statement in one of the guardian's own sessions.
        case own(String)
        case differs(Difference)
        case event(WatchEvent)
        /// A statement of a superuser that was counted and not recorded.
        case counted(String)
        /// One of another role.
        case countedOf(String, String)
    }

    mutating func tell(_ happenings: [Happening]) {
        for happening in happenings {
            switch happening {
            case .line(let line): record(line, errand: nil)
            case .own(let line): record(line, errand: "migrate")
            case .differs(let difference):
                let deed = deeds.explanation(of: difference, seen: scene.now, before: scene.now - 90_000)
                for index in rules.indices { alarms += rules[index].see(difference, explained: deed, scene) }
            case .counted(let sql):
                var sight = RecordSight.counted(role: "postgres", database: "everline", sql: sql, at: scene.now)
                for index in rules.indices { alarms += rules[index].see(&sight, scene) }
            case .countedOf(let role, let sql):
                #expect(RecordSight.isUnusual(Statement(sql)))
                var sight = RecordSight.counted(role: role, database: "everline", sql: sql, at: scene.now, isSuperuser: false)
                for index in rules.indices { alarms += rules[index].see(&sight, scene) }
            case .event(let event): for index in rules.indices { alarms += rules[index].see(event, scene) }
            }
        }
    }

    private mutating func record(_ line: String, errand: String?) {
        guard var record = parser.record(line) else {
            Issue.record("no record: \(line)")
            return
        }
        if record.audit == nil, let application = line.range(of: "application_name=") {
            record.application = String(line[application.upperBound...].prefix { $0 != " " && $0 != "\"" })
        }
        scene.now = record.milliseconds
        var sight = RecordSight(record: record, errand: errand, isSuperuser: scene.superusers.contains(record.role))
        if let audit = record.audit, Deeds.isOne(audit) { deeds.add(record, errand: errand, sight.statement) }
        for index in rules.indices { alarms += rules[index].see(&sight, scene) }
    }
}

struct RuleCase: Sendable, CustomTestStringConvertible {
    let rule: String
    let name: String
    /// Whether the rule must see it.
    let seen: Bool
    let happenings: [Bench.Happening]

    var testDescription: String { "\(rule): \(name)" }

    static func attack(_ rule: String, _ name: String, _ happenings: Bench.Happening...) -> RuleCase {
        RuleCase(rule: rule, name: name, seen: true, happenings: happenings)
    }
    static func benign(_ rule: String, _ name: String, _ happenings: Bench.Happening...) -> RuleCase {
        RuleCase(rule: rule, name: name, seen: false, happenings: happenings)
    }
}

@Suite("Rules")
struct RuleTests {
    @Test("each rule sees its attacks and their evasions, and not their benign twins", arguments: RuleCases.all)
    func sees(example: RuleCase) throws {
        var bench = try Bench()
        bench.tell(example.happenings)
        let found = bench.alarms.filter { $0.rule == example.rule }
        #expect(found.isEmpty != example.seen, "\(bench.alarms.map(\.rule))")
        for alarm in bench.alarms { #expect(!alarm.evidence.isEmpty && !alarm.advice.isEmpty && !alarm.cause.isEmpty) }
    }

    @Test("every rule of the table has an attack and a benign twin")
    func complete() {
        for rule in RuleTable.all {
            #expect(RuleCases.all.filter { $0.rule == rule.id && $0.seen }.count >= 2, "\(rule.id) has no attack and evasion")
            #expect(RuleCases.all.contains { $0.rule == rule.id && !$0.seen }, "\(rule.id) has no benign twin")
            #expect(!rule.description.isEmpty && !rule.normal.isEmpty && !rule.advice.isEmpty)
        }
        #expect(Set(RuleTable.all.map(\.id)).count == RuleTable.all.count && RuleTable.all.count == 35)
    }

    @Test("thresholds are taken from the configuration, and wrong ones refused")
    func thresholds() throws {
        var bench = try Bench("mass-drop.count=1, brute-force.failures=2")
        bench.tell([.line(Lines.audit("drop table a", command: "DROP TABLE", object: "public.a"))])
        #expect(bench.alarms.contains { $0.rule == "mass-drop" })
        for wrong in ["mass-drop.count", "mass-drop.x=1", "nosuch.count=1", "mass-drop.count=-1", "mass-drop.count=x"] {
            #expect(throws: GuardianError.self) { _ = try RuleTable.rules(wrong) }
        }
    }

    @Test("the guardian's own sessions are known by a name that others cannot make")
    func errands() {
        let errands = Errands(secret: [1, 2, 3])
        let (many, one) = (
            errands.applicationName("backup database", at: 1_000_000), errands.nameForOne("backup database", at: 1_000_000)
        )
        #expect(errands.nameForOne("backup database", at: 1_000_000) != one)
        for (name, isOnce) in [(many, false), (one, true)] {
            // PostgreSQL cuts longer ones.
            #expect(name.utf8.count < 64)
            #expect(errands.errand(of: name, started: 1_000_001) == .init(verb: "backup database", isOnce: isOnce))
            #expect(errands.errand(of: name, started: 1_000_200) == nil)
            #expect(errands.errand(of: name, started: 999_000) == nil)
            #expect(Errands(secret: [1, 2, 4]).errand(of: name, started: 1_000_001) == nil)
            #expect(errands.errand(of: name.replacingOccurrences(of: "database", with: "cluster"), started: 1_000_001) == nil)
        }
        // Nobody makes of the one the other.
        let parts = one.split(separator: ".")
        #expect(errands.errand(of: "\(parts[0]).\(parts[2])", started: 1_000_001) == nil)
        for wrong in [
            "db-guardian", "db-guardian ", "db-guardian x", "db-guardian migrate 1.2.3", "db-guardian migrate zz.00",
            "db-guardian migrate .", "db-guardian migrate 1.2.3.4",
        ] {
            #expect(errands.errand(of: wrong, started: 1) == nil)
        }
    }

    @Test("what explains a difference was done since the look before")
    func explanations() {
        var parser = LogParser(zone: "UTC")
        guard let record = parser.record(Lines.audit("alter role bob nologin", kind: "ROLE", command: "ALTER ROLE")) else {
            Issue.record("no record")
            return
        }
        var deeds = Deeds()
        deeds.add(record, errand: "roles", Statement(record.sql))
        let difference = Difference(database: nil, kind: "role", name: "bob", before: "superuser=f", after: "superuser=t")
        let at = record.milliseconds
        #expect(deeds.explanation(of: difference, seen: at + 2_000, before: at - 500) != nil)
        #expect(deeds.explanation(of: difference, seen: at + 600_000, before: at - 500) != nil)
        #expect(deeds.explanation(of: difference, seen: at + 8_000, before: at + 6_000) == nil)
        #expect(deeds.explanation(of: difference, seen: at - 1_000, before: at - 3_000) == nil)
    }

    @Test("a statement that was recorded is known again as it is counted")
    func counted() {
        var recorded = RecordedStatements()
        recorded.add("postgres", Statement("select 1; UPDATE t SET a = -1, b = 'x' WHERE c IN (1, 2);"), isRedacted: false)
        recorded.add("postgres", Statement("alter role bob password <REDACTED>"), isRedacted: true)
        #expect(recorded.contains("postgres", Statement("UPDATE t SET a = $1, b = $2 WHERE c IN ($3, $4)")))
        #expect(recorded.contains("postgres", Statement("select $1")))
        // NULL and truth values are constants too.
        recorded.add(
            "postgres", Statement("select coalesce(a, NULL, false) from t where b is null and c = TRUE"), isRedacted: false)
        #expect(recorded.contains("postgres", Statement("select coalesce(a, $1, $2) from t where b is null and c = $3")))
        #expect(recorded.contains("postgres", Statement("ALTER ROLE bob PASSWORD 'geheim' SUPERUSER")))
        #expect(!recorded.contains("bob", Statement("select $1")))
        #expect(!recorded.contains("postgres", Statement("UPDATE t SET a = $1")))
        #expect(!recorded.contains("postgres", Statement("alter role alice password 'x'")))
    }

    @Test("what is counted goes on over a restart, within its limits")
    func bursts() {
        var before = Burst(count: 3, span: 60_000)
        _ = before.add("a", at: 1_000)
        _ = before.add("a", at: 2_000)
        var after = Burst(count: 3, span: 60_000)
        after.take(before, now: 3_000)
        let isThird = after.add("a", at: 4_000)
        #expect(isThird)
        after.take(before, now: 100_000)
        let isFirst = !after.add("a", at: 100_000)
        #expect(isFirst)
    }

    @Test("baselines learn, tell once, and forget")
    func baselines() {
        var baselines = Baselines()
        let logins: [(address: String, at: Int64)] = [
            ("10.0.0.1", 0), ("10.0.0.2", 500), ("10.0.0.3", 2_000), ("10.0.0.3", 3_000), ("10.0.0.3", 3_600_001),
        ]
        let told = logins.map { baselines.see(role: "report", address: $0.address, application: "psql", at: $0.at, learn: 1_000) }
        #expect(told == [[], [], ["address 10.0.0.3"], [], ["hour 1 UTC"]])
        let (nobody, all) = (baselines.forget("nobody"), baselines.forget(nil))
        #expect(nobody == [] && all == ["report"] && baselines.roles.isEmpty)
    }
}
