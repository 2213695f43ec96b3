import Foundation
import GuardianService

/// What threatens the server itself, its copies and its numbers.
extension RuleCases {
    static let replication: [RuleCase] = [
        .attack("replication-use", "a walsender", login("replicator", "pg_basebackup", replication: true)),
        .attack("replication-use", "a slot", change("replication slot", "evil", nil, "type=physical")),
        .attack("replication-use", "a publication", ddl("create publication p for all tables", "CREATE PUBLICATION")),
        .attack("replication-use", "unheard", .event(.activity(walsender))),
        .benign("replication-use", "an ordinary connection", login("everline_gateway", "message-gateway")),

        .attack("slot-bloat", "nobody reads it", .event(.activity(slot(active: false, bytes: 100 << 20)))),
        .attack("slot-bloat", "its reader is slow", .event(.activity(slot(active: true, bytes: 2 << 30)))),
        .benign("slot-bloat", "it is read", .event(.activity(slot(active: true, bytes: 100 << 20)))),
    ]

    static var walsender: Activity {
        var activity = Activity()
        activity.sessions = [
            Activity.Session(
                process: 7, started: 1_000, role: "replicator", database: "", address: "10.0.0.9", application: "pg_receivewal",
                backend: "walsender", transaction: nil,
                query: "", isEncrypted: true)
        ]
        return activity
    }

    static func slot(active: Bool, bytes: Int64) -> Activity {
        var activity = Activity()
        activity.slots = [Activity.Slot(name: "s", isActive: active, isTemporary: false, bytes: bytes)]
        return activity
    }

    static let protection: [RuleCase] = [
        .attack("policy-weakened", "dropped", ddl("drop policy p on t", "DROP POLICY")),
        .attack("policy-weakened", "switched off", ddl("alter table t disable row level security", "ALTER TABLE", "public.t")),
        .attack("policy-weakened", "unheard", change("relation", "public.t", "rowsecurity=t", "rowsecurity=f", in: "everline")),
        .benign(
            "policy-weakened", "switched on", ddl("alter table t enable row level security", "ALTER TABLE", "public.t"),
            change("relation", "public.t", "rowsecurity=f", "rowsecurity=t", in: "everline")),

        .attack(
            "trigger-tampered", "a trigger",
            ddl("create trigger x before insert on t execute function f()", "CREATE TRIGGER", "public.t")),
        .attack("trigger-tampered", "session_replication_role", misc("set session_replication_role = replica")),
        .attack(
            "trigger-tampered", "a definer without a path",
            ddl("create function f() returns int security definer language sql as ''", "CREATE FUNCTION", "public.f")),
        .attack(
            "trigger-tampered", "unheard", change("trigger", "everline.messages.t", "enabled=O", "enabled=D", in: "everline")),
        .benign(
            "trigger-tampered", "a definer with one",
            ddl(
                "create function f() returns int security definer set search_path = pg_catalog language sql as ''",
                "CREATE FUNCTION", "public.f")),

        .attack("hba-weakened", "trust", change("hba rule", "local all all trust", nil, "type=local method=trust")),
        .attack(
            "hba-weakened", "from everywhere",
            change("hba rule", "x", nil, "type=hostssl address=0.0.0.0 netmask=0.0.0.0 method=scram-sha-256")),
        .attack(
            "hba-weakened", "without TLS",
            change("hba rule", "x", nil, "type=host address=10.0.0.1 netmask=255.255.255.255 method=scram-sha-256")),
        .benign(
            "hba-weakened", "narrow",
            change("hba rule", "x", nil, "type=hostssl address=10.0.0.1 netmask=255.255.255.255 method=scram-sha-256")),

        .attack("tls-off", "the setting", change("setting", "ssl", "value=on", "value=off")),
        .attack("tls-off", "one who comes without", login("bob", "psql", tls: false)),
        .benign("tls-off", "the socket", login("bob", "psql", host: "[local]", tls: false)),
    ]

    static let health: [RuleCase] = [
        .attack(
            "crash", "killed",
            .line(Lines.line("server process (PID 7) was terminated by signal 9: Killed", backend: "postmaster"))),
        .attack("crash", "PANIC", .line(Lines.line("could not write", severity: "PANIC", state: "XX000"))),
        .attack(
            "crash", "recovery",
            .line(Lines.line("database system was not properly shut down; automatic recovery in progress", backend: "startup"))),
        .benign(
            "crash", "a stop and a start", .line(Lines.line("received fast shutdown request", backend: "postmaster")),
            .line(Lines.line("database system was shut down at 2026-11-24 22:55:11 UTC", backend: "startup"))),

        .attack(
            "corruption", "XX001",
            .line(Lines.line("invalid page in block 7 of relation base/5/16384", severity: "ERROR", state: "XX001"))),
        .attack(
            "corruption", "a checksum",
            .line(
                Lines.line("page verification failed, calculated checksum 1 but expected 2", severity: "WARNING", state: "01000"))
        ),
        .benign("corruption", "an error", .line(Lines.line("division by zero", severity: "ERROR", state: "22012"))),

        .attack("archive-stall", "a segment waits", .event(.activity(archive(waiting: 1, seconds: 400)))),
        .attack(
            "archive-stall", "failing again and again", .event(.activity(archive(failures: 1))),
            .event(.activity(archive(failures: 9, failing: true)))),
        .benign("archive-stall", "on its way", .event(.activity(archive(waiting: 2, seconds: 3)))),
        .benign("archive-stall", "an old failure", .event(.activity(archive(failures: 9)))),

        .attack("backup-shape", "small", .event(.repository(backups(last: 10)))),
        .attack("backup-shape", "large", .event(.repository(backups(last: 100_000)))),
        .benign("backup-shape", "grown", .event(.repository(backups(last: 1_200)))),

        .attack(
            "drill-overdue", "never",
            .event(
                .repository(
                    RepositoryState(backups: [
                        .init(id: "a", kind: "base", milliseconds: 1_795_560_912_958 - 9 * 86_400_000, seconds: 1, bytes: 1)
                    ])))),
        .attack(
            "drill-overdue", "long ago",
            .event(.repository(RepositoryState(backups: [], proven: 1_795_560_912_958 - 9 * 86_400_000)))),
        .benign(
            "drill-overdue", "new",
            .event(
                .repository(
                    RepositoryState(backups: [
                        .init(id: "a", kind: "base", milliseconds: 1_795_560_912_958 - 86_400_000, seconds: 1, bytes: 1)
                    ])))),
    ]

    static func archive(waiting: Int64 = 0, seconds: Double = 0, failures: Int64 = 0, failing: Bool = false) -> Activity {
        var activity = Activity()
        (activity.archiveWaiting, activity.archiveWaitingSeconds) = (waiting, seconds)
        (activity.archiveFailures, activity.archiveFailing) = (failures, failing)
        return activity
    }

    static func backups(last: Int) -> RepositoryState {
        RepositoryState(
            backups: (0..<6).map { .init(id: "b\($0)", kind: "base", milliseconds: Int64($0), seconds: 1, bytes: 1_000) } + [
                .init(id: "new", kind: "base", milliseconds: 99, seconds: 1, bytes: last)
            ])
    }

    static let numbers: [RuleCase] = [
        .attack("sequence-gap", "a hole", .event(.rooms([room(last: 10, found: 9)]))),
        .attack("sequence-gap", "one too many", .event(.rooms([room(last: 10, found: 11)]))),
        .benign("sequence-gap", "whole", .event(.rooms([room(last: 10, found: 10)]))),

        .attack(
            "numbers-backwards", "messages", .event(.rooms([room(last: 10, found: 10)])),
            .event(.rooms([room(last: 9, found: 9)]))),
        .attack(
            "numbers-backwards", "revisions", .event(.rooms([room(last: 10, rev: 4, found: 10)])),
            .event(.rooms([room(last: 11, rev: 3, found: 11)]))),
        .benign(
            "numbers-backwards", "growth", .event(.rooms([room(last: 10, found: 10)])),
            .event(.rooms([room(last: 11, found: 11)]))),
    ]

    static func room(last: Int64, rev: Int64 = 0, found: Int64) -> RoomNumbers {
        RoomNumbers(id: 1, lastSeq: last, lastRev: rev, from: 1, to: last, found: found)
    }
}
