"""Whoever is to be told cannot be, or the journal cannot be written, or there are two guardians: the watch goes on, and each thing is found once."""
import json
import os
import signal
import socket
import subprocess
import time

import pytest

from guarding import BINARY, Guardian
from hooked import Hook
from running import Everline

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")


def until(condition, seconds=120, say=lambda: ""):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, say()
        time.sleep(0.1)
    return found


def log(everline):
    # The last line may be half written yet.
    lines = (everline.home / "log/db-guardian.log").read_text(errors="replace").split("\n")[:-1]
    return [entry for line in lines if line.startswith("{") and (entry := json.loads(line))]


def begun(everline, times):
    until(lambda: sum(one.get("message") == "the watch begins" for one in log(everline)) >= times, say=everline.logs)


def found(everline, role):
    """Findings of a role that was made a superuser, as the database has them: how many, and how often each was seen."""
    return everline.sql(f"SELECT id, count FROM everline.findings WHERE rule = 'superuser-gain' AND object = '{role}'")


def attack(everline, role):
    everline.sql(f"CREATE ROLE {role} SUPERUSER")
    return until(lambda: found(everline, role), say=everline.logs)[0][0]


@pytest.fixture
def told():
    """An Everline whose guardian tells by a webhook, where nobody listens yet, and by a program that never ends."""
    everline = Everline()
    # Held without listening, so that it is refused there and nobody else gets it.
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    port = held.getsockname()[1]
    try:
        everline.start()
        begun(everline, 1)
        secret = everline.home / "secrets/webhook"
        secret.write_text("x")
        script = everline.home / "hang"
        script.write_text("#!/bin/sh\nexec sleep 1000\n")
        script.chmod(0o755)
        file = everline.home / "config/db-guardian.json"
        settings = json.loads(file.read_text())
        settings["audit"] |= {"webhookUrl": f"http://127.0.0.1:{port}/", "webhookSecretFile": str(secret), "command": str(script), "commandMinimum": "critical"}
        file.write_text(json.dumps(settings))
        everline.kill("db-guardian")
        begun(everline, 2)
        yield everline, port
    finally:
        held.close()
        everline.remove()


def test_dead_channels_stop_nothing(told):
    everline, port = told
    ids = [attack(everline, "refused")]
    # One that swallows everything and answers nothing.
    with socket.socket() as silent:
        silent.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        silent.bind(("127.0.0.1", port))
        silent.listen(8)
        ids.append(attack(everline, "unanswered"))
        until(lambda: any("did not answer in time" in one.get("error", "") for one in log(everline)), say=everline.logs)
        ids.append(attack(everline, "unanswered_too"))
    with Hook([500] * 2 + [503], port=port) as hook:
        until(lambda: len(hook.seen) >= 2, 120, everline.logs)
        ids.append(attack(everline, "answered"))
        # When it is well again it hears of each; the program that hangs has kept none of them back.
        until(lambda: set(ids) <= {json.loads(body)["id"] for _, _, body in hook.seen[3:]}, 180, everline.logs)
    assert subprocess.run(["pgrep", "-f", str(everline.home / "hang")], capture_output=True).stdout.count(b"\n") <= 2


@root_only
def test_a_full_disk_under_the_journal_stops_nothing(told):
    everline, _ = told
    guardian = Guardian(everline)
    journal = guardian.repository / "journal"
    attack(everline, "before")
    # A small disk takes the folder's place while nobody writes.
    aside = guardian.place("journal")
    everline.kill("db-guardian", signal.SIGSTOP)
    try:
        subprocess.run(["cp", "-a", str(journal), str(aside)], check=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k,mode=700", "tmpfs", str(journal)], check=True)
        subprocess.run(["cp", "-a", f"{aside}/.", str(journal)], check=True)
        with open(journal / "filler", "wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(b"x" * 4096)
            except OSError:
                pass
    finally:
        everline.kill("db-guardian", signal.SIGCONT)
    try:
        ids = [attack(everline, "full_1"), attack(everline, "full_2")]
        until(lambda: any("the journal of findings cannot be written" == one.get("message") for one in log(everline)), say=everline.logs)
        until(lambda: any(one.get("finding") in ids for one in log(everline) if one.get("message") == "finding"), say=everline.logs)
        (journal / "filler").unlink()
        until(lambda: all(one in (journal / "findings.jsonl").read_text() for one in ids), say=everline.logs)
        # Nothing of a half line is left, and what waited is in its place.
        until(lambda: guardian.json("audit", "verify-journal", check=None)["ok"], say=lambda: guardian.run("audit", "verify-journal").stdout)
        after = attack(everline, "after")
        until(lambda: after in (journal / "findings.jsonl").read_text(), say=everline.logs)
    finally:
        everline.kill("db-guardian", signal.SIGSTOP)
        subprocess.run(["umount", "-l", str(journal)], check=True)
        everline.kill("db-guardian")
        guardian.clean()


def test_of_two_guardians_one_watches_and_the_other_takes_over():
    everline = Everline()
    guardian = Guardian(everline)
    second = None
    try:
        everline.start()
        begun(everline, 1)
        with open(f"{everline.folder}/second.log", "wb") as output:
            second = subprocess.Popen(
                [BINARY, "serve", "--listen-port", "0", "--metrics-port", "0"], env=everline.environment, stdout=output, stderr=subprocess.STDOUT)

        def said():
            return open(f"{everline.folder}/second.log").read()
        until(lambda: "another guardian watches" in said(), say=said)
        attack(everline, "first_watches")
        # The one is killed; whichever has it then, what happens meanwhile and after is found, and nothing twice.
        for number in range(3):
            everline.kill("db-guardian")
            attack(everline, f"killed_{number}")
            attack(everline, f"after_{number}")
        # Whoever of the two was first these times: nobody brings the one back until the second has taken over.
        # `make` passes these signals on to nobody, so that they are for its group.
        os.killpg(everline.process.pid, signal.SIGSTOP)
        try:
            everline.kill("db-guardian")
            until(lambda: "the watch begins" in said(), say=said)
        finally:
            os.killpg(everline.process.pid, signal.SIGCONT)
        roles = ["first_watches"] + [f"{what}_{number}" for number in range(3) for what in ("killed", "after")]
        attack(everline, "settled")
        time.sleep(3)
        assert {role: len(found(everline, role)) for role in roles} == {role: 1 for role in roles}
        until(lambda: guardian.json("audit", "verify-journal", check=None)["ok"], say=lambda: guardian.run("audit", "verify-journal").stdout)
        second.send_signal(signal.SIGTERM)
        assert second.wait(120) == 0
        second = None
        attack(everline, "alone_again")
    finally:
        if second:
            second.kill()
            second.wait()
        everline.remove()
