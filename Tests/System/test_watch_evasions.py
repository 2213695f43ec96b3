"""Each rule's attack in spellings that are meant to get past it: code in code, names in other letters, catalogues written by hand, services' roles under their own
names. The watch sees each of them for what it is."""
import json
import os
import re
import subprocess

import pytest

from guarding import Guardian
from running import Everline
from watching import Watch


@pytest.fixture(scope="module")
def watched():
    everline = Everline()
    everline.extra = {"EVERLINE_WATCH_CONNINFO": ""}
    try:
        everline.start()
        # serve watches nothing in these tests, so that the alarms of one watch are all there are.
        everline.extra = {}
        li = everline.user("李白")
        li.result("room.create", room="靜夜思")
        for line in ("床前明月光", "疑是地上霜", "舉頭望明月", "低頭思故鄉"):
            li.send("靜夜思", line)
        everline.sql("CREATE TABLE public.guarded (x int); ALTER TABLE public.guarded ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON public.guarded USING (x = 1); "
                     "ALTER TABLE public.guarded OWNER TO everline_guardian")
        everline.sql("; ".join(f"CREATE ROLE m{n}" for n in range(1, 10)))
        watch = Watch(everline)
        try:
            yield everline, watch
        finally:
            watch.stop()
    finally:
        everline.remove()


def psql(everline, statement, role="postgres", application="psql", options=None):
    """Statements run one by one in one session; whatever they answer."""
    conninfo = (f"host=127.0.0.1 port={everline.port(7432)} dbname=everline user={role} sslmode=verify-full sslrootcert={everline.ca} "
                f"application_name='{application}'")
    return subprocess.run(
        ["psql", "-XAtq", conninfo], input=statement,
        env=os.environ | {"PGPASSWORD": (everline.home / f"secrets/postgres-{role}").read_text().strip()} | ({"PGOPTIONS": options} if options else {}),
        capture_output=True, text=True, timeout=300)


def do(body, declare=""):
    return f"DO $_$ {'DECLARE ' + declare + '; ' if declare else ''}BEGIN {body}; END $_$;"


# Rule, what the superuser does, and a word by which the alarm is known to be of that.
ATTACKS = [
    ("superuser-gain", do("EXECUTE format('ALTER ROLE %I WITH %s', 'm1', 'SUPER' || 'USER')"), "m1"),
    ("superuser-gain", "CREATE ROLE n1 IN ROLE postgres;", "n1"),
    ("superuser-gain", "ALTER GROUP postgres ADD USER m2;", "m2"),
    ("superuser-gain", "ALTER ROLE U&\"m\\0033\" BYPASSRLS;", "m3"),
    ("superuser-gain", "WITH x AS (INSERT INTO pg_auth_members SELECT 10, oid, 10, false FROM pg_roles WHERE rolname = 'm4' RETURNING 1) TABLE x;", "m4"),
    ("predefined-role", 'GRANT "pg_execute_server_program", pg_monitor TO m5;', "m5"),
    ("predefined-role", "CREATE ROLE n2 IN GROUP pg_read_all_data;", "n2"),
    ("predefined-role", do("EXECUTE 'GRANT pg_signal' || '_backend TO m6'"), "m6"),
    ("over-grant", "GRANT SELECT ON everline.rooms TO m1, PUBLIC;", "everline.rooms"),
    ("over-grant", "GRANT/**/SELECT (body) ON everline.messages TO m7, PUBLIC;", "everline.messages"),
    ("over-grant", "ALTER DEFAULT PRIVILEGES IN SCHEMA everline GRANT ALL ON TABLES TO m7;", "default privileges"),
    ("over-grant", "UPDATE pg_class SET relacl = relacl || '=r/everline_guardian'::aclitem WHERE oid = 'everline.revisions'::regclass;", "everline.revisions"),
    ("new-login-role", "UPDATE pg_authid SET rolcanlogin = true WHERE rolname = 'm7';", "m7"),
    ("new-login-role", "CREATE ROLE U&\"n\\0033\" WITH/* */LOGIN;", "n3"),
    ("new-login-role", do("EXECUTE 'CREATE US' || 'ER n4'"), "n4"),
    ("password-change", do("EXECUTE 'ALTER ROLE replicator ENCRYPTED PASS' || 'WORD ''geheim'''"), "replicator"),
    ("password-change", "UPDATE pg_authid SET rolpassword = 'md5' || md5('geheim') WHERE rolname = 'everline_watch_not' OR rolname = 'm8';", "m8"),
    ("copy-program", do("EXECUTE format('COPY (SELECT 1) TO %s %L', 'PROGRAM', 'cat >/dev/null')"), "program"),
    ("copy-program", "CREATE TEMP TABLE t (x text);\nCOPY t FROM/*x*/PROGRAM $p$echo$p$;", "program"),
    ("server-file-access", do("t := pg_read_file('PG_VERSION')", "t text"), "'…'"),
    ("server-file-access", "DO LANGUAGE 'plpgsql' $x$ DECLARE t text; BEGIN t := pg_catalog.\"pg_read_file\"('PG_VERSION'); END $x$;", "language"),
    ("server-file-access", "CREATE FUNCTION pg_temp.f(text) RETURNS text LANGUAGE sql AS 'SELECT pg_read_file($1)';\nSELECT pg_temp.f('PG_VERSION');", "pg_temp"),
    ("server-file-access", "SELECT U&\"pg\\005fls_dir\"('.');", "pg_ls_dir"),
    ("server-file-access", "PREPARE p AS SELECT pg_read_binary_file($1);\nEXECUTE p('PG_VERSION');", "pg_read_binary_file"),
    ("server-file-access", "CREATE TEMP TABLE f (x text);\nCOPY f FROM E'/etc/hostn\\x61me';", "hostname"),
    ("untrusted-code", 'CREATE EXTENSION "dblink";', "dblink"),
    ("untrusted-code", "CREATE FUNCTION evil(int) RETURNS int AS '$libdir/pgcrypto', 'pg_digest' LANGUAGE \"c\";", "evil"),
    ("untrusted-code", "ALTER ROLE m1 IN DATABASE everline SET local_preload_libraries = 'evil';", "local_preload_libraries"),
    ("unexplained-change", "UPDATE pg_language SET lanpltrusted = true WHERE lanname = 'c';", "language c"),
    ("audit-off", "BEGIN;\nSET LOCAL pgaudit.log TO 'none';\nCOMMIT;", "pgaudit"),
    ("audit-off", "PREPARE q AS SELECT set_config($1, $2, false);\nEXECUTE q('pgaudit.log', 'none');", "set_config"),
    ("audit-off", "SELECT set_config(name, 'none', false) FROM pg_settings WHERE name ~ 'dit.log$';", "pg_settings"),
    ("audit-off", do("t := set_config('pgaudit.log', 'none', false)", "t text"), "do"),
    ("audit-off", "ALTER ROLE ALL SET log_error_verbosity = 'terse';\nALTER ROLE ALL RESET log_error_verbosity;", "log_error_verbosity"),
    ("audit-off", "ALTER ROLE m1 IN DATABASE everline SET pgaudit.log = 'none';", "m1"),
    ("audit-off", "CREATE FUNCTION pg_temp.q() RETURNS int LANGUAGE sql SET log_min_messages = panic AS 'SELECT 1';", "log_min_messages"),
    ("audit-off", "UPDATE pg_settings SET setting = 'none' WHERE name LIKE 'pgaudit.l_g';", "pg_settings"),
    ("audit-off", "SELECT pg_stat_reset_single_table_counters('everline.messages'::regclass);", "pg_stat_reset_single_table_counters"),
    ("audit-off", "SET compute_query_id = off;", "compute_query_id"),
    ("audit-off", "ALTER ROLE everline_gateway SET track_counts = off;\nALTER ROLE everline_gateway RESET track_counts;", "track_counts"),
    ("audit-off", "GRANT SET ON PARAMETER pgaudit.log TO everline_history;", "parameter right"),
    ("audit-off", "REVOKE SELECT ON everline.users FROM everline_audit;", "relation everline.users"),
    ("audit-off", "GRANT SELECT ON everline.users TO everline_audit;\nSET U&\"!0070gaudit\" UESCAPE '!' . role = '';", "pgaudit.role"),
    ("audit-silence", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'everline_watch';", "the watch's own session"),
    ("foreign-ddl", "COMMENT ON TABLE everline.rooms IS 'x';", "comment"),
    ("foreign-ddl", do("EXECUTE concat('CREATE', ' ', 'TABLE public.from_do (x int)')"), "from_do"),
    ("mass-drop", "CREATE TABLE d1 ();\nCREATE TABLE d2 ();\nCREATE TABLE d3 ();\nDROP TABLE d1, d2, d3;", "d1"),
    ("mass-drop", "DROP OWNED BY m9;", "m9"),
    ("ransom-note", "CREATE TABLE zz ();\nDROP TABLE zz;\nSELECT 'pay' AS t INTO \"README\";", "readme"),
    ("ransom-note", "CREATE SCHEMA your_data_is_with_us_bitcoin;", "bitcoin"),
    ("mass-delete", "DELETE FROM everline.login_log WHERE id = id;", "where id = id"),
    ("mass-delete", "WITH gone AS (DELETE FROM everline.login_log WHERE true RETURNING 1) SELECT count(*) FROM gone;", "gone"),
    ("mass-delete", "MERGE INTO everline.login_log USING (SELECT 1) AS x ON true WHEN MATCHED THEN DELETE;", "merge"),
    ("mass-delete", "UPDATE everline.messages SET body = body WHERE seq IS NOT NULL;", "everline.messages"),
    ("superuser-writes", "SELECT setval(pg_get_serial_sequence('everline.rooms', 'id'), 1000);", "setval"),
    ("superuser-writes", "SELECT * FROM everline.current_epoch();", "current_epoch"),
    ("superuser-writes", "SELECT count(nextval(pg_get_serial_sequence('everline.rooms', 'id'))) FROM generate_series(1, 1000);", "nextval"),
    ("bulk-export", "COPY (SELECT * FROM everline.messages) TO STDOUT;", "to stdout"),
    ("bulk-export", "BEGIN;\nDECLARE c NO SCROLL CURSOR FOR SELECT body FROM everline.messages;\nFETCH ALL FROM c;\nCOMMIT;", "cursor"),
    ("bulk-export", "SELECT length(query_to_xml('SELECT * FROM everline.messages', true, true, '')::text);", "messages"),
    ("bulk-export", "SELECT count(*) OVER (), body FROM everline.messages;", "over"),
    ("bulk-export", "SET search_path = everline;\nTABLE messages;", "table messages"),
    ("verifier-read", "CREATE TEMP VIEW v AS TABLE pg_authid;\nSELECT count(x) FROM (SELECT v AS x FROM v) AS y;", "pg_authid"),
    ("verifier-read", "CREATE FUNCTION pg_temp.r() RETURNS SETOF text LANGUAGE sql AS 'SELECT rolpassword FROM pg_authid';", "pg_temp"),
    ("verifier-read", "SELECT length(d) FROM everline.users AS u (a, b, c, e, d) LIMIT 1;", "everline.users"),
    ("verifier-read", "SELECT histogram_bounds FROM pg_stats WHERE tablename = 'users';", "pg_statistic"),
    ("replication-use", "SELECT pg_create_physical_replication_slot('short', true, true);", "slot"),
    ("replication-use", do("r := pg_create_physical_replication_slot('shorter', true, true)", "r record"), "'…'"),
    ("replication-use", "CREATE SUBSCRIPTION s CONNECTION 'host=x password=geheim' PUBLICATION p WITH (connect = false, slot_name = NONE);", "subscription"),
    ("policy-weakened", "ALTER POLICY own ON public.guarded USING (true);", "guarded"),
    ("policy-weakened", "UPDATE pg_class SET relrowsecurity = false WHERE oid = 'public.guarded'::regclass;", "rowsecurity"),
    ("trigger-tampered", "CREATE RULE r AS ON DELETE TO everline.login_log DO INSTEAD NOTHING;\nDROP RULE r ON everline.login_log;", "rule"),
    ("trigger-tampered", "ALTER TABLE everline.users DISABLE TRIGGER USER;\nALTER TABLE everline.users ENABLE TRIGGER USER;", "disable trigger"),
    ("trigger-tampered", 'SET SESSION "session_replication_role" TO replica;', "session_replication_role"),
    ("trigger-tampered", do("t := set_config('session_replication_role', 'replica', false)", "t text"), "'…'"),
]


@pytest.mark.parametrize("rule, statement, word", ATTACKS, ids=[f"{rule} {number}" for number, (rule, _, _) in enumerate(ATTACKS)])
def test_no_spelling_gets_past(watched, rule, statement, word):
    everline, watch = watched
    seen = len(watch.alarms())
    done = psql(everline, statement)
    assert "syntax error" not in done.stderr, done.stderr
    alarm = watch.sees(rule, lambda alarm: word in json.dumps(alarm, ensure_ascii=False).lower(), seen)
    assert alarm["evidence"] and alarm["advice"] and "geheim" not in str(alarm)


# Role, application as the service itself has it, statement, rule.
STOLEN = [
    ("everline_history", "history", "COPY everline.messages TO STDOUT;", "bulk-export"),
    ("everline_history", "history", "/* page */ COPY (SELECT body FROM everline.messages) TO STDOUT (FORMAT csv);", "bulk-export"),
    ("everline_gateway", "message-gateway", do("DELETE FROM everline.users; EXCEPTION WHEN OTHERS THEN NULL"), "privilege-probing"),
    ("everline_gateway", "message-gateway", "SELECT lo_from_bytea(0, 'smuggled');", "privilege-probing"),
    ("everline_gateway", "message-gateway", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE false;", "privilege-probing"),
    ("everline_gateway", "message-gateway", "SELECT query_to_xml('SELECT body FROM everline.mes' || 'sages', true, false, '');", "privilege-probing"),
    ("everline_history", "history", "BEGIN;\nDECLARE c CURSOR FOR SELECT body FROM everline.messages;\nFETCH ALL FROM c;\nCOMMIT;", "privilege-probing"),
    ("everline_auth", "auth", "SELECT username, password_hash FROM everline.users;", "verifier-read"),
    ("everline_auth", "auth", "SELECT username, password_hash FROM everline.users WHERE id > 0;", "verifier-read"),
    ("everline_auth", "auth", "SELECT v.password_hash FROM everline.users AS u JOIN everline.users AS v ON u.id <= v.id WHERE u.id = 1;", "verifier-read"),
    ("everline_auth", "auth", "UPDATE everline.users SET display_name = display_name WHERE id > 0 RETURNING password_hash;", "verifier-read"),
    ("everline_auth", "auth", "UPDATE everline.sessions SET client = 'x';", "mass-delete"),
]


@pytest.mark.parametrize("role, application, statement, rule", STOLEN, ids=[f"{role} {rule} {number}" for number, (role, _, _, rule) in enumerate(STOLEN)])
def test_a_stolen_role_under_its_services_name_is_seen(watched, role, application, statement, rule):
    everline, watch = watched
    seen = len(watch.alarms())
    psql(everline, statement, role, application)
    assert watch.sees(rule, lambda alarm: alarm.get("role") == role, seen)["severity"] in ("high", "critical")


def test_a_session_that_silences_all_it_can_is_seen_by_what_it_does(watched):
    everline, watch = watched
    seen = len(watch.alarms())
    psql(everline, "CREATE TABLE public.silent (x int);", options="-c pgaudit.log=none -c pgaudit.role= -c log_min_messages=panic -c log_connections=off "
         "-c log_disconnections=off -c pg_stat_statements.track=none -c track_activities=off")
    watch.sees("unexplained-change", lambda alarm: "public.silent" in str(alarm), seen)


@pytest.mark.parametrize("statement, name", [
    ("ALTER TABLE everline.login_log ADD CONSTRAINT quiet CHECK (true);", "constraint everline.login_log.quiet"),
    ("ALTER TABLE everline.login_log ALTER COLUMN outcome SET DEFAULT 'success';", "relation everline.login_log"),
])
def test_what_a_silenced_session_changes_of_a_table_is_named(watched, statement, name):
    everline, watch = watched
    seen = len(watch.alarms())
    psql(everline, statement, options="-c pgaudit.log=none -c pgaudit.role= -c log_min_messages=panic -c pg_stat_statements.track=none")
    watch.sees("unexplained-change", lambda alarm: name in str(alarm), seen)


def test_half_of_everywhere_is_everywhere(watched):
    everline, watch = watched
    hba = everline.home / "postgres/pg_hba.conf"
    before = hba.read_text()
    seen = len(watch.alarms())
    hba.write_text(before + "hostssl all all 0.0.0.0/1 scram-sha-256\nhostssl all all 128.0.0.0/1 scram-sha-256\n")
    watch.sees("hba-weakened", lambda alarm: "128.0.0.0" in str(alarm), seen)
    hba.write_text(before)


@pytest.mark.parametrize("verb", ["roles", "migrate", "backup cluster"])
def test_a_name_of_the_guardians_is_good_for_one_session(watched, verb):
    """Whoever reads it in pg_stat_activity, or in the log, and comes by it within the two minutes is seen all the same."""
    everline, watch = watched
    Guardian(everline).run(*verb.split(), check=0)
    # It is logged a moment later.
    name = watch.until(lambda: re.findall(rf"application_name=(db-guardian {verb} \w+\.\w+\.\w+) ", everline.server_log))[-1]
    role = "everline_guardian" if verb == "migrate" else "postgres"
    seen = len(watch.alarms())
    psql(everline, f"CREATE TABLE public.by_{verb.replace(' ', '_')} (x int);\nDELETE FROM everline.findings;", role, name)
    watch.sees("login-anomaly", lambda alarm: alarm["role"] == role, seen)
    watch.sees("foreign-ddl", lambda alarm: "public.by_" in str(alarm), seen)
