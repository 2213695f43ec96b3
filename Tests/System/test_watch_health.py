"""What threatens the server without a statement that says so, and what the watch itself must live through: each provoked on a real server."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time

import pytest

from guarding import Guardian, flip
from psql import Psql
from running import Everline
from watching import Watch

THRESHOLDS = ("slot-bloat.idle=80000000, archive-stall.failures=2, drill-overdue.days=0, backup-shape.known=1, backup-shape.larger=1.2, "
              "login-anomaly.learn=0.0006")
WITH_THRESHOLDS = ("--set", f"watch.thresholds={THRESHOLDS}")


@pytest.fixture(scope="module")
def guarded():
    everline = Everline()
    everline.extra = {"EVERLINE_WATCH_CONNINFO": ""}
    guardian = Guardian(everline)
    try:
        everline.start()
        everline.extra = {}
        yield everline, guardian
    finally:
        guardian.clean()
        everline.remove()


@pytest.fixture
def watch(guarded):
    watch = Watch(guarded[0], *WITH_THRESHOLDS)
    yield watch
    watch.stop()


def connection(everline, role="postgres", application="psql", by_socket=False):
    place = f"host={os.path.realpath(everline.home / 'run')}" if by_socket else f"host=127.0.0.1 sslmode=verify-full sslrootcert={everline.ca}"
    return f"{place} port={everline.port(7432)} dbname=everline user={role} application_name='{application}'"


def psql(everline, statement, role="postgres", password=None, **how):
    secret = everline.home / f"secrets/postgres-{role}"
    password = password or (secret.read_text().strip() if secret.exists() else "secret")
    return subprocess.run(
        ["psql", "-XAtqc", statement, connection(everline, role, **how)], env=os.environ | {"PGPASSWORD": password}, capture_output=True,
        text=True, timeout=300)


def until_back(everline):
    end = time.monotonic() + 120
    while psql(everline, "SELECT 1").stdout != "1\n":
        assert time.monotonic() < end, everline.logs()
        time.sleep(0.1)
    everline.until_ready()


def test_a_slot_that_nobody_reads_is_seen(guarded, watch):
    everline, guardian = guarded
    # It begins at the last checkpoint.
    everline.sql("CHECKPOINT")
    everline.sql("SELECT pg_create_physical_replication_slot('lagging', true)")
    watch.settles()
    assert watch.alarms("slot-bloat") == []
    for _ in range(6):
        guardian.switch()
    assert watch.sees("slot-bloat")["object"] == "lagging"
    everline.sql("SELECT pg_drop_replication_slot('lagging')")


def test_an_archive_that_stands_still_is_seen(guarded, watch):
    everline, _ = guarded
    psql(everline, "ALTER SYSTEM SET archive_command = 'false'")
    assert watch.sees("untrusted-code")["object"] == "archive_command"
    everline.sql("SELECT pg_reload_conf()")
    everline.sql("SELECT txid_current()")
    everline.sql("SELECT pg_switch_wal()")
    assert "in a row" in str(watch.sees("archive-stall")["evidence"])
    psql(everline, "ALTER SYSTEM RESET archive_command")
    everline.sql("SELECT pg_reload_conf()")


def test_tls_switched_off_is_seen(guarded, watch):
    everline, _ = guarded
    psql(everline, "ALTER SYSTEM SET ssl = off")
    everline.sql("SELECT pg_reload_conf()")
    assert watch.sees("tls-off")["object"] == "ssl"
    psql(everline, "ALTER SYSTEM RESET ssl", by_socket=True)
    assert psql(everline, "SELECT pg_reload_conf()", by_socket=True).returncode == 0
    until_back(everline)


def test_a_crash_and_a_damaged_page_are_seen(guarded, watch):
    everline, _ = guarded
    everline.sql("CREATE TABLE public.damaged AS SELECT n, repeat('床', 100) AS text FROM generate_series(1, 1000) n")
    everline.sql("CHECKPOINT")
    [[file]] = everline.sql("SELECT pg_relation_filepath('public.damaged')")
    session = Psql(everline)
    os.kill(int(session.pid), signal.SIGKILL)
    assert "was terminated by signal 9" in str(watch.sees("crash")["evidence"])
    until_back(everline)
    # Nothing of it is in memory any more.
    flip(pathlib.Path(os.path.realpath(everline.home / "postgres")) / file)
    done = psql(everline, "SELECT count(text) FROM public.damaged")
    assert "invalid page" in done.stderr
    assert watch.sees("corruption")["severity"] == "critical"
    everline.sql("DROP TABLE public.damaged")


def test_backups_out_of_shape_and_unproven_are_seen(guarded):
    everline, guardian = guarded
    guardian.run("backup", "database", check=0)
    watch = Watch(everline, *WITH_THRESHOLDS)
    watch.sees("drill-overdue")
    assert watch.alarms("backup-shape") == []
    watch.stop()
    everline.sql("CREATE TABLE public.swollen AS SELECT sha512(n::text::bytea) FROM generate_series(1, 20000) n")
    everline.sql("ALTER TABLE public.swollen OWNER TO everline_guardian")
    guardian.run("backup", "database", check=0)
    watch = Watch(everline, *WITH_THRESHOLDS)
    assert "bytes" in str(watch.sees("backup-shape")["evidence"])
    watch.stop()
    everline.sql("DROP TABLE public.swollen")


def test_passwords_of_an_account_tried_out_are_seen(guarded, watch):
    everline, _ = guarded
    everline.user("王維")
    line = everline.line()
    for n in range(3):
        line.call("auth.login", username="王維", password=f"不對的密碼{n}")
    watch.settles()
    assert watch.alarms("brute-force") == []
    for n in range(12):
        line.call("auth.login", username="王維", password=f"又不對的密碼{n}")
    alarm = watch.sees("brute-force", lambda alarm: "account" in alarm["object"])
    assert "login_log" in str(alarm["evidence"]) and "密碼" not in str(alarm)


def test_passwords_tried_out_before_and_after_a_restart_are_counted_together(guarded):
    everline, _ = guarded
    # From another address than the other tests' failures.
    for count in (3, 2):
        watch = Watch(everline)
        for _ in range(count):
            psql(everline, "SELECT 1", role="everline_history", password="wrong")
        if count == 3:
            watch.settles()
            assert not [one for one in watch.alarms("brute-force") if one.get("role") == "everline_history"]
            watch.stop()
    watch.sees("brute-force", lambda alarm: alarm.get("role") == "everline_history")
    watch.stop()


def test_what_a_role_usually_does_is_learned_shown_and_forgotten(guarded):
    everline, guardian = guarded
    hba = everline.home / "postgres/pg_hba.conf"
    before = hba.read_text()
    hba.write_text(before + "hostssl everline report 127.0.0.1/32 scram-sha-256\n")
    everline.sql("CREATE ROLE report LOGIN PASSWORD 'secret'")
    everline.sql("GRANT CONNECT ON DATABASE everline TO report")
    everline.sql("SELECT pg_reload_conf()")
    watch = Watch(everline, *WITH_THRESHOLDS)
    mine = lambda: [one for one in watch.alarms("login-anomaly") if one.get("role") == "report"]  # noqa: E731
    psql(everline, "SELECT 1", role="report", application="nightly")
    watch.settles()
    assert mine() == []
    # What is learned is learned for two seconds; then it is told, once.
    time.sleep(2.5)
    for application in ("nightly", "strange", "strange"):
        psql(everline, "SELECT 1", role="report", application=application)
    alarm = watch.sees("login-anomaly", lambda alarm: alarm.get("role") == "report")
    assert alarm["object"] == "application strange"
    watch.settles()
    assert len(mine()) == 1
    watch.stop()
    assert guardian.json("audit", "baselines")["report"]["applications"] == ["nightly", "strange"]
    guardian.run("audit", "baselines", "--reset", "--role", "report", check=0)
    assert "report" not in guardian.json("audit", "baselines")
    hba.write_text(before)
    everline.sql("DROP OWNED BY report")
    everline.sql("DROP ROLE report")
    everline.sql("SELECT pg_reload_conf()")


def test_a_name_that_the_guardian_uses_excuses_nobody(guarded, watch):
    everline, _ = guarded
    serving = "SELECT application_name FROM pg_stat_activity WHERE application_name LIKE 'db-guardian serve %' LIMIT 1"
    [name] = watch.until(lambda: everline.sql(serving))[0]
    seen = len(watch.alarms())
    psql(everline, "CREATE TABLE everline.borrowed (x int)", role="everline_guardian", application=name)
    psql(everline, "CREATE ROLE borrower SUPERUSER", application=name)
    watch.sees("foreign-ddl", lambda alarm: "borrowed" in str(alarm.get("object")), seen)
    watch.sees("superuser-gain", lambda alarm: alarm["object"] == "borrower", seen)
    seen = len(watch.alarms())
    psql(everline, "SELECT 1", role="everline_guardian", application="db-guardian migrate 6b0615d0.8c1f0a5be2d34477")
    watch.sees("login-anomaly", lambda alarm: alarm["role"] == "everline_guardian", seen)
    everline.sql("DROP ROLE borrower")
    everline.sql("DROP TABLE everline.borrowed")


def test_a_watch_whose_memory_is_damaged_says_so_and_goes_on(guarded):
    everline, guardian = guarded
    Watch(everline).stop()
    state = guardian.repository / "watch" / guardian.system / "state.json"
    flip(state)
    watch = Watch(everline)
    seen = watch.sees("audit-silence", lambda alarm: "damaged" in str(alarm["evidence"]))
    assert "state.json" in seen["object"]
    watch.settles()
    watch.stop()


def audited(table, time_, number, statement=None):
    """A line as jsonlog writes it: without a space between members."""
    return json.dumps({
        "timestamp": time_, "user": "postgres", "dbname": "everline", "pid": 4242, "remote_host": "127.0.0.1", "session_id": "6b000000.1092",
        "line_num": number, "ps": "x", "session_start": "2026-01-01 00:00:00 UTC", "error_severity": "LOG",
        "message": f"AUDIT: SESSION,{number},1,DDL,CREATE TABLE,TABLE,public.{table},{statement or f'create table {table}()'},<not logged>",
        "application_name": "psql", "backend_type": "client backend"}, ensure_ascii=False, separators=(",", ":"))


def test_a_clock_set_back_half_lines_and_bad_bytes_hide_nothing(guarded):
    everline, guardian = guarded
    folder = guardian.place("log")
    folder.mkdir()
    first = folder / "a.json"
    first.write_text(audited("past", "2026-11-25 00:00:00.000 UTC", 1) + "\n")
    # As a watch that has never been.
    shutil.rmtree(guardian.repository / "watch" / guardian.system, ignore_errors=True)
    watch = Watch(everline, "--set", f"watch.logFolder={folder}")

    def sees(table):
        watch.sees("foreign-ddl", lambda alarm: alarm.get("object") == f"public.{table}")

    with open(first, "ab") as log:
        # A year back.
        log.write((audited("earlier", "2025-11-25 00:00:00.000 UTC", 2) + "\n").encode())
        log.flush()
        sees("earlier")
        whole = (audited("half", "2025-11-25 00:00:01.000 UTC", 3) + "\n").encode()
        log.write(whole[:100])
        log.flush()
        (folder / "b.json").write_text(audited("rotated", "2025-11-25 00:00:02.000 UTC", 4) + "\n")
        sees("rotated")
        log.write(whole[100:])
        log.flush()
        sees("half")
        log.write(audited("bytes", "2025-11-25 00:00:03.000 UTC", 5, "create table bytes() /* ? */").encode().replace(b"?", b"\xff\xfe\xc3") + b"\n")
        log.write((audited("big", "2025-11-25 00:00:04.000 UTC", 6, "create table big() /* " + "床" * 3_500_000 + " */") + "\n").encode())
        log.write((audited("last", "2025-11-25 00:00:05.000 UTC", 7) + "\n").encode())
    for table in ("bytes", "big", "last"):
        sees(table)
    tables = [one.get("object") for one in watch.alarms("foreign-ddl")]
    assert "public.past" not in tables
    for table in ("earlier", "half", "rotated", "bytes", "big", "last"):
        assert tables.count(f"public.{table}") == 1, tables
    watch.stop()
