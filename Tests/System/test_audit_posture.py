"""`audit check` and `audit harden` on a real server."""
import json
import os
import subprocess

import pytest

from guarding import Guardian
from running import Everline

FIELDS = {"item", "cis", "ok", "value", "source", "hint"}
CIS = {"1.4.3", "3.1.2", "3.1.3", "3.1.6", "3.1.14", "3.1.15", "3.1.20", "3.1.21", "3.1.24", "3.1.25", "3.2", "4.3", "4.8", "4.10", "6.2", "6.3", "6.4", "6.5",
       "6.6", "6.7", "6.8", "7.1", "7.2", "7.3", "7.4", "7.5", "8.2"}


@pytest.fixture
def server():
    one = Everline()
    try:
        one.start()
        yield Guardian(one)
    finally:
        one.remove()


def check(guardian):
    done = guardian.run("audit", "check", "--json")
    items = json.loads(done.stdout)
    assert all(set(item) == FIELDS for item in items)
    bad = {item["item"] for item in items if not item["ok"]}
    assert done.returncode == (1 if bad - {"fips"} else 0), (done.returncode, bad)
    return {item["item"]: item for item in items}


def harden(guardian, *arguments, check=0):
    return guardian.json("audit", "harden", *arguments, check=check)


def test_a_local_run_is_well(server):
    items = check(server)
    assert {item["cis"] for item in items.values()} - {None} == CIS
    bad = {name: item for name, item in items.items() if not item["ok"]}
    # Before the first backup and its drill; and nobody's kernel is in FIPS mode by chance.
    assert set(bad) <= {"fips", "base-backups", "backup-tool"}, bad
    assert all(item["hint"] for item in bad.values()) and all(item["hint"] is None for item in items.values() if item["ok"])
    server.json("backup", "base")
    server.json("ledger")
    server.json("drill")
    assert {name for name, item in check(server).items() if not item["ok"]} <= {"fips"}
    shown = server.run("audit", "check", check=0).stdout
    assert "3.1.20" in shown and "accepted (*)" in shown
    # Twice changes nothing.
    assert harden(server)["steps"] == [] and harden(server, "--plan")["steps"] == []
    assert "nothing is missing" in server.run("audit", "harden", check=0).stdout


def test_what_is_weakened_is_named_and_set_again(server):
    sql = server.everline.sql
    data = os.path.realpath(server.everline.home / "postgres")
    for statement in (
            "ALTER SYSTEM SET log_connections = off", "ALTER SYSTEM SET pgaudit.log = 'role'", "ALTER SYSTEM SET log_min_messages = 'panic'", "ALTER SYSTEM SET password_encryption = 'md5'",
            "ALTER ROLE everline_auth SET pgaudit.log = 'none'", "ALTER ROLE postgres SET pgaudit.log = 'ddl, read'", "CREATE DATABASE \"other\"\"s\" TEMPLATE template0", "CREATE ROLE loose LOGIN CREATEROLE PASSWORD 'x'",
            "GRANT pg_read_server_files TO loose", "GRANT CREATE ON SCHEMA public TO PUBLIC", "ALTER SYSTEM SET session_replication_role = 'replica'"):
        sql(statement)
    sql("SET password_encryption = 'md5'; CREATE ROLE weak LOGIN PASSWORD 'x'")
    sql("CREATE FUNCTION public.loose() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'")
    assert "log_connections = off" in check(server)["postmaster-parameters"]["value"]
    sql("SELECT pg_reload_conf()")
    os.chmod(f"{data}/pg_hba.conf", 0o644)
    items = check(server)
    bad = {name: item for name, item in items.items() if not item["ok"]}
    expected = {"log-connections", "backend-parameters", "pgaudit", "log-min-messages", "password-encryption", "audit-overrides", "superuser-audit", "set-user", "password-hashes", "admin-privileges",
                "predefined-roles", "public-schema", "definer-search-path", "superuser-parameters", "file-modes"}
    assert expected <= set(bad), expected - set(bad)
    assert "postgresql.auto.conf" in bad["log-connections"]["source"] and "harden" in bad["log-connections"]["hint"]
    assert "other\"s" in bad["pgaudit"]["value"] and "pgaudit.log = role;" in bad["pgaudit"]["value"] and "everline_auth" in bad["audit-overrides"]["value"] and "weak (md5)" in bad["password-hashes"]["value"]
    assert "loose (CREATEROLE)" in bad["admin-privileges"]["value"] and "pg_hba.conf has 644" in bad["file-modes"]["value"]

    plan = harden(server, "--plan")
    assert not plan["applied"] and {step["outcome"] for step in plan["steps"]} == {"planned"} and sql("SHOW log_connections") == [["off"]]
    # What is added takes nothing away and needs no asking; what somebody chose is left where nobody can be asked.
    done = harden(server, check=1)
    outcomes = {step["what"]: step for step in done["steps"]}
    assert outcomes["log_connections = 'on'"]["outcome"] == "left" and "off" in outcomes["log_connections = 'on'"]["replaces"]
    added = [step for what, step in outcomes.items() if what.startswith("pgaudit.log = ")]
    assert added[0]["outcome"] == "done" and added[0]["replaces"] is None
    assert sql("SHOW log_connections") == [["off"]] and set(sql("SHOW pgaudit.log", "everline_guardian")[0][0].split(", ")) >= {"role", "ddl", "misc_set"}
    assert os.stat(f"{data}/pg_hba.conf").st_mode & 0o777 == 0o640
    assert outcomes['CREATE EXTENSION pgaudit in other"s']["outcome"] == "done"
    done = harden(server, "--yes")
    assert {step["outcome"] for step in done["steps"]} == {"done"} and sql("SHOW log_connections") == [["on"]] and sql("SHOW log_min_messages") == [["warning"]]
    # What harden does not see to is for a person.
    left = {name for name, item in check(server).items() if not item["ok"]}
    assert left <= {"fips", "base-backups", "backup-tool", "audit-overrides", "password-hashes", "admin-privileges", "predefined-roles", "public-schema", "definer-search-path",
                    "superuser-parameters"}, left
    # It is in the journal.
    assert b"log_connections" in (server.repository / "journal/findings.jsonl").read_bytes()


def test_libraries_of_others_stay(server):
    everline = server.everline
    everline.sql("ALTER SYSTEM SET shared_preload_libraries = 'auto_explain'")
    everline.stop()
    # It hardens itself when it starts, which takes effect at the next one.
    everline.start()
    assert everline.sql("SHOW shared_preload_libraries") == [["auto_explain"]]
    items = check(server)
    assert not items["pgaudit"]["ok"] and "shared_preload_libraries waits for a restart" in items["postmaster-parameters"]["value"]
    assert harden(server)["steps"] == []
    everline.stop()
    everline.start()
    assert everline.sql("SHOW shared_preload_libraries") == [["auto_explain, pgaudit"]]
    assert check(server)["pgaudit"]["ok"] and harden(server)["steps"] == []


def test_trust_is_asked_for_line_by_line(server):
    everline = server.everline
    path = os.path.realpath(everline.home / "postgres") + "/pg_hba.conf"
    lines = open(path).read()
    added = '# trust is bad\nhostssl "a trust" postgres 127.0.0.1/32\ttrust # trust\nlocal all everline_auth trust\nhost all all 0.0.0.0/0 reject\n'
    with open(path, "a") as file:
        file.write(added)
    everline.sql("SELECT pg_reload_conf()")
    items = check(server)
    assert not items["hba-trust"]["ok"] and "trust" in items["hba-trust"]["value"] and items["hba-trust"]["source"] == path
    assert [step["outcome"] for step in harden(server, check=1)["steps"]] == ["left", "left"] and open(path).read() == lines + added
    # A person at a terminal says yes to the first and no to the second.
    pty = subprocess.run(
        ["script", "-qec", f"{os.path.abspath('.build/release/db-guardian')} audit harden", "/dev/null"], env=everline.environment, input="y\nn\n", text=True, capture_output=True, timeout=300)
    now = open(path).read()
    assert now == lines + added.replace("\ttrust # trust", "\tscram-sha-256 # trust"), pty.stdout
    harden(server, "--yes")
    assert open(path).read() == lines + added.replace("\ttrust # trust", "\tscram-sha-256 # trust").replace("everline_auth trust", "everline_auth scram-sha-256")
    assert check(server)["hba-trust"]["ok"]
    kept = [name for name in os.listdir(os.path.dirname(path)) if name.startswith("pg_hba.conf.before-")]
    assert kept and open(os.path.dirname(path) + "/" + sorted(kept)[0]).read() == lines + added


def test_nobody_is_locked_out(server):
    path = os.path.realpath(server.everline.home / "postgres") + "/pg_hba.conf"
    with open(path, "a") as file:
        file.write("local all nobodys trust\n")
    server.everline.sql("CREATE ROLE nobodys SUPERUSER LOGIN; SELECT pg_reload_conf()")
    before = open(path).read()
    done = harden(server, "--yes", check=1)
    [step] = [step for step in done["steps"] if "trust" in step["what"]]
    assert step["outcome"] == "failed" and "no password" in step["error"] and open(path).read() == before
    server.everline.sql("ALTER ROLE nobodys PASSWORD '床前明月光'")
    harden(server, "--yes")
    assert open(path).read() == before.replace("nobodys trust", "nobodys scram-sha-256")


def test_who_is_no_superuser_is_told_what_to_do(server):
    less = ["--set", "roles.conninfo="]
    done = server.run("audit", "check", "--json", *less, check=1)
    items = {item["item"]: item for item in json.loads(done.stdout)}
    assert not items["hba-trust"]["ok"] and "roles.conninfo" in items["hba-trust"]["hint"]
    assert "superuser" in server.error("audit", "harden", *less)
    assert "cannot be reached" in server.error("audit", "check", "--set", "roles.conninfo=host=127.0.0.1 port=1 user=postgres")
