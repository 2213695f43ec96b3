import GuardianService

/// Ways around the records: code that runs inside other code, other names for what is read, statements of services that nobody records, and what the watch
/// stands on taken away.
extension RuleCases {
    static let evasions: [RuleCase] = bodies + readers + foundations + services

    /// In a body a call may be an expression, or be put in place of its caller: it leaves no record.
    private static let bodies: [RuleCase] = [
        .attack(
            "server-file-access", "an assignment in a DO block",
            code("do $$ declare t text; begin t := pg_read_file('/etc/passwd'); end $$")),
        .attack(
            "server-file-access", "a DO block whose language comes first",
            code("do language 'plpgsql' $x$ declare t text; begin t := pg_catalog.\"pg_read_file\"('/etc/passwd'); end $x$")),
        .attack(
            "server-file-access", "a DO block behind another statement",
            code("select 1; do $$ declare n oid; begin n := lo_import('/etc/passwd'); end $$")),
        .attack(
            "server-file-access", "a temporary function that is put in its caller's place",
            ddl(
                "create function pg_temp.f(text) returns text language sql as 'select pg_read_file($1)'", "CREATE FUNCTION",
                "pg_temp_3.f")),
        .attack(
            "server-file-access", "a procedure",
            ddl(
                "create or replace procedure pg_temp.p() language plpgsql as $$ begin perform lo_export(1, '/x'); end $$",
                "CREATE PROCEDURE", "pg_temp_3.p")),
        .benign(
            "server-file-access", "a text in a function's body",
            ddl("create function f() returns text language sql as 'select ''pg_read_file'''", "CREATE FUNCTION", "public.f")),
        .attack(
            "copy-program", "in a function's body",
            ddl(
                "create function f() returns void language plpgsql as $$ begin copy t from program 'id'; end $$",
                "CREATE FUNCTION", "public.f")),
        .attack(
            "audit-off", "an assignment in a DO block",
            code("do $$ declare t text; begin t := set_config('pgaudit.log', 'none', false); end $$")),
        .attack("audit-off", "SET in a DO block", code("do $$ begin set local log_min_messages = panic; end $$")),
        .attack(
            "audit-off", "in a function's body",
            ddl(
                "create function pg_temp.q() returns text language sql as $$ select set_config('pgau' || 'dit.log', 'none', false) $$",
                "CREATE FUNCTION", "pg_temp_3.q")),
        .benign("audit-off", "another setting in a DO block", code("do $$ begin set local work_mem = '1GB'; end $$")),
        .attack(
            "trigger-tampered", "an assignment in a DO block",
            code("do $$ declare t text; begin t := set_config('session_replication_role', 'replica', false); end $$")),
        .attack(
            "replication-use", "an assignment in a DO block",
            code("do $$ declare r record; begin r := pg_create_logical_replication_slot('x', 'test_decoding', true); end $$")),
        .attack("replication-use", "bytes of a slot", read("select * from pg_logical_slot_peek_binary_changes('x', null, null)")),
        .benign("replication-use", "a slot is dropped", read("select pg_drop_replication_slot('x')")),
    ]

    private static func code(_ statement: String) -> Bench.Happening {
        .line(Lines.audit(statement, kind: "FUNCTION", command: "DO"))
    }

    private static let readers: [RuleCase] = [
        .attack("verifier-read", "a view", ddl("create temp view v as table pg_authid", "CREATE VIEW", "pg_temp_3.v")),
        .attack(
            "verifier-read", "a view with another name for the column",
            ddl("create view v as select password_hash as h from everline.users", "CREATE VIEW", "public.v")),
        .attack(
            "verifier-read", "a function",
            ddl(
                "create function pg_temp.r() returns setof text language sql as 'select rolpassword from pg_authid'",
                "CREATE FUNCTION", "pg_temp_3.r")),
        .attack(
            "verifier-read", "other names for all columns",
            read("select d from everline.users as u (a, b, c, d)", by: "bob", source: "OBJECT", object: "everline.users")),
        .attack(
            "verifier-read", "the planner's samples", read("select histogram_bounds from pg_stats where tablename = 'users'")),
        .attack(
            "verifier-read", "the planner's samples as they lie", read("select stavalues1::text from pg_catalog.pg_statistic")),
        .benign(
            "verifier-read", "what the planner knows of widths", read("select avg_width from pg_stats where tablename = 'users'")),
        .attack(
            "verifier-read", "all accounts, by auth's own role and name",
            read(
                "select username, password_hash from everline.users", by: "everline_auth", source: "OBJECT",
                object: "everline.users",
                application: "auth")),
        .benign(
            "verifier-read", "another column of users",
            ddl("alter table everline.users add column x int", "ALTER TABLE", "everline.users")),
        .attack("bulk-export", "rows beside a count", read("select count(*) over (), body from everline.messages")),
        .attack("bulk-export", "a limit that is none", read("select body from everline.messages limit all")),
        .benign("bulk-export", "a count", read("select count(*) as n from everline.messages")),
        .benign("bulk-export", "a few", read("select body from everline.messages limit 5")),
        .attack(
            "mass-delete", "MERGE with all rows",
            .line(
                Lines.audit(
                    "merge into everline.login_log using (select 1) x on (true) when matched then delete", kind: "MISC",
                    command: "???"))),
        .benign(
            "mass-delete", "MERGE with some",
            .line(
                Lines.audit(
                    "merge into notes n using gone g on g.id = n.id when matched then delete", kind: "MISC", command: "???"))),
        .attack("superuser-writes", "a sequence", read("select setval('everline.users_id_seq', 1)")),
        .attack(
            "superuser-writes", "a function of the services",
            .line(
                Lines.audit(
                    "select * from everline.append('x', 1)", kind: "FUNCTION", command: "EXECUTE", type: "FUNCTION",
                    object: "everline.append"))),
        .benign(
            "superuser-writes", "another function",
            .line(Lines.audit("select f()", kind: "FUNCTION", command: "EXECUTE", type: "FUNCTION", object: "public.f"))),
    ]

    /// What the watch sees by.
    private static let foundations: [RuleCase] = [
        .attack(
            "audit-off", "what is counted of a table is reset",
            read("select pg_stat_reset_single_table_counters('everline.messages'::regclass)")),
        .attack("audit-off", "counting rows", role("alter role everline_gateway set track_counts = off", "ALTER ROLE")),
        .attack("audit-off", "counting statements", misc("set compute_query_id = off")),
        .attack("audit-off", "another language", change("setting", "lc_messages", "value=C", "value=de_DE.UTF-8")),
        .attack(
            "audit-off", "a right to switch it off",
            change("parameter right", "pgaudit.log", nil, "acl={postgres=sA/postgres,everline_gateway=s/postgres}")),
        .benign("audit-off", "a right to another setting", change("parameter right", "work_mem", nil, "acl={bob=s/postgres}")),
        .attack(
            "audit-off", "rights taken from the role of object audit",
            role("revoke select on everline.users from everline_audit", "REVOKE"),
            change("relation", "everline.users", "acl={a=arwd/a,everline_audit=r/a}", "acl={a=arwd/a}", in: "everline")),
        .attack("audit-off", "the role of object audit is gone", change("role", "everline_audit", "superuser=f login=f", nil)),
        .benign(
            "audit-off", "more rights for it",
            change("relation", "everline.rooms", "acl={a=arwd/a}", "acl={a=arwd/a,everline_audit=d/a}", in: "everline")),
        .attack("audit-silence", "the watch's session is ended", .line(ended("everline_watch"))),
        .benign(
            "audit-silence", "the postmaster is gone",
            .line(
                Lines.line(
                    "terminating connection due to unexpected postmaster exit", severity: "FATAL", state: "57P01",
                    role: "everline_watch"))),
        .benign("audit-silence", "another session is ended", .line(ended("everline_gateway"))),
        .benign(
            "audit-silence", "the server stops",
            .line(Lines.line("received fast shutdown request", backend: "postmaster")), .line(ended("everline_watch"))),
        .attack(
            "hba-weakened", "from half of everywhere",
            change("hba rule", "x", nil, "type=hostssl address=128.0.0.0 netmask=128.0.0.0 method=scram-sha-256")),
        .attack(
            "hba-weakened", "from half of IPv6",
            change("hba rule", "x", nil, "type=hostssl address=8000:: netmask=8000:: method=scram-sha-256")),
        .benign(
            "hba-weakened", "a private network",
            change("hba rule", "x", nil, "type=hostssl address=fd00:: netmask=ff00:: method=scram-sha-256")),
    ]

    private static func ended(_ role: String) -> String {
        Lines.line("terminating connection due to administrator command", severity: "FATAL", state: "57P01", role: role)
    }

    /// Of services reading has no record; what kinds of statements they run is counted.
    private static let services: [RuleCase] = [
        .attack("bulk-export", "COPY by a service", .countedOf("everline_history", "COPY everline.messages TO STDOUT")),
        .attack("bulk-export", "COPY of a query by a service", .countedOf("everline_history", "copy (table messages) to stdout")),
        .attack("bulk-export", "COPY by a new role", .countedOf("bob", "COPY everline.messages TO STDOUT (FORMAT binary)")),
        .benign("bulk-export", "COPY of a new role's own", .countedOf("bob", "COPY mine TO STDOUT")),
        .attack("server-file-access", "COPY from a path by a new role", .countedOf("bob", "COPY t FROM '/etc/passwd'")),
        .attack(
            "privilege-probing", "a DO block of a service, which hides its errors",
            .countedOf("everline_gateway", "DO $$ begin delete from everline.users; exception when others then null; end $$")),
        .benign("privilege-probing", "a DO block of a new role", .countedOf("bob", "DO $$ begin end $$")),
        .attack(
            "foreign-ddl", "a temporary table of a service",
            .line(
                Lines.audit(
                    "create temp table messages(x int)", object: "pg_temp_3.messages", role: "everline_gateway",
                    application: "message-gateway"))),
    ]
}
