"""Every verb of the guardian: what it says of itself, to a person and to a program."""
import json
import os
import pathlib
import pty
import re
import subprocess
import tempfile

import pytest

from guarding import BINARY, Copy


def help_of(*verb):
    done = subprocess.run([BINARY, *verb, "--help"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, (verb, done)
    return done.stdout


def walk(verb=()):
    """Every verb and group that help names, with its help."""
    shown = help_of(*verb)
    found = [(verb, shown)]
    if "SUBCOMMANDS:" in shown:
        names = re.findall(r"^  ([a-z][a-z-]*)(?: \(default\))?(?:  .*)?$", shown.split("SUBCOMMANDS:")[1], re.M)
        for name in names:
            if name != "help":
                found += walk((*verb, name))
    return found


VERBS = walk()
LEAVES = [(verb, shown) for verb, shown in VERBS if "SUBCOMMANDS:" not in shown]


NEEDED = {
    ("repository", "allow"): ["7000000000000000001"], ("backup", "show"): ["nothing"], ("wal", "push"): ["nothing"], ("wal", "fetch"): ["nothing", "nowhere"],
    ("restore",): ["--to", "/nowhere"], ("audit", "ack"): ["20260131T080000Z-1f3a9c02", "--note", "見過了"], ("audit", "explain"): ["mass-drop"],
}


def test_all_of_them_are_found():
    assert len(LEAVES) >= 26 and len(VERBS) >= len(LEAVES) + 6


@pytest.mark.parametrize("verb, shown", VERBS, ids=[" ".join(verb) or "db-guardian" for verb, _ in VERBS])
def test_help(verb, shown):
    """An example that calls it, and its exit codes."""
    example = re.search(r"Example: (.*?)(?:Exit codes|$)", shown, re.S).group(1)
    assert " ".join(("db-guardian", *verb)) in " ".join(example.split()), shown
    codes = " ".join(re.search(r"Exit codes: (.*?)\n\n", shown, re.S).group(1).split())
    assert re.search(r"\b0 ", codes) and re.search(r"\b64 ", codes), codes


@pytest.mark.parametrize("verb, shown", LEAVES, ids=[" ".join(verb) for verb, _ in LEAVES])
def test_json_and_wrong_usage(verb, shown):
    assert "--json" in shown
    for wrong in (["--no-such-option"], ["--config", "/no/such/file"], ["--set", "no.such.key=1"]):
        if wrong[0] == "--set" and "--set" not in shown:
            wrong = ["--no-such-key", "1"]
        done = subprocess.run([BINARY, *verb, *NEEDED.get(verb, []), *wrong], capture_output=True, text=True, timeout=300)
        # An archiver that is called wrongly must not end with a code that restarts it; recovery must not take it for "not there".
        assert done.returncode == {("wal", "push"): 1, ("wal", "fetch"): 200}.get(verb if wrong[0] != "--no-such-option" else None, 64), done
        assert ("/no/such/file" if wrong[0] == "--config" else "no-such-") in done.stderr, done
        assert done.stderr.startswith(("error: ", "db-guardian ")) and "HINT:" in done.stderr, done
        assert done.stdout == "", done


def test_usage_that_is_wrong_in_other_ways():
    for wrong in (["nothing"], ["backup", "nothing"], ["restore"], ["restore", "--to", "/x", "--latest", "--at", "2026-01-01T00:00:00Z"],
                  ["restore", "--to", "/x", "--port", "0"], ["backup", "show"], ["backup", "base", "--compression", "gzip"], ["ledger", "--set", "x"]):
        done = subprocess.run([BINARY, *wrong], capture_output=True, text=True, timeout=300)
        assert done.returncode == 64 and done.stderr.startswith("error: ") and "HINT:" in done.stderr, (wrong, done)


def on_a_terminal(arguments, environment):
    """The exit code, what goes to standard output, and what the terminal got."""
    ours, theirs = pty.openpty()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen([BINARY, *map(str, arguments)], stdout=output, stderr=theirs, env=environment)
        os.close(theirs)
        seen = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:
                break
            if not piece:
                break
            seen += piece
        os.close(ours)
        code = process.wait(120)
        output.seek(0)
        return code, output.read().decode(), seen.decode()


def test_each_prints_for_a_program_and_shows_a_person_how_it_goes_on(kept):
    """All verbs, called as they are meant to; on a terminal those that take a while say what they do."""
    copy = Copy(kept)
    segment = copy.last_wal()[-1].name
    fetched = kept.place("segments")
    fetched.mkdir()
    source = kept.segment(fetched)
    key = kept.place("key")
    key.write_bytes(pathlib.Path(os.path.realpath(kept.everline.home / "guardian") + "/repository.key").read_bytes())
    new = kept.place("new")
    new.mkdir()
    out = kept.place("fetched")
    quick = {("key", "check"), ("key", "rotate"), ("config",), ("backup", "list"), ("backup", "show"), ("repository", "allow"), ("wal", "push"), ("wal", "fetch")}
    calls = {
        ("repository", "create"): ["--repository-paths", new, "--repository-key-file", f"{new}.key"], ("repository", "allow"): ["7000000000000000001"],
        ("backup", "show"): [kept.base["id"]], ("wal", "push"): [source], ("wal", "fetch"): [segment, out],
        ("restore",): ["--to", kept.place("shown"), "--latest"], ("audit", "harden"): ["--plan"], ("audit", "explain"): ["mass-drop"],
    }
    environment = kept.everline.environment
    paths = ["--repository-paths", str(copy.path)]
    for verb, _ in LEAVES:
        # Those go on until they are stopped; a finding is acknowledged where there is one (test_audit_findings).
        if verb in (("serve",), ("wal", "receive"), ("audit", "watch"), ("audit", "ack")):
            continue
        more = calls.get(verb, [])
        flags = [] if verb in (("repository", "create"), ("migrate",), ("roles",), ("config",)) else paths
        if verb == ("repository", "allow"):
            flags = ["--repository-paths", new, "--repository-key-file", f"{new}.key"]
        if verb in (("drill",), ("audit", "verify-journal")):
            # What was made since, the copy has no WAL and no entries of.
            flags = ["--repository-paths", str(kept.repository)]
        if verb == ("key", "rotate"):
            flags += ["--repository-key-file", str(key)]
        code, output, seen = on_a_terminal([*verb, *more, *flags, "--json"], environment)
        assert code in (0, 1) and (code == 0 or verb in (("status",), ("audit", "check"))), (verb, code, output, seen)
        json.loads(output)
        if verb not in quick and verb[0] != "audit":
            assert re.search(r"\r\x1b\[K\w", seen), (verb, seen)
        # Nothing but the answer, and no traces of the line that was written over.
        assert seen == "" or seen.rstrip().endswith("\x1b[K"), (verb, seen)
    pathlib.Path(f"{new}.key").unlink()


def test_config(kept):
    shown = json.loads(kept.run("config", "--json", check=0).stdout)
    assert shown["schedule.drill"] == "0" and shown["log.level"] == "info" and "roles.passwordFile" in shown
