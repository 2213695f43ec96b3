"""Backups, ledgers, drills and restores, as they should go."""
import difflib
import json
import os
import pathlib
import threading
import subprocess
import time
import urllib.request
import uuid

import pytest

from client import Line
from guarding import Guardian, says_of_rooms
from running import Everline


@pytest.fixture(scope="module")
def backed_up():
    """An Everline with two base backups, ledgers, dumps, and some chat between them; for tests that only look."""
    one = Everline()
    try:
        one.start()
        guardian = Guardian(one)
        li = one.user("李白")
        for room in ("唐詩", "宋詞"):
            li.result("room.create", room=room)
        for n in range(1, 31):
            li.send("唐詩", f"第 {n} 句")
        guardian.first = guardian.json("backup", "base")
        for n in range(31, 61):
            li.send("唐詩", f"第 {n} 句")
        li.result("message.edit", room="唐詩", epoch=li.result("room.open", room="唐詩")["epoch"], seq=3, clientId=str(uuid.uuid4()), body="改過的一句")
        guardian.between = guardian.json("ledger")
        for n in range(1, 11):
            li.send("宋詞", f"第 {n} 闋")
        # What the indexer writes later is in the one backup and not in the other.
        one.until_indexed()
        guardian.second = guardian.json("backup", "base")
        guardian.database = guardian.json("backup", "database")
        guardian.cluster = guardian.json("backup", "cluster")
        guardian.switch()
        yield guardian
        guardian.clean()
    finally:
        one.remove()


def generation(guardian):
    """Of the epoch that the running database has; a restored one has a greater."""
    return int(guardian.everline.sql("SELECT generation FROM everline.epoch")[0][0])


def test_list_show_and_verify(backed_up):
    guardian = backed_up
    listed = guardian.json("backup", "list")
    assert [one["kind"] for one in listed] == ["base", "base", "database", "cluster"]
    for one in listed:
        assert set(one) >= {"id", "kind", "startedAt", "finishedAt", "bytes", "verified", "proven"}
        assert one["verified"] is True and one["bytes"] > 0 and one["startedAt"] < one["finishedAt"]
        shown = guardian.json("backup", "show", one["id"])
        assert any("PostgreSQL 15" in need for need in shown["needs"]) and any("key" in need for need in shown["needs"])
    assert guardian.json("verify") == {"ok": True, "problems": []} == guardian.json("backup", "verify")
    assert "no backup nothing" in guardian.error("backup", "show", "nothing")
    assert "no backup nothing" in guardian.error("backup", "verify", "nothing")


def test_nothing_lies_open(backed_up):
    guardian = backed_up
    secrets = [path.read_text().strip().encode() for path in (guardian.everline.home / "secrets").iterdir()]
    for path in guardian.files():
        data = path.read_bytes()
        assert "第 7 句".encode() not in data and "改過".encode() not in data and b"SCRAM-SHA" not in data, path
        assert not any(secret in data for secret in secrets), path
    for path in guardian.repository.rglob("*"):
        mode = path.stat().st_mode & 0o777
        assert mode == (0o700 if path.is_dir() else 0o600), (path, oct(mode))
        assert path.owner() == guardian.repository.owner(), path
    # Nor does anything lie where it was staged.
    assert list((guardian.everline.home / "staging").iterdir()) == []


def test_every_verb_explains_itself(backed_up):
    verbs = ["repository create", "repository allow", "key check", "key rotate", "backup base", "backup database", "backup cluster", "backup list",
             "backup show", "backup verify", "backup prune", "backup rebuild", "verify", "wal push", "wal fetch", "wal receive", "wal status",
             "restore", "pitr windows", "drill", "ledger", "status"]
    for verb in verbs:
        shown = backed_up.run(*verb.split(), "--help", check=0).stdout
        assert "xample: " in shown and "Exit codes: " in shown, verb
        assert verb.split()[-1] in shown, verb
    for wrong in (["restore"], ["restore", "--to", "/x", "--latest", "--at", "2026-01-01T00:00:00Z"], ["backup", "show"], ["backup", "base", "--no-such"]):
        assert backed_up.run(*wrong).returncode == 64, wrong


def test_restore_to_each_kind_of_target(backed_up):
    guardian = backed_up
    everline = guardian.everline
    now = says_of_rooms(everline)
    place = guardian.place("target")
    result = guardian.json("restore", "--to", place)
    assert result["target"] == "latest" and result["backup"] == guardian.second["id"] and result["lost"] == []
    with guardian.start(result) as restored:
        assert says_of_rooms(restored) == now
        assert restored.sql("SELECT rolname, rolpassword FROM pg_authid ORDER BY 1") == everline.sql("SELECT rolname, rolpassword FROM pg_authid ORDER BY 1")
        assert restored.sql("SELECT 1", role="everline_guardian") == [["1"]]
    for arguments, tang, song in (
            (["--backup", guardian.first["id"]], 30, 0), (["--name", guardian.between["id"]], 60, 0),
            (["--backup", guardian.second["id"]], 60, 10)):
        place = guardian.place("target")
        result = guardian.json("restore", "--to", place, *arguments)
        expected = [] if song else [{"room": "宋詞", "from": 1, "to": 10}]
        if tang < 60:
            expected = [{"room": "唐詩", "from": 31, "to": 60}] + expected
        assert result["lost"] == expected and result["target"] == arguments[1]
        with guardian.start(result) as restored:
            assert {name: (int(last), int(count)) for name, last, count, *_ in says_of_rooms(restored)} == {"唐詩": (tang, tang), "宋詞": (song, song)}
            assert int(restored.sql("SELECT generation FROM everline.epoch")[0][0]) > generation(guardian)


def test_a_time_in_another_zone(backed_up):
    guardian = backed_up
    [window] = guardian.json("pitr", "windows")
    there = window["to"]
    # The same moment as people in Taipei, India and New York write it.
    [[taipei, india, york]] = guardian.everline.sql(
        f"SELECT to_char(timestamptz '{there}' AT TIME ZONE interval '8 hours', 'YYYY-MM-DD HH24:MI:SS.MS') || '+08', "
        f"to_char(timestamptz '{there}' AT TIME ZONE interval '5:30', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS') || '+05:30', "
        f"to_char(timestamptz '{there}' AT TIME ZONE interval '-4 hours', 'YYYY-MM-DD HH24:MI:SS.MS') || '-0400'")
    plans = [guardian.json("restore", "--to", guardian.place("zone"), "--plan", "--at", text) for text in (there, taipei, india, york)]
    assert len({json.dumps(plan, sort_keys=True) for plan in plans}) == 1
    said = guardian.error("restore", "--to", guardian.place("zone"), "--at", there[:-1].replace("T", " "))
    assert "time zone" in said
    assert "is no time" in guardian.error("restore", "--to", guardian.place("zone"), "--at", "yesterday+08")


def test_dumps_restore(backed_up):
    guardian = backed_up
    now = says_of_rooms(guardian.everline)
    for dump, passwords in ((guardian.database, 0), (guardian.cluster, 7)):
        place = guardian.place("dump")
        result = guardian.json("restore", "--to", place, "--backup", dump["id"])
        conf = (place / "pg_hba.conf").read_text()
        assert "trust" not in [line.split()[-1] for line in conf.splitlines() if line and not line.startswith("#")]
        found = guardian.run("restore", "--to", guardian.place("dump"), "--backup", dump["id"], "--database", "everline", "--json", check=0)
        assert json.loads(found.stdout)["backup"] == dump["id"]
        # A new cluster has no TLS and lets in only by its socket and by password.
        with guardian.start(json.loads(found.stdout)) as restored:
            socket = f"host={restored.directory} port={restored.port} dbname=everline user=postgres"
            query = ("SELECT count(*) FROM everline.messages; SELECT count(*) FROM pg_authid WHERE rolpassword LIKE 'SCRAM%'; "
                     "SELECT generation FROM everline.epoch; SELECT count(*) FROM everline.migrations")
            owner = restored.directory.stat().st_uid
            def become():
                if os.geteuid() == 0:
                    os.setgroups([]), os.setgid(restored.directory.stat().st_gid), os.setuid(owner)
            done = subprocess.run(["psql", "-XAtq", "-c", query, socket], capture_output=True, text=True, preexec_fn=become, cwd="/")
            assert done.returncode == 0, done.stderr
            total = sum(int(last) for _, last, *_ in now)
            counts = done.stdout.split()
            assert counts[0] == str(total) and counts[1] == str(passwords) and int(counts[2]) > generation(guardian), done.stdout


# What a restore changes, and what the watch and the heart write at any time.
CHANGING = ("epoch", "heartbeat", "findings", "findings_journal", "audited_statements")


def everything(guardian, port):
    """As pg_dumpall and pg_dump say it, but for the random token of each dump."""
    environment = os.environ | {"PGPASSWORD": (guardian.everline.home / "secrets/postgres-postgres").read_text().strip()}
    tools = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))[-1]
    conninfo = f"host=127.0.0.1 port={port} user=postgres sslmode=prefer dbname="
    said = [subprocess.run([tools / "pg_dumpall", "--globals-only", "-d", conninfo + "postgres"], env=environment, capture_output=True, text=True, check=True)]
    for database in ("everline", "postgres", "template1"):
        left_out = [f"--exclude-table-data=everline.{table}" for table in CHANGING]
        said.append(subprocess.run([tools / "pg_dump", *left_out, "-d", conninfo + database], env=environment, capture_output=True, text=True, check=True))
    return [line for one in said for line in one.stdout.splitlines() if not line.startswith(("\\restrict", "\\unrestrict"))]


def test_all_of_it_comes_back(backed_up):
    """Every database and role, before and after, by base backup and by dump."""
    guardian = backed_up
    before = everything(guardian, guardian.everline.port(7432))
    assert len(before) > 500 and any("第 60 句" in line for line in before)
    for target in (["--latest"], ["--backup", guardian.cluster["id"]]):
        with guardian.start(guardian.json("restore", "--to", guardian.place("all"), *target)) as restored:
            differences = list(difflib.unified_diff(before, everything(guardian, restored.port), lineterm="", n=1))
            assert not differences, (target, differences[:50])


def test_a_drill_proves_and_retention_keeps_it(backed_up):
    guardian = backed_up
    # Without a proof nothing may go.
    if not any(one["proven"] for one in guardian.json("backup", "list")):
        assert "no base backup is proven" in guardian.error("backup", "prune", "--yes")
    drill = guardian.json("drill")
    assert drill["ok"] is True and drill["differences"] == [] and drill["backup"] == guardian.second["id"]
    assert drill["rooms"] == 2 and drill["messages"] == 70 and drill["rpoSeconds"] >= 0 and drill["rtoSeconds"] > 0
    assert set(drill) >= {"ok", "backup", "target", "rooms", "messages", "rpoSeconds", "rtoSeconds", "differences"}
    assert {one["id"]: one["proven"] for one in guardian.json("backup", "list")}[guardian.second["id"]]
    status = guardian.json("status", check=None)
    assert status["newestProven"] == guardian.second["id"] and status["window"]["from"] < status["window"]["to"]
    assert status["rtoSeconds"] == drill["rtoSeconds"] and status["rpoSeconds"] >= 0 and isinstance(status["problems"], list)
    [plan] = guardian.json("backup", "prune", "--weekly", "1", "--days", "0")
    assert not plan["applied"] and len(guardian.json("backup", "list")) == 4
    assert [one["id"] for one in plan["plan"]["delete"]] == [guardian.first["id"]]


def test_admins_see_it_on_the_wire(backed_up):
    everline = backed_up.everline
    admin = everline.line()
    password = (everline.home / "admin-password").read_text().strip()
    admin.result("auth.login", username="admin", password=password)
    status = admin.result("guardian.status")
    assert isinstance(status["ok"], bool) and status["window"]["from"] and isinstance(status["problems"], list)
    backups = admin.result("guardian.backups")["backups"]
    assert [one["id"] for one in backups] == [one["id"] for one in backed_up.json("backup", "list")]
    assert everline.user("李白").error("guardian.status") == "admin.required"
    assert everline.line().error("guardian.backups") == "session.required"
    certificates = everline.home / "certs"
    direct = Line(
        everline.port(7503), everline.ca, str(certificates / "message-gateway.pem"), str(certificates / "message-gateway.key"), server="db-guardian")
    assert set(direct.result("guardian.status")) == set(status)
    assert direct.result("guardian.backups")["backups"] == backups
    end = time.monotonic() + 120
    wanted = ("everline_guardian_newest_proven_backup_age_seconds", "everline_guardian_rpo_seconds", "everline_guardian_archive_lag_segments",
              "everline_guardian_repository_bytes")
    while True:
        with urllib.request.urlopen(f"http://127.0.0.1:{everline.port(9104)}/metrics", timeout=30) as answer:
            page = answer.read().decode()
        if all(name in page for name in wanted[1:]):
            break
        assert time.monotonic() < end, page
        time.sleep(0.2)


def test_what_comes_while_a_backup_runs(own_guardian):
    """A role, a room and 10,000 messages."""
    guardian = own_guardian
    everline = guardian.everline
    li = everline.user("李白")
    li.result("room.create", room="之前")
    done = {}
    thread = threading.Thread(target=lambda: done.update(base=guardian.json("backup", "base"), database=guardian.json("backup", "database")))
    thread.start()
    everline.sql("CREATE ROLE newcomer LOGIN")
    li.result("room.create", room="其間")
    for start in range(0, 10_000, 50):
        ids = [li.write("message.send", {"room": "其間", "clientId": str(uuid.uuid4()), "body": f"第 {n} 句"}) for n in range(start, start + 50)]
        assert all("result" in li.answer(id) for id in ids)
    thread.join()
    assert done["base"]["verified"] and done["database"]["verified"]
    guardian.json("ledger")
    guardian.switch()
    drill = guardian.json("drill")
    assert drill["ok"] and drill["messages"] == 10_000, drill
    # A moment that has only just passed: the server is asked for its WAL.
    result = guardian.json("restore", "--to", guardian.place("during"), "--at", guardian.now())
    with guardian.start(result) as restored:
        assert says_of_rooms(restored) == says_of_rooms(everline)
        assert restored.sql("SELECT 1 FROM pg_roles WHERE rolname = 'newcomer'") == [["1"]]


def test_a_database_that_is_rightly_empty(own_guardian):
    guardian = own_guardian
    guardian.json("backup", "base")
    drill = guardian.json("drill")
    assert drill["ok"] and drill["messages"] == 0 and drill["rooms"] == 0
    # One that should not be empty is noticed: the ledger says otherwise.
    li = guardian.everline.user("李白")
    li.result("room.create", room="一")
    li.send("一", "句")
    guardian.everline.sql("DELETE FROM everline.messages")
    guardian.json("ledger")
    guardian.switch()
    drill = guardian.json("drill", check=1)
    assert not drill["ok"] and any("should have messages 1 to 1" in one for one in drill["differences"])
    assert guardian.json("status", check=1)["ok"] is False
