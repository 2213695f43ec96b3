import GuardianService

/// The same deeds in other spellings, and what is spelled alike and is none.
extension RuleCases {
    static let spellings: [RuleCase] = [
        .attack("audit-off", "a name that is put together", read("select set_config('pgau' || 'dit.log', 'none', false)")),
        .attack("audit-off", "a name in hexadecimal", read("select set_config(E'pgaudit\\x2elog', 'none', false)")),
        .attack("audit-off", "a name in two lines", read("select set_config('pgau'\n'dit.log', 'none', false)")),
        .attack("audit-off", "a name with UESCAPE", misc("set U&\"!0070gaudit\" uescape '!' . log = 'none'")),
        .attack("audit-off", "through the view", read("update pg_settings set setting = 'none' where name = 'pgaudit.log'")),
        .attack(
            "audit-off", "through the view, put together",
            read("update pg_settings set setting = 'none' where name = 'pgau'||'dit.log'")),
        .attack(
            "audit-off", "in a DO block",
            .line(Lines.audit("do $$ begin execute 'set pgau'||'dit.log = none'; end $$", kind: "FUNCTION", command: "DO"))),
        .attack("audit-off", "what is counted", .counted("set pg_stat_statements.track = none")),
        .benign("audit-off", "a path set by its name", read("select pg_catalog.set_config('search_path', '', false)")),
        .benign(
            "audit-off", "another setting through the view", read("update pg_settings set setting = '1' where name = 'work_mem'")),
        .benign(
            "audit-off", "a right on set_config",
            role("grant execute on function set_config(text, text, boolean) to bob", "GRANT")),

        .attack("foreign-ddl", "a table called temp", ddl("create table temp(x int)", "CREATE TABLE", "public.temp")),
        .attack(
            "foreign-ddl", "behind a temporary table",
            ddl("create temp table z(x int); create table everline.t(x int)", "CREATE TABLE", "everline.t")),
        .benign(
            "foreign-ddl", "a temporary table without a name of its own",
            ddl("create or replace temp view v as select 1", "CREATE VIEW")),

        .attack("mass-delete", "a column that equals itself", write("delete from everline.login_log where id = id", "DELETE")),
        .attack(
            "mass-delete", "what is true of each row",
            write("update everline.login_log set name = 'x' where id is not null", "UPDATE")),
        .attack(
            "mass-delete", "in a WITH", read("with d as (delete from everline.login_log returning 1) select count(*) from d")),
        .benign(
            "mass-delete", "one condition that is true of each and one that is not",
            write("delete from notes where true and id = 7", "DELETE")),
        .benign("mass-delete", "locks for an update", read("select id from notes for update")),
        .attack(
            "superuser-writes", "in a WITH",
            read("with d as (update everline.rooms set title = 'x' where id = 1 returning 1) select * from d")),
        .attack(
            "superuser-writes", "MERGE",
            .line(
                Lines.audit("merge into everline.rooms r using t on true when matched then delete", kind: "MISC", command: "???"))
        ),
        .attack("superuser-writes", "counted only", .counted("INSERT INTO everline.login_log (name) VALUES ($1)")),
        .attack("bulk-export", "TABLE", read("table everline.messages")),
        .attack("bulk-export", "a condition that is none", read("select body from everline.messages where true")),
        .attack("verifier-read", "a row as a whole", read("select u from everline.users u")),
        .attack("verifier-read", "a row as JSON", read("select to_jsonb(users) from everline.users")),
        .attack("verifier-read", "TABLE", read("table everline.users")),
        .attack("verifier-read", "counted only", .counted("SELECT rolpassword FROM pg_authid")),
        .benign(
            "verifier-read", "names by an alias",
            read("select u.id, u.username from everline.users as u join everline.rooms r on r.id = u.id where u.id = 1")),
        .attack(
            "untrusted-code", "a library for each session",
            role("alter role bob set session_preload_libraries = '/tmp/evil'", "ALTER ROLE")),
        .attack(
            "untrusted-code", "a command of the archiver's, unheard", change("setting", "archive_command", "value=x", "value=y")),
        .benign("untrusted-code", "another setting", ddl("alter system set work_mem = '1GB'", "ALTER SYSTEM")),
        .attack(
            "trigger-tampered", "the path taken from a definer",
            change("function", "everline.f()", "definer=t path=search_path=pg_catalog", "definer=t", in: "everline")),
        .benign(
            "trigger-tampered", "another path",
            change(
                "function", "everline.f()", "definer=t path=search_path=pg_catalog", "definer=t path=search_path=x",
                in: "everline")),
        .attack(
            "trigger-tampered", "in a DO block",
            .line(
                Lines.audit(
                    "do $$ begin execute 'set session_repl'||'ication_role = replica'; end $$", kind: "FUNCTION", command: "DO"))),
        .attack(
            "copy-program", "in a DO block",
            .line(
                Lines.audit("do $$ begin execute 'co'||'py t from pro'||'gram ''id'''; end $$", kind: "FUNCTION", command: "DO"))),
        .attack("tls-off", "weak ciphers", change("setting", "ssl_ciphers", "value=HIGH", "value=ALL:eNULL")),
        .attack(
            "login-anomaly", "the guardian's name without its proof",
            login("everline_guardian", "db-guardian migrate 6b0615d0.8c1f0a5be2d34477")),
        .attack(
            "unexplained-change", "behind a statement with a word like its name",
            ddl("create function f() returns int language c as 'x'", "CREATE FUNCTION", "public.f"),
            change("language", "c", "trusted=f", "trusted=t", in: "everline")),
    ]
}
