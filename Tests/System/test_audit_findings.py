"""Findings: stored, journalled, asked for, acknowledged, reported, and told."""
import hashlib
import hmac
import json
import os
import pathlib
import socket
import time

import pytest

from guarding import Guardian
from hooked import Hook
from running import Everline

FIELDS = {"id", "rule", "severity", "at", "lastAt", "count", "role", "address", "database", "object", "statement", "evidence", "advice", "acknowledged"}


@pytest.fixture(scope="module")
def watched():
    one = Everline()
    one.extra = {"EVERLINE_AUDIT_ROOM": "ops"}
    try:
        one.start()
        yield Guardian(one)
    finally:
        one.remove()


def until(condition, seconds=120):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return found


def rehearse(guardian, *arguments, check=0, **settings):
    flags = [part for name, value in settings.items() for part in ("--set", f"audit.{name}={value}")]
    return guardian.json("audit", "rehearse", *arguments, *flags, check=check)


def admin(everline):
    line = everline.line()
    line.result("auth.login", username="admin", password=(everline.home / "admin-password").read_text().strip())
    return line


def test_a_finding_is_found_acknowledged_and_reported(watched):
    first = rehearse(watched, "--severity", "high")["finding"]
    second = rehearse(watched, "--severity", "low")["finding"]
    found = watched.json("audit", "findings")
    assert [one["id"] for one in found][-2:] == [first, second]
    assert all(set(one) == FIELDS for one in found)
    one = found[-2]
    assert one["rule"] == "rehearsal" and one["severity"] == "high" and one["count"] == 1 and one["acknowledged"] is False and one["statement"] is None
    assert first in {one["id"] for one in watched.json("audit", "findings", "--severity", "high")}
    assert second not in {one["id"] for one in watched.json("audit", "findings", "--severity", "high")}
    assert watched.json("audit", "findings", "--rule", "mass-drop") == []
    assert watched.json("audit", "findings", "--since", "1h", "--rule", "rehearsal")[-1]["id"] == second
    assert watched.json("audit", "findings", "--since", "2099-01-01 00:00:00+08") == []
    assert watched.run("audit", "findings", check=0).stdout.count("REHEARSAL".lower()) >= 2
    assert "neither a span" in watched.error("audit", "findings", "--since", "yesterday")

    done = watched.json("audit", "ack", first, "--note", "只是演習 password=hunter2", "--by", "杜甫")
    assert [one["id"] for one in done] == [first]
    assert {one["id"]: one["acknowledged"] for one in watched.json("audit", "findings")}[first] is True
    shown = watched.run("audit", "findings", check=0).stdout
    assert "acknowledged by 杜甫" in shown and "只是演習" in shown and "hunter2" not in shown
    assert first not in {one["id"] for one in watched.json("audit", "findings", "--open")}
    assert "no finding nothing" in watched.error("audit", "ack", "nothing", "--note", "x")
    assert watched.run("audit", "ack", first).returncode == 64 and watched.run("audit", "ack", first, "--note", " ").returncode == 64

    report = watched.json("audit", "report", "--since", "24h")
    assert report["occurrences"] >= 2 and {"name": "rehearsal", "count": len(report["findings"])} in report["byRule"]
    assert sum(slot["high"] for slot in report["byTime"]) >= 1
    assert [one for one in report["findings"] if one["id"] == first][0]["acknowledgement"]["by"] == "杜甫"
    page = watched.run("audit", "report", "--format", "html", check=0).stdout
    assert page.startswith("<!doctype html>") and "<svg" in page and first in page and "http" not in page.replace("http-equiv", "")
    assert "rehearsal" in watched.run("audit", "report", check=0).stdout


def test_a_hostile_name_is_a_name_in_a_terminal_and_on_a_page(watched):
    watched.everline.sql('CREATE ROLE "<b>\x1b[2J\n2026-01-01 CRITICAL mine" SUPERUSER')
    until(lambda: any("[2J" in str(one["object"]) for one in watched.json("audit", "findings", "--rule", "superuser-gain")))
    watched.everline.sql('DROP ROLE "<b>\x1b[2J\n2026-01-01 CRITICAL mine"')
    for verb in [("findings",), ("report", "--format", "text"), ("report", "--format", "html")]:
        shown = watched.run("audit", *verb, check=0).stdout
        assert "␛[2J␊2026-01-01 CRITICAL mine" in shown and "\x1b" not in shown and "\n2026-01-01" not in shown
        assert verb[-1] != "html" or "<b>␛" not in shown and "&lt;b&gt;␛" in shown


def test_the_journal_tells_when_the_database_cannot(watched):
    everline = watched.everline
    finding = rehearse(watched)["finding"]
    away = ["--set", "postgres.conninfo=host=127.0.0.1 port=1 dbname=everline user=everline_guardian"]
    asked = watched.run("audit", "findings", "--json", *away, check=0)
    assert finding in {one["id"] for one in json.loads(asked.stdout)} and "from the journal" in asked.stderr
    watched.run("audit", "ack", finding, "--note", "在夜裡", *away, check=0)
    # The running guardian takes it over into the database.
    until(lambda: {one["id"]: one["acknowledged"] for one in watched.json("audit", "findings")}[finding])
    # So it does with all of it after the database was turned back.
    everline.sql("BEGIN; DELETE FROM everline.findings; UPDATE everline.findings_journal SET number = 0, code = ''; COMMIT")
    everline.kill("db-guardian")
    until(lambda: any(one["id"] == finding and one["acknowledged"] for one in watched.json("audit", "findings")))
    assert watched.json("audit", "verify-journal")["ok"]


def test_a_journal_that_was_changed_is_named(own_guardian):
    before = own_guardian.json("audit", "verify-journal")["journals"][0]["entries"]
    for _ in range(3):
        rehearse(own_guardian, "--severity", "low")
    whole = own_guardian.json("audit", "verify-journal")
    assert whole["ok"] and whole["journals"][0]["entries"] == before + 3 and whole["problems"] == []
    journal = own_guardian.repository / "journal/findings.jsonl"
    original = journal.read_bytes()
    *first, one, two, three = original.splitlines(keepends=True)
    for changed, word in (
            ([one, two.replace(b"rehearsal", b"reversal!"), three], "edited"), ([one, three], "missing"), ([two, one, three], "missing"), ([one, two], "end is missing"),
            ([], "end is missing")):
        journal.write_bytes(b"".join(first + changed))
        told = own_guardian.run("audit", "verify-journal", check=1)
        assert word in told.stdout, (word, told.stdout)
        assert own_guardian.json("audit", "verify-journal", check=1)["ok"] is False
        assert "journal" in {one["item"] for one in own_guardian.json("audit", "check", check=1) if not one["ok"]}
    # With its head too: the database knows better.
    assert journal.stat().st_mode & 0o777 == 0o600 and journal.owner() == own_guardian.repository.owner()
    journal.unlink()
    (own_guardian.repository / "journal/head.json").unlink()
    assert "database knows" in own_guardian.run("audit", "verify-journal", check=1).stdout
    journal.write_bytes(original)
    assert not own_guardian.json("audit", "verify-journal", check=1)["ok"]
    # The guardian finds it by itself when it starts.
    journal.write_bytes(b"".join([*first, one, three]))
    own_guardian.everline.kill("db-guardian")
    until(lambda: [one for one in own_guardian.json("audit", "findings", "--rule", "audit-silence") if one["object"] == "journal"])


def acknowledge(watched, line, li, finding):
    wanted = {"id": finding, "note": "演練，看過了"}
    assert li.error("guardian.acknowledge", **wanted) == "admin.required"
    assert watched.everline.line().error("guardian.acknowledge", **wanted) == "session.required"
    for wrong in ({"note": ""}, {"note": " \n"}, {"note": "x" * 1_001}, {"id": ""}, {"id": 7}, {"by": "somebody"}):
        assert line.error("guardian.acknowledge", **(wanted | wrong)) == "invalid_params", wrong
    assert line.error("guardian.acknowledge", id="20260101T000000Z-00000000", note="x") == "finding.not_found"
    assert line.error("internal.guardian.acknowledge", **wanted, by="admin") == "method_not_found"
    done = line.result("guardian.acknowledge", **wanted)["finding"]
    assert done["id"] == finding and done["acknowledged"] is True
    assert done["acknowledgement"].keys() == {"at", "by", "note"}
    [listed] = [one for one in line.result("guardian.findings")["findings"] if one["id"] == finding]
    assert listed == done and finding not in {one["id"] for one in watched.json("audit", "findings", "--open")}
    # Who it was and what they said is in the journal, which still holds.
    entries = [json.loads(entry) for entry in (watched.repository / "journal/findings.jsonl").read_text().splitlines()]
    [entry] = [entry for entry in entries if "演練，看過了" in json.dumps(entry, ensure_ascii=False)]
    assert "admin" in json.dumps(entry) and finding in json.dumps(entry)
    assert watched.json("audit", "verify-journal")["ok"]


def test_admins_see_them_on_the_wire_and_in_the_room(watched):
    everline = watched.everline
    line = admin(everline)
    li = everline.user("李白")
    assert li.error("room.create", room="ops") == "room.exists"
    finding = rehearse(watched, "--severity", "critical")
    assert "room" in finding["told"]
    until(lambda: line.result("guardian.findings")["findings"] == watched.json("audit", "findings"))
    assert [one["id"] for one in line.result("guardian.findings", severity="critical", limit=1)["findings"]] == [finding["finding"]]
    assert line.result("guardian.findings", rule="mass-drop")["findings"] == []
    for wrong in ({"severity": "worst"}, {"limit": 0}, {"limit": 1_000_000}, {"since": "yesterday"}, {"rule": 1}, {"other": 1}):
        assert line.error("guardian.findings", **wrong) == "invalid_params", wrong
    assert li.error("guardian.findings") == "admin.required" and everline.line().error("guardian.findings") == "session.required"
    acknowledge(watched, line, li, finding["finding"])

    room = [one for one in line.result("room.list")["rooms"] if one["room"] == "ops"]
    assert room and room[0]["kind"] == "private"
    assert li.error("room.join", room="ops") in ("room.not_found", "not_allowed", "room.not_allowed", "forbidden", "not.allowed"), li.error("room.join", room="ops")
    line.result("room.open", room="ops")
    second = rehearse(watched, "--severity", "high")["finding"]
    [message] = [one for one in line.posted(1, room="ops")]
    assert second in message["body"] and "rehearsal (high)" in message["body"] and message["senderName"] == "db-guardian"
    # Who becomes an admin is told from the next time on; who is none any more is not.
    everline.run("auth", "users", "make-admin", "李白")
    rehearse(watched)
    assert {one["username"] for one in line.result("room.members", room="ops")["members"]} == {"db:guardian", "admin", "李白"}
    # Nobody logs in as the guardian.
    assert everline.line().error("auth.login", username="db:guardian", password="!") == everline.line().error("auth.login", username="nobody", password="!")


def test_a_webhook_is_signed_and_tried_again(watched, tmp_path):
    certificates = watched.everline.home / "certs"
    secret = tmp_path / "secret"
    secret.write_text("床前明月光\n")
    with Hook([500, 503], certificates / "postgres.pem", certificates / "postgres.key") as hook:
        result = rehearse(
            watched, webhookUrl=f"https://localhost:{hook.port}/hook?x=1", webhookSecretFile=secret, webhookCa=certificates / "ca.pem")
        assert "webhook" in result["told"] and len(hook.seen) == 3
        bodies = [json.loads(body) for _, _, body in hook.seen]
        assert len({body["delivery"] for body in bodies}) == 1 and {body["id"] for body in bodies} == {result["finding"]}
        for path, headers, body in hook.seen:
            assert path == "/hook?x=1" and headers["Content-Type"] == "application/json"
            assert headers["X-Everline-Signature"] == "sha256=" + hmac.new("床前明月光".encode(), body, hashlib.sha256).hexdigest()
            assert set(json.loads(body)) == FIELDS | {"delivery", "sentAt"}
    # Another authority than the one that is trusted.
    with Hook([], certificates / "postgres.pem", certificates / "postgres.key") as hook:
        rehearse(watched, "--wait", "2", check=1, webhookUrl=f"https://localhost:{hook.port}/", webhookSecretFile=secret)
        assert hook.seen == []
    # Without TLS, to this machine.
    with Hook([302, 204]) as hook:
        assert "webhook" in rehearse(watched, webhookUrl=f"http://127.0.0.1:{hook.port}/", webhookSecretFile=secret)["told"]
        assert len(hook.seen) == 2


def test_a_dead_channel_keeps_nothing_from_the_others(watched, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("x")
    output = tmp_path / "told"
    script = tmp_path / "tell"
    script.write_text(f'#!/bin/sh\ncat >"{output}"\nprintf %s "$EVERLINE_RULE $EVERLINE_SEVERITY" >>"{output}"\n')
    script.chmod(0o700)
    # One that swallows everything and answers nothing.
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(1)
        result = rehearse(
            watched, "--wait", "20", check=1, command=script, webhookUrl=f"http://127.0.0.1:{silent.getsockname()[1]}/", webhookSecretFile=secret)
    assert set(result["told"]) == {"room", "command"} and result["untold"] == ["webhook"]
    body, last = output.read_text().rsplit("\n", 1)
    assert json.loads(body)["id"] == result["finding"] and last == "rehearsal critical"
    # A minimum keeps a channel quiet.
    output.unlink()
    assert rehearse(watched, "--severity", "low", command=script, commandMinimum="high", room="none")["told"] == [] and not output.exists()
    # A program that fails is not taken for told.
    assert rehearse(watched, "--wait", "2", check=1, command="/bin/false", room="none")["untold"] == ["command"]


def test_a_serving_guardian_tells_what_was_not_told(own_guardian, tmp_path):
    """The webhook is dead while a finding is made; serve tells it when it comes back."""
    everline = own_guardian.everline
    secret = everline.home / "secrets/webhook"
    secret.write_text("x")
    with Hook([500] * 2) as hook:
        settings = json.loads((everline.home / "config/db-guardian.json").read_text())
        settings["audit"] |= {"webhookUrl": f"http://127.0.0.1:{hook.port}/", "webhookSecretFile": str(secret)}
        (everline.home / "config/db-guardian.json").write_text(json.dumps(settings))
        finding = rehearse(own_guardian, "--wait", "1", check=None)["finding"]
        everline.kill("db-guardian")
        until(lambda: any(json.loads(body)["id"] == finding for _, _, body in hook.seen[2:]))
        until(lambda: everline.sql(f"SELECT 'webhook' = ANY (told) FROM everline.findings WHERE id = '{finding}'") == [["t"]])


def test_every_audit_verb_explains_itself(watched):
    rules = watched.json("audit", "explain")
    assert len(rules) >= 35 and watched.json("audit", "explain", "mass-drop")["id"] == "mass-drop"
    assert "what to do" in watched.run("audit", "explain", "mass-drop", check=0).stdout and "no rule nothing" in watched.error("audit", "explain", "nothing")
    for verb in ("check", "harden", "watch", "findings", "ack", "report", "explain", "baselines", "verify-journal", "rehearse"):
        shown = watched.run("audit", verb, "--help", check=0).stdout
        assert "xample: " in shown and "Exit codes: " in shown and "--json" in shown, verb
    assert "xample: " in watched.run("audit", "--help", check=0).stdout
    for wrong in (["findings", "--severity", "worst"], ["report", "--format", "pdf"], ["ack"], ["rehearse", "--wait", "0"], ["check", "--no-such"]):
        assert watched.run("audit", *wrong).returncode == 64, wrong
