"""What somebody does to the database, and that the watch sees it: as a superuser, as a stolen service role, as a new role, and past the audit."""
import os
import subprocess
import threading

import pytest

from running import Everline
from watching import Watch, log_folder


@pytest.fixture(scope="module")
def watched():
    everline = Everline()
    everline.extra = {"EVERLINE_WATCH_CONNINFO": ""}
    try:
        everline.start()
        # serve watches nothing in these tests, so that the alarms of one watch are all there are.
        everline.extra = {}
        watch = Watch(everline)
        try:
            yield everline, watch
        finally:
            watch.stop()
    finally:
        everline.remove()


def psql(everline, statement, role="postgres", database="everline", options=None, application=None):
    """Whatever it answers; several statements run one by one in one session."""
    conninfo = (f"host=127.0.0.1 port={everline.port(7432)} dbname={database} user={role} sslmode=verify-full sslrootcert={everline.ca}"
                + (f" application_name='{application}'" if application else ""))
    secret = everline.home / f"secrets/postgres-{role}"
    password = secret.read_text().strip() if secret.exists() else "secret"
    return subprocess.run(
        ["psql", "-XAtq", conninfo], input=statement, env=os.environ | {"PGPASSWORD": password} | ({"PGOPTIONS": options} if options else {}),
        capture_output=True, text=True, timeout=300)


# Rule, statement as superuser, what the alarm must say.
STATEMENTS = [
    ("superuser-gain", "CREATE ROLE mallory1; ALTER ROLE mallory1 SUPERUSER", "mallory1"),
    ("superuser-gain", "CREATE ROLE mallory2; ALTER ROLE mallory2 PASSWORD 'geheim' SUPERUSER", "mallory2"),
    ("superuser-gain", "CREATE ROLE mallory3; UPDATE pg_authid SET rolbypassrls = true WHERE rolname = 'mallory3'", "mallory3"),
    ("superuser-gain", "DO $$ BEGIN EXECUTE 'CREATE ROLE mallory4 CREATE' || 'ROLE'; END $$", "mallory4"),
    ("predefined-role", "CREATE ROLE mallory5; GRANT pg_write_server_files TO mallory5", "mallory5"),
    ("over-grant", "GRANT ALL ON everline.rooms TO PUBLIC", None),
    ("over-grant", "DO $$ BEGIN EXECUTE 'GRANT SELECT ON ALL TABLES IN SCHEMA everline TO pub' || 'lic'; END $$", None),
    ("new-login-role", "CREATE USER mallory6 PASSWORD 'geheim'", "mallory6"),
    ("password-change", "ALTER ROLE everline_history PASSWORD 'geheim'", "everline_history"),
    ("copy-program", "COPY (SELECT 1) TO PROGRAM 'cat >/dev/null'", None),
    ("server-file-access", "SELECT length(pg_read_file('/etc/hostname'))", None),
    ("untrusted-code", "LOAD 'auto_explain'", None),
    ("untrusted-code", "CREATE EXTENSION file_fdw", "file_fdw"),
    ("audit-off", "SET pgaudit.role = ''", None),
    ("audit-off", "SELECT set_config('pgaudit.log', 'none', false)", None),
    ("audit-off", "SET pgaudit.log = 'none'", None),
    ("audit-off", "ALTER ROLE everline_gateway SET pgaudit.log = 'none'; ALTER ROLE everline_gateway RESET pgaudit.log", None),
    ("audit-off", "ALTER DATABASE everline SET log_min_messages = panic; ALTER DATABASE everline RESET log_min_messages", None),
    ("unexplained-change", "SET pgaudit.log = 'none'; SET pgaudit.role = ''; CREATE TABLE everline.hidden (x int)", "everline.hidden"),
    ("unexplained-change", "SET log_min_messages = panic; CREATE TABLE everline.hidden2 (x int)", "everline.hidden2"),
    ("audit-silence", "SET log_min_messages = panic; SELECT 1", None),
    ("audit-silence", "DO $$ BEGIN RAISE LOG 'AUDIT: SESSION,1,1,ROLE,ALTER ROLE,,,alter role x,<not logged>'; END $$", None),
    ("foreign-ddl", "CREATE TABLE everline.foreign_one (x int)", "everline.foreign_one"),
    ("mass-drop", "CREATE SCHEMA doomed; DROP SCHEMA doomed CASCADE", None),
    ("ransom-note", "CREATE TABLE a_table (x int); DROP TABLE a_table; CREATE TABLE readme (t text)", "public.readme"),
    ("mass-delete", "DELETE FROM everline.login_log", None),
    ("superuser-writes", "UPDATE everline.rooms SET title = 'x' WHERE name = '無'", None),
    ("bulk-export", "COPY everline.users TO STDOUT", None),
    ("verifier-read", "SELECT password_hash FROM everline.users WHERE id = 1", None),
    ("verifier-read", "SELECT count(rolpassword) FROM pg_authid", None),
    ("replication-use", "SELECT pg_create_physical_replication_slot('evil')", None),
    ("replication-use", "CREATE PUBLICATION evil FOR ALL TABLES", None),
    ("policy-weakened", "CREATE TABLE p (x int); CREATE POLICY p ON p; DROP POLICY p ON p", None),
    ("trigger-tampered", "SET session_replication_role = replica", None),
    ("trigger-tampered", "CREATE FUNCTION f() RETURNS int SECURITY DEFINER LANGUAGE sql AS 'SELECT 1'", None),
    ("login-anomaly", "SELECT 1", None),
]


@pytest.mark.parametrize("rule, statement, names", STATEMENTS, ids=[f"{rule} {number}" for number, (rule, _, _) in enumerate(STATEMENTS)])
def test_a_superuser_is_seen(watched, rule, statement, names):
    everline, watch = watched
    seen = len(watch.alarms())
    psql(everline, statement.replace("; ", ";\n") + ";" if not statement.startswith("DO") else statement + ";")
    alarm = watch.sees(rule, lambda alarm: names is None or names in alarm.get("object", "") or names in " ".join(alarm["evidence"]), seen)
    assert alarm["evidence"] and alarm["advice"]
    assert "geheim" not in str(alarm)


def test_a_program_that_the_server_runs_is_seen(watched):
    everline, watch = watched
    seen = len(watch.alarms())
    # It ends when it was seen.
    going = everline.home / "postgres/going-on"
    going.touch()
    running = threading.Thread(target=psql, args=(everline, f"COPY (SELECT 1) TO PROGRAM 'cat >/dev/null; while test -e {os.path.realpath(going)}; do sleep 0.1; done';"))
    running.start()
    try:
        alarm = watch.sees("shell-child", since=seen)
    finally:
        going.unlink()
        running.join()
    assert alarm["evidence"] and alarm["advice"]


def test_a_stolen_service_role_is_seen(watched):
    everline, watch = watched
    seen = len(watch.alarms())
    psql(everline, "SELECT 1;", role="everline_gateway")
    assert watch.sees("login-anomaly", since=seen)["role"] == "everline_gateway"
    # Under the service's own name, it is what it tries that gives it away.
    seen = len(watch.alarms())
    for table in ["sessions", "login_log", "heartbeat"]:
        psql(everline, f"DELETE FROM everline.{table};", role="everline_gateway", application="message-gateway")
    assert watch.sees("privilege-probing", since=seen)["role"] == "everline_gateway"


def test_passwords_tried_out_are_seen(watched):
    everline, watch = watched
    seen = len(watch.alarms())
    for _ in range(6):
        subprocess.run(
            ["psql", "-XAtqc", "SELECT 1", f"host=127.0.0.1 port={everline.port(7432)} dbname=everline user=postgres sslmode=require"],
            env=os.environ | {"PGPASSWORD": "wrong"}, capture_output=True, timeout=300)
    assert watch.sees("brute-force", since=seen)["role"] == "postgres"


def test_options_at_the_start_of_a_session_hide_nothing(watched):
    everline, watch = watched
    seen = len(watch.alarms())
    psql(everline, "CREATE TABLE everline.by_options (x int);", options="-c pgaudit.log=none -c pgaudit.role= -c log_min_messages=panic")
    watch.sees("unexplained-change", lambda alarm: "by_options" in alarm["object"], seen)


def test_another_database_is_no_hiding_place(watched):
    everline, watch = watched
    seen = len(watch.alarms())
    psql(everline, "CREATE DATABASE elsewhere;")
    watch.sees("foreign-ddl", since=seen)
    seen = len(watch.alarms())
    psql(everline, "SET pgaudit.log = 'none';\nCREATE FUNCTION evil() RETURNS int LANGUAGE c STRICT AS '$libdir/pgcrypto', 'pg_digest';", database="elsewhere")
    watch.sees("untrusted-code", lambda alarm: alarm.get("database") == "elsewhere", seen)


def test_a_trigger_that_deletes_later_is_seen_twice(watched):
    everline, watch = watched
    li = everline.user("李白")
    li.result("room.create", room="靜夜思")
    li.send("靜夜思", "床前明月光")
    li.send("靜夜思", "疑是地上霜")
    seen = len(watch.alarms())
    psql(everline, """
        CREATE FUNCTION everline.later() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS
        $$ BEGIN DELETE FROM everline.messages WHERE body = '床前明月光'; RETURN NULL; END $$;
        CREATE TRIGGER later AFTER INSERT ON everline.login_log EXECUTE FUNCTION everline.later();""")
    watch.sees("trigger-tampered", since=seen)
    seen = len(watch.alarms())
    everline.user("杜甫")
    alarm = watch.sees("mass-delete", lambda alarm: alarm["object"] == "everline.messages", seen)
    assert alarm["destroyed"]
    watch.sees("sequence-gap", since=seen)
    psql(everline, "DROP TRIGGER later ON everline.login_log; DROP FUNCTION everline.later;")


def test_a_counter_that_falls_is_seen(watched):
    everline, watch = watched
    seen = len(watch.alarms())
    psql(everline, "UPDATE everline.room_counters SET last_seq = last_seq - 1 WHERE last_seq > 0;")
    watch.sees("numbers-backwards", since=seen)


def test_a_log_file_that_is_emptied_changed_or_removed_is_seen(watched):
    everline, watch = watched

    def newest():
        return max(log_folder(everline).glob("*.json"), key=lambda file: (file.stat().st_mtime, file.name))

    for tamper in [lambda file: os.truncate(file, 100), lambda file: file.unlink()]:
        seen = len(watch.alarms())
        file = newest()
        tamper(file)
        watch.sees("audit-silence", lambda alarm: file.name in str(alarm["evidence"]), seen)
        watch.rotates()
        # And it hears again.
        seen = len(watch.alarms())
        psql(everline, "CREATE ROLE after_tampering;\nDROP ROLE after_tampering;")
        watch.sees("foreign-ddl", lambda alarm: "after_tampering" in alarm["statement"], seen)


def test_settings_of_the_server_are_seen(watched):
    everline, watch = watched
    seen = len(watch.alarms())
    psql(everline, "ALTER SYSTEM SET pgaudit.log = 'none';\nSELECT pg_reload_conf();")
    watch.sees("audit-off", lambda alarm: alarm.get("object") == "pgaudit.log", seen)
    psql(everline, "ALTER SYSTEM RESET pgaudit.log;\nSELECT pg_reload_conf();")
    seen = watch.settles()
    hba = everline.home / "postgres/pg_hba.conf"
    before = hba.read_text()
    hba.write_text(before + "host all all 0.0.0.0/0 trust\n")
    psql(everline, "SELECT pg_reload_conf();")
    watch.sees("hba-weakened", since=seen)
    hba.write_text(before)
    psql(everline, "SELECT pg_reload_conf();")


def test_a_dropped_extension_is_seen(watched):
    everline, watch = watched
    seen = len(watch.alarms())
    psql(everline, "DROP EXTENSION pgaudit;")
    watch.sees("audit-off", since=seen)
    psql(everline, "CREATE EXTENSION pgaudit;")


def test_a_watch_that_is_kept_from_looking_says_so(watched):
    everline, watch = watched
    for blind, again in [
        ("REVOKE EXECUTE ON FUNCTION everline_watch.read_log FROM everline_watch", "GRANT EXECUTE ON FUNCTION everline_watch.read_log TO everline_watch"),
        ("ALTER SCHEMA everline_watch RENAME TO away", "ALTER SCHEMA away RENAME TO everline_watch"),
    ]:
        seen = len(watch.alarms())
        psql(everline, f"SET pgaudit.log = 'none';\n{blind};")
        watch.sees("audit-silence", lambda alarm: alarm["object"] == "watch", seen)
        psql(everline, f"{again};")
        watch.settles()


def test_a_new_role_is_seen_at_each_step(watched):
    everline, watch = watched
    seen = len(watch.alarms())
    hba = everline.home / "postgres/pg_hba.conf"
    before = hba.read_text()
    hba.write_text(before + "hostssl everline newcomer 127.0.0.1/32 scram-sha-256\n")
    psql(everline, "CREATE ROLE newcomer LOGIN PASSWORD 'secret';\nGRANT USAGE ON SCHEMA everline TO newcomer;\n"
                   "GRANT CONNECT ON DATABASE everline TO newcomer;\nGRANT SELECT ON everline.users TO newcomer;\nSELECT pg_reload_conf();")
    watch.sees("new-login-role", lambda alarm: alarm["object"] == "newcomer", seen)
    watch.sees("unexplained-change", lambda alarm: "newcomer" in alarm["object"], seen)
    seen = len(watch.alarms())
    for _ in range(3):
        psql(everline, "SELECT password_hash FROM everline.users;\nDELETE FROM everline.users;", role="newcomer")
    assert watch.sees("verifier-read", since=seen)["role"] == "newcomer"
    assert watch.sees("privilege-probing", since=seen)["role"] == "newcomer"
    hba.write_text(before)
    psql(everline, "SELECT pg_reload_conf();")
