"""The schema, the roles, and what each of them may do."""
import json
import pathlib
import shutil
import subprocess
import time

import pytest

from running import ROOT


def dump(everline):
    """Everything that migrate and roles could change."""
    return everline.sql("SELECT rolname, rolpassword, rolcanlogin, rolsuper, rolreplication FROM pg_authid ORDER BY 1") + everline.sql(
        "SELECT setrole, setconfig FROM pg_db_role_setting ORDER BY 1") + everline.sql("SELECT datname, datdba, datacl FROM pg_database ORDER BY 1") + everline.sql(
        "SELECT number, name, checksum, applied_at FROM everline.migrations ORDER BY 1") + everline.sql(
        "SELECT oid, relname, relacl FROM pg_class WHERE relnamespace = 'everline'::regnamespace ORDER BY 1")


def test_twice_changes_nothing(everline):
    before = dump(everline)
    assert everline.run("db-guardian", "roles").stdout == "nothing to change\n"
    assert json.loads(everline.run("db-guardian", "roles", "--json").stdout) == {"changes": []}
    assert "up to date" in everline.run("db-guardian", "migrate").stdout
    assert json.loads(everline.run("db-guardian", "migrate", "--json").stdout) == {"applied": []}
    assert dump(everline) == before


def test_several_at_once(everline):
    both = [
        subprocess.Popen([str(ROOT / ".build/release/db-guardian"), "migrate"], env=everline.environment, cwd=ROOT) for _ in range(3)]
    assert [one.wait(120) for one in both] == [0, 0, 0]


def test_changed_and_missing_files_are_refused_by_name(everline, tmp_path):
    source = ROOT / "Services/DBGuardian/Migrations"

    def migrate(change):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        shutil.copytree(source, folder)
        change(folder)
        return everline.run("db-guardian", "migrate", "--migrations-root", str(folder), check=False)

    changed = migrate(lambda folder: (folder / "002-rooms.sql").write_text((folder / "002-rooms.sql").read_text() + "\n-- x\n"))
    assert changed.returncode == 1 and "002-rooms.sql was changed" in changed.stderr and "HINT" in changed.stderr
    renamed = migrate(lambda folder: (folder / "002-rooms.sql").rename(folder / "002-other.sql"))
    assert renamed.returncode == 1 and "002-rooms.sql" in renamed.stderr
    newest = sorted(source.glob("*.sql"))[-1].name
    missing = migrate(lambda folder: (folder / newest).unlink())
    assert missing.returncode == 1 and newest in missing.stderr
    hole = migrate(lambda folder: (folder / "003-writing.sql").unlink())
    assert hole.returncode == 1 and "migration 003 is missing" in hole.stderr
    twice = migrate(lambda folder: (folder / "003-again.sql").write_text("SELECT 1;"))
    assert twice.returncode == 1
    after = f"{int(newest[:3]) + 1:03d}-broken.sql"
    broken = migrate(lambda folder: (folder / after).write_text("CREATE TABLE everline.half (x int); SELECT nothing;"))
    assert broken.returncode == 1 and after in broken.stderr
    assert everline.sql("SELECT to_regclass('everline.half') IS NULL") == [["t"]]
    planned = everline.run("db-guardian", "migrate", "--plan")
    assert planned.returncode == 0


@pytest.mark.parametrize("role, statement", [
    ("everline_gateway", "INSERT INTO everline.messages (room_id, seq, sender_id, client_id, body, sent_at) VALUES (1, 1, 1, gen_random_uuid(), 'x', now())"),
    ("everline_gateway", "UPDATE everline.messages SET body = 'x'"), ("everline_gateway", "DELETE FROM everline.messages"),
    ("everline_gateway", "UPDATE everline.room_counters SET last_seq = 0"), ("everline_gateway", "TRUNCATE everline.messages"),
    ("everline_gateway", "SELECT password_hash FROM everline.users"), ("everline_gateway", "SELECT * FROM everline.login_log"),
    ("everline_gateway", "SELECT * FROM everline.sessions"), ("everline_gateway", "CREATE TABLE everline.x (y int)"), ("everline_gateway", "CREATE TABLE public.x (y int)"),
    ("everline_history", "SET default_transaction_read_only = off; INSERT INTO everline.rooms (name, kind, created_by) VALUES ('x', 'public', 1)"),
    ("everline_history", "SELECT password_hash FROM everline.users"), ("everline_history", "SELECT everline.append('', '{}', '{}', '{}', '{}', '{}')"),
    ("everline_history", "SELECT everline.new_epoch('')"), ("everline_auth", "SELECT everline.new_epoch('')"),
    ("everline_history", "BEGIN READ WRITE; UPDATE everline.epoch SET token = 'x'"), ("everline_auth", "UPDATE everline.epoch SET token = 'x'"),
    ("everline_auth", "SELECT * FROM everline.messages"), ("everline_auth", "DELETE FROM everline.users"), ("everline_auth", "UPDATE everline.users SET username = 'x'"),
    ("everline_auth", "DELETE FROM everline.login_log"), ("everline_auth", "UPDATE everline.login_log SET outcome = 'success'"), ("everline_auth", "DROP TABLE everline.sessions"),
    ("everline_guardian", "CREATE ROLE other SUPERUSER"), ("everline_guardian", "COPY everline.users TO PROGRAM 'cat'"),
])
def test_least_privilege(everline, role, statement):
    with pytest.raises(RuntimeError, match="permission denied|must be superuser|must be member|must be owner|cannot execute"):
        everline.sql(statement, role)


def test_no_way_in_without_tls_or_password(everline):
    port = everline.port(7432)
    for conninfo in (
        f"host=127.0.0.1 port={port} dbname=everline user=everline_auth sslmode=disable",
        f"host=127.0.0.1 port={port} dbname=everline user=everline_auth sslmode=require",
        f"host={everline.home}/run port={port} dbname=everline user=everline_auth",
        f"host=127.0.0.1 port={port} dbname=postgres user=everline_auth sslmode=require",
    ):
        done = subprocess.run(["psql", "-XAtw", "-c", "SELECT 1", conninfo], capture_output=True, text=True)
        assert done.returncode == 2, conninfo
    assert everline.sql("SELECT count(*) FROM pg_hba_file_rules WHERE auth_method <> 'scram-sha-256'") == [["0"]]
    assert everline.sql("SHOW shared_preload_libraries") == [["pgaudit, pg_stat_statements"]] and everline.sql("SELECT extname FROM pg_extension WHERE extname = 'pgaudit'")
    assert everline.redis("GET", "everline:session:x", user="history").startswith("NOPERM")
    assert everline.redis("FLUSHALL", user="message-gateway").startswith("NOPERM")


def test_wal_is_archived(everline):
    everline.sql("SELECT pg_switch_wal()")
    end = time.monotonic() + 120
    while everline.sql("SELECT archived_count > 0 AND last_failed_wal IS NULL FROM pg_stat_archiver") != [["t"]]:
        assert time.monotonic() < end, everline.logs()
        time.sleep(0.1)
    system = everline.sql("SELECT system_identifier FROM pg_control_system()")[0][0]
    assert list((everline.home / f"backups/systems/{system}/wal/00000001").glob("0000*"))


def test_config_is_shown_without_secrets(everline):
    for service in ("auth", "message-gateway", "history", "db-guardian"):
        shown = everline.run(service, "config").stdout
        assert "postgres.passwordFile = " in shown and "log.level = info" in shown
        for secret in (everline.home / "secrets").iterdir():
            assert secret.read_text().strip() not in shown
    shown = everline.run("history", "config", "--listen-port", "1234").stdout
    assert "listen.port = 1234" in shown
    assert "log.level = debug" in subprocess.run(
        [str(ROOT / ".build/release/auth"), "config"], env=everline.environment | {"EVERLINE_LOG_LEVEL": "debug"}, capture_output=True, text=True, cwd=ROOT).stdout
    wrong = everline.run("auth", "serve", "--no-such-key", "1", check=False)
    assert wrong.returncode == 64 and "--no-such-key" in wrong.stderr
    wrong = everline.run("auth", "serve", "--listen-port", "many", check=False)
    assert wrong.returncode == 1 and "listen.port" in wrong.stderr


def test_observation(everline):
    import urllib.request
    everline.until_ready()
    for base in (9101, 9102, 9103, 9104):
        for path in ("/healthz", "/readyz", "/metrics"):
            with urllib.request.urlopen(f"http://127.0.0.1:{everline.port(base)}{path}", timeout=30) as answer:
                assert answer.status == 200
