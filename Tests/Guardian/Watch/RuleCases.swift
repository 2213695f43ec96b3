import Foundation
import GuardianService

/// For each rule an attack, its evasions, and what looks alike and is none.
enum RuleCases {
    static let all =
        roles + reach + audit + destruction + connections + reading + replication + protection + health + numbers + spellings
        + evasions

    static func change(_ kind: String, _ name: String, _ before: String?, _ after: String?, in database: String? = nil)
        -> Bench.Happening
    {
        .differs(
            Difference(
                database: database, kind: kind, name: name, before: before?.replacingOccurrences(of: " ", with: "\u{1F}"),
                after: after?.replacingOccurrences(of: " ", with: "\u{1F}")))
    }
    static func role(_ statement: String, _ command: String, by: String = "postgres") -> Bench.Happening {
        .line(Lines.audit(statement, kind: "ROLE", command: command, role: by))
    }
    static func ddl(
        _ statement: String, _ command: String, _ object: String = "", time: String = "2026-11-24 22:55:12.958 UTC"
    ) -> Bench.Happening {
        .line(Lines.audit(statement, kind: "DDL", command: command, object: object, time: time))
    }
    static func read(
        _ statement: String, _ command: String = "SELECT", by: String = "postgres", source: String = "SESSION",
        object: String = "", application: String = "psql"
    ) -> Bench.Happening {
        .line(
            Lines.audit(
                statement, kind: "READ", command: command, object: object, role: by, application: application, source: source))
    }
    static func write(
        _ statement: String, _ command: String, by: String = "postgres", source: String = "SESSION", object: String = ""
    ) -> Bench.Happening {
        .line(Lines.audit(statement, kind: "WRITE", command: command, object: object, role: by, source: source))
    }
    static func misc(_ statement: String, by: String = "postgres") -> Bench.Happening {
        .line(Lines.audit(statement, kind: "MISC", command: "SET", role: by))
    }
    static func login(
        _ role: String, _ application: String, host: String = "127.0.0.1", tls: Bool = true, replication: Bool = false
    ) -> Bench.Happening {
        let message =
            "\(replication ? "replication " : "")connection authorized: user=\(role)\(replication ? "" : " database=everline") application_name=\(application)"
            + (tls ? " SSL enabled (protocol=TLSv1.3, cipher=TLS_AES_256_GCM_SHA384, bits=256)" : "")
        return .line(Lines.line(message, role: role, host: host))
    }
    static func failed(_ role: String, host: String = "10.9.9.9", second: Int) -> Bench.Happening {
        .line(
            Lines.line(
                "password authentication failed for user \"\(role)\"", severity: "FATAL", state: "28P01", role: role, host: host,
                time: String(format: "2026-11-24 22:%02d:%02d.000 UTC", 10 + second / 60, second % 60)))
    }
    static func refused(_ role: String, _ second: Int, state: String = "42501") -> Bench.Happening {
        .line(
            Lines.line(
                "permission denied for table users", severity: "ERROR", state: state, statement: "select * from everline.users",
                role: role,
                time: String(format: "2026-11-24 22:%02d:%02d.000 UTC", 10 + second / 60, second % 60)))
    }
    static let plain = "superuser=f createrole=f createdb=f bypassrls=f replication=f login=t"

    static let roles: [RuleCase] = [
        .attack("superuser-gain", "ALTER ROLE", role("ALTER USER bob WITH SUPERUSER", "ALTER ROLE")),
        .attack(
            "superuser-gain", "behind a password, which hides it", role("alter role bob password <REDACTED>", "ALTER ROLE"),
            change("role", "bob", plain, plain.replacingOccurrences(of: "superuser=f", with: "superuser=t"))),
        .attack(
            "superuser-gain", "by writing the catalogue",
            change("role", "bob", plain, plain.replacingOccurrences(of: "bypassrls=f", with: "bypassrls=t"))),
        .attack("superuser-gain", "by membership", role("grant postgres to bob", "GRANT ROLE")),
        .benign(
            "superuser-gain", "a role that only logs in", role("create role bob login nosuperuser", "CREATE ROLE"),
            change("role", "bob", nil, plain)),
        .benign(
            "superuser-gain", "the guardian's own",
            .own(Lines.audit("CREATE ROLE replicator LOGIN REPLICATION", kind: "ROLE", command: "CREATE ROLE")),
            change("role", "replicator", nil, plain.replacingOccurrences(of: "replication=f", with: "replication=t"))),

        .attack("predefined-role", "GRANT", role("GRANT pg_execute_server_program TO bob", "GRANT ROLE")),
        .attack(
            "predefined-role", "unheard",
            change("membership", "bob of pg_read_server_files", nil, "member=bob group=pg_read_server_files admin=f")),
        .attack("predefined-role", "a service's role", role("grant everline_gateway to bob", "GRANT ROLE")),
        .benign(
            "predefined-role", "another group", role("grant readers to bob", "GRANT ROLE"),
            change("membership", "bob of readers", nil, "member=bob group=readers admin=f")),

        .attack("over-grant", "ALL", role("grant all privileges on everline.users to bob", "GRANT")),
        .attack("over-grant", "PUBLIC", role("GRANT SELECT ON everline.messages TO /* x */ PUBLIC", "GRANT")),
        .attack("over-grant", "a schema's tables", role("grant select on all tables in schema everline to bob", "GRANT")),
        .attack("over-grant", "unheard", change("relation", "everline.users", "acl={a=r/a}", "acl={a=r/a,=r/a}", in: "everline")),
        .benign(
            "over-grant", "one privilege", role("grant select on everline.rooms to bob", "GRANT"),
            change("relation", "everline.rooms", "acl={a=r/a}", "acl={a=r/a,bob=r/a}", in: "everline")),
        .benign(
            "over-grant", "what PUBLIC may do with a function anyway",
            change("function", "public.f()", nil, "acl={=X/a,a=X/a}", in: "everline")),

        .attack("new-login-role", "CREATE USER", role("create user bob", "CREATE ROLE")),
        .attack(
            "new-login-role", "made without, then let in",
            change("role", "bob", plain.replacingOccurrences(of: "login=t", with: "login=f"), plain)),
        .benign(
            "new-login-role", "NOLOGIN", role("create role bob nologin", "CREATE ROLE"),
            change("role", "bob", nil, plain.replacingOccurrences(of: "login=t", with: "login=f"))),

        .attack(
            "password-change", "another's", role("alter role everline_auth password <REDACTED>", "ALTER ROLE"),
            change("password", "everline_auth", "kind=scram-sha-256 digest=aaaaaa", "kind=scram-sha-256 digest=bbbbbb")),
        .attack(
            "password-change", "weaker", change("password", "bob", "kind=scram-sha-256 digest=aaaaaa", "kind=md5 digest=bbbbbb")),
        .benign(
            "password-change", "one's own", role("alter role bob password <REDACTED>", "ALTER ROLE", by: "bob"),
            change("password", "bob", "kind=scram-sha-256 digest=aaaaaa", "kind=scram-sha-256 digest=bbbbbb")),
    ]

    static let reach: [RuleCase] = [
        .attack("copy-program", "TO", read("copy (select 1) to program 'curl x'", "COPY")),
        .attack("copy-program", "FROM, spelled oddly", write("COPY t FROM/**/Program $$id$$", "COPY")),
        .attack(
            "copy-program", "refused",
            .line(Lines.line("must be superuser", severity: "ERROR", state: "42501", statement: "copy t from program E'id'"))),
        .attack(
            "copy-program", "unrecorded",
            .counted("copy t from program 'id'")),
        .benign("copy-program", "to the client", read("copy t to stdout", "COPY")),
        .benign("copy-program", "in a literal", read("select 'copy t to program x'")),

        .attack(
            "shell-child", "a shell", .event(.child(process: 7, role: "postgres", address: "127.0.0.1", command: "sh -c id"))),
        .attack(
            "shell-child", "by another name", .event(.child(process: 7, role: "bob", address: "[local]", command: "python3 x"))),
        .benign("shell-child", "none", .event(.activity(Activity()))),

        .attack("server-file-access", "pg_read_file", read("select pg_read_file('/etc/passwd')")),
        .attack("server-file-access", "quoted", read("select \"pg_read_binary_file\"('x')")),
        .attack("server-file-access", "COPY from a path", write("copy t from '/etc/passwd'", "COPY")),
        .attack(
            "server-file-access", "unrecorded", .counted("select lo_export($1, $2)")
        ),
        .benign("server-file-access", "COPY to the client", read("copy t to stdout", "COPY")),
        .benign("server-file-access", "a text", read("select 'pg_read_file' from t")),

        .attack(
            "untrusted-code", "a C function",
            ddl("create function f() returns int as '/tmp/x.so','f' language c", "CREATE FUNCTION", "public.f")),
        .attack(
            "untrusted-code", "the language in quotes",
            ddl("create function f() returns int as 'x' language 'PLPYTHON3U'", "CREATE FUNCTION", "public.f")),
        .attack("untrusted-code", "an extension", ddl("create extension if not exists file_fdw", "CREATE EXTENSION")),
        .attack("untrusted-code", "LOAD", .line(Lines.audit("load '/tmp/x'", kind: "MISC", command: "LOAD"))),
        .attack("untrusted-code", "unheard", change("function", "public.f()", nil, "language=c", in: "other")),
        .benign(
            "untrusted-code", "a function in SQL",
            ddl("create function f() returns int language sql as 'select 1'", "CREATE FUNCTION", "public.f"),
            change("function", "public.f()", nil, "language=sql", in: "everline")),
        .benign(
            "untrusted-code", "an extension of the list", ddl("create extension pg_trgm", "CREATE EXTENSION"),
            change("extension", "pg_trgm", nil, "version=1", in: "everline")),
    ]

    static let audit: [RuleCase] = [
        .attack("audit-off", "SET", misc("set pgaudit.role = ''")),
        .attack("audit-off", "set_config", read("select set_config('PgAudit.log', 'none', false)")),
        .attack("audit-off", "for a role", role("alter role postgres set pgaudit.log = 'none'", "ALTER ROLE")),
        .attack("audit-off", "for the server", ddl("alter system set log_connections = off", "ALTER SYSTEM")),
        .attack("audit-off", "unheard", change("role setting", "bob pgaudit.log", nil, "role=bob name=pgaudit.log value=none")),
        .attack(
            "audit-off", "unrecorded SET",
            .counted("SET pgaudit.log = 'none'")),
        .attack("audit-off", "the extension dropped", ddl("drop extension pgaudit", "DROP EXTENSION")),
        .attack("audit-off", "silence", misc("SET log_min_messages TO panic")),
        .benign("audit-off", "another setting", misc("set work_mem = '1GB'")),
        .benign("audit-off", "more of it", change("setting", "pgaudit.log", "value=role,ddl", "value=role,ddl,misc_set")),

        .attack(
            "audit-silence", "a file is gone", .event(.silence(object: "a.json", words: "gone", evidence: [], certain: true))),
        .attack("audit-silence", "no canary", .event(.silence(object: "canary", words: "late", evidence: [], certain: true))),
        .benign("audit-silence", "nothing happens", .event(.activity(Activity()))),

        .attack("unexplained-change", "a right", change("relation", "everline.users", "acl=", "acl={bob=r/a}", in: "everline")),
        .attack(
            "unexplained-change", "a record of something else", role("alter role alice nologin", "ALTER ROLE"),
            change("role", "bob", plain, nil)),
        .attack(
            "unexplained-change", "a record in another database", ddl("create table t()", "CREATE TABLE", "public.t"),
            change("relation", "public.t", nil, "type=r", in: "other")),
        .attack(
            "unexplained-change", "behind a statement that changes much",
            role("grant select on all tables in schema everline to bob", "GRANT"),
            ddl("drop schema other cascade", "DROP SCHEMA"), change("relation", "everline.hidden", nil, "type=r", in: "everline")),
        .benign(
            "unexplained-change", "recorded", ddl("create table t()", "CREATE TABLE", "public.t"),
            change("relation", "public.t", nil, "type=r", in: "everline")),
        .benign(
            "unexplained-change", "what comes with it", ddl("create table t(id bigserial)", "CREATE TABLE", "public.t"),
            change("relation", "public.t_id_seq", nil, "type=S", in: "everline")),

        .attack("foreign-ddl", "a table", ddl("create table t()", "CREATE TABLE", "public.t")),
        .attack(
            "foreign-ddl", "in a DO block",
            .line(
                Lines.audit("create table t()", object: "public.t", role: "everline_guardian", application: "db-guardian migrate")
            )),
        .benign(
            "foreign-ddl", "a migration", .own(Lines.audit("create table t()", object: "public.t", role: "everline_guardian"))),
        .benign("foreign-ddl", "a temporary table", ddl("create temp table t()", "CREATE TABLE", "pg_temp.t")),
    ]

    static let destruction: [RuleCase] = [
        .attack(
            "mass-drop", "a burst", ddl("drop table a", "DROP TABLE", "public.a"), ddl("drop table b", "DROP TABLE", "public.b"),
            ddl("drop table c", "DROP TABLE", "public.c")),
        .attack("mass-drop", "a schema at once", ddl("drop schema everline cascade", "DROP SCHEMA")),
        .attack(
            "mass-drop", "unheard", change("relation", "everline.a", "type=r", nil, in: "everline"),
            change("relation", "everline.b", "type=r", nil, in: "everline"),
            change("relation", "everline.c", "type=r", nil, in: "everline")),
        .benign(
            "mass-drop", "one", ddl("drop table a", "DROP TABLE", "public.a"),
            ddl("drop table b", "DROP TABLE", "public.b", time: "2026-11-24 23:59:12.958 UTC")),

        .attack(
            "ransom-note", "after a drop", ddl("drop table a", "DROP TABLE", "everline.messages"),
            ddl("create table warning(t text)", "CREATE TABLE", "public.warning")),
        .attack("ransom-note", "by itself", ddl("create table t()", "CREATE TABLE", "public.READ_ME_TO_RECOVER_YOUR_DATA")),
        .attack(
            "ransom-note", "a database, after rows were emptied", write("truncate everline.messages", "TRUNCATE TABLE"),
            ddl("create database readme", "CREATE DATABASE")),
        .benign(
            "ransom-note", "such a table and no drop", ddl("create table warnings(t text)", "CREATE TABLE", "public.warnings")),
        .benign(
            "ransom-note", "a drop and another table", ddl("drop table a", "DROP TABLE", "public.a"),
            ddl("create table b()", "CREATE TABLE", "public.b")),

        .attack("mass-delete", "TRUNCATE", write("truncate everline.messages", "TRUNCATE TABLE")),
        .attack(
            "mass-delete", "a condition that is none",
            write("delete from everline.messages where 1 = 1", "DELETE", by: "bob", source: "OBJECT", object: "everline.messages")
        ),
        .attack(
            "mass-delete", "by a trigger, unheard", .event(.activity(table("messages", deleted: 3))),
            .event(.activity(table("messages", deleted: 9)))),
        .attack(
            "mass-delete", "another file",
            change("relation", "everline.messages", "type=r file=100", "type=r file=101", in: "everline")),
        .benign("mass-delete", "a condition", write("delete from notes where id = 7", "DELETE")),
        .benign(
            "mass-delete", "sessions", .event(.activity(table("sessions", deleted: 3))),
            .event(.activity(table("sessions", deleted: 900)))),
    ]

    static func table(_ name: String, updated: Int64 = 0, deleted: Int64 = 0, scans: Int64 = 0, scanned: Int64 = 0)
        -> Activity
    {
        var activity = Activity()
        activity.tables = [
            Activity.Table(name: name, updated: updated, deleted: deleted, scans: scans, scanned: scanned, fetched: 0)
        ]
        return activity
    }

    static let connections: [RuleCase] = [
        RuleCase(rule: "brute-force", name: "one role", seen: true, happenings: (0..<5).map { failed("postgres", second: $0) }),
        RuleCase(
            rule: "brute-force", name: "spread over roles", seen: true,
            happenings: (0..<5).map { failed("role\($0)", second: $0) }),
        RuleCase(
            rule: "brute-force", name: "slowly", seen: true, happenings: (0..<45).map { failed("postgres", second: $0 * 61) }),
        RuleCase(
            rule: "brute-force", name: "an account of the chat", seen: true,
            happenings: [
                .event(
                    .logins(
                        (0..<12).map {
                            LoginAttempt(
                                id: $0, milliseconds: 1_000 * $0, name: "li", outcome: "wrong_password", address: "10.0.0.\($0)")
                        }))
            ]),
        RuleCase(
            rule: "brute-force", name: "two mistakes", seen: false, happenings: (0..<2).map { failed("postgres", second: $0) }),
        RuleCase(
            rule: "brute-force", name: "many users log in", seen: false,
            happenings: [
                .event(
                    .logins(
                        (0..<50).map {
                            LoginAttempt(id: $0, milliseconds: $0, name: "u\($0)", outcome: "success", address: "10.0.0.1")
                        }))
            ]),

        .attack("login-anomaly", "a superuser", login("postgres", "psql")),
        .attack("login-anomaly", "a stolen service role", login("everline_gateway", "psql")),
        .attack("login-anomaly", "a guardian's name without its proof", login("postgres", "db-guardian")),
        .benign("login-anomaly", "the service itself", login("everline_gateway", "message-gateway")),

        .attack(
            "privilege-probing", "a burst", refused("everline_history", 1), refused("everline_history", 2),
            refused("everline_history", 3)),
        RuleCase(rule: "privilege-probing", name: "slowly", seen: true, happenings: (0..<13).map { refused("bob", $0 * 100) }),
        .attack(
            "privilege-probing", "writing while one only reads", refused("everline_history", 1, state: "25006"),
            refused("everline_history", 2, state: "25006"),
            refused("everline_history", 3, state: "25006")),
        .benign("privilege-probing", "once", refused("bob", 1)),
    ]

    static let reading: [RuleCase] = [
        .attack("superuser-writes", "UPDATE", write("update everline.messages set body = 'x' where seq = 1", "UPDATE")),
        .attack("superuser-writes", "COPY FROM", write("copy everline.messages from stdin", "COPY")),
        .benign("superuser-writes", "reading", read("select 1")),
        .benign(
            "superuser-writes", "the guardian's own",
            .own(Lines.audit("insert into everline.migrations values (1)", kind: "WRITE", command: "INSERT"))),

        .attack("bulk-export", "COPY", read("copy everline.messages to stdout", "COPY")),
        .attack("bulk-export", "pg_dump", login("postgres", "pg_dump")),
        .attack(
            "bulk-export", "all of a table by a role that is not recorded", .event(.activity(table("messages"))),
            .event(.activity(table("messages", scans: 1, scanned: 5_000)))),
        .benign("bulk-export", "a page", read("select body from everline.messages where room_id = 1 and seq > 7 limit 50")),
        .benign(
            "bulk-export", "the heart's small table", .event(.activity(table("heartbeat"))),
            .event(.activity(table("heartbeat", scans: 9, scanned: 5_000)))),

        .attack("verifier-read", "pg_authid", read("select rolname, rolpassword from pg_authid")),
        .attack(
            "verifier-read", "the chat's hashes",
            read("select password_hash from everline.users where id = 1", by: "bob", source: "OBJECT", object: "everline.users")),
        .attack(
            "verifier-read", "all columns",
            read(
                "select * from everline.users", by: "everline_auth", source: "OBJECT", object: "everline.users",
                application: "psql")),
        .benign(
            "verifier-read", "auth",
            read(
                "select password_hash from everline.users where username_key = $1", by: "everline_auth", source: "OBJECT",
                object: "everline.users", application: "auth")),
        .benign(
            "verifier-read", "names",
            read(
                "select id, username from everline.users", by: "everline_history", source: "OBJECT", object: "everline.users",
                application: "history")),
    ]
}
