"""What the guardian does by itself."""
import re
import subprocess
import time
import urllib.request

from guarding import Guardian
from running import Everline


def metrics(everline):
    with urllib.request.urlopen(f"http://127.0.0.1:{everline.port(9104)}/metrics", timeout=30) as answer:
        return dict(re.findall(r"^(everline_guardian_\w+) (\S+)$", answer.read().decode(), re.M))


def test_from_nothing_to_proven_and_killed_on_the_way():
    everline = Everline()
    everline.extra = {
        "EVERLINE_SCHEDULE_GRACE": "0", "EVERLINE_SCHEDULE_BASE": "604800", "EVERLINE_SCHEDULE_DUMP": "86400", "EVERLINE_SCHEDULE_DRILL": "604800",
        "EVERLINE_SCHEDULE_PRUNE": "86400", "EVERLINE_SCHEDULE_LEDGER": "3", "EVERLINE_SCHEDULE_RECEIVE": "1",
    }
    guardian = Guardian(everline)
    try:
        everline.start()
        li = everline.user("李白")
        li.result("room.create", room="唐詩")
        for n in range(1, 21):
            li.send("唐詩", f"第 {n} 句")
        # Killed while it works: the next one catches up, and nothing of the first is left over.
        end = time.monotonic() + 120
        while not list((everline.home / "staging").glob("everline-staging-*")) and not list(guardian.repository.glob("systems/*/backups/*")):
            assert time.monotonic() < end, everline.logs()
            time.sleep(0.01)
        everline.kill("db-guardian")
        end = time.monotonic() + 900
        while True:
            listed = guardian.json("backup", "list")
            if {"base", "database"} <= {one["kind"] for one in listed} and any(one["proven"] for one in listed):
                break
            # What failed is tried again after five minutes.
            failures = [line for line in (everline.home / "log/db-guardian.log").read_text(errors="replace").splitlines() if "a job failed" in line]
            assert time.monotonic() < end, (listed, failures)
            time.sleep(0.5)
        # The heart beats, the stream follows it, and so at most a second or so would be lost.
        end = time.monotonic() + 120
        while True:
            status = guardian.json("status", check=None)
            if status["ok"] and status["rpoSeconds"] < 5 and guardian.run("status").returncode == 0:
                break
            assert time.monotonic() < end, (status, everline.logs())
            time.sleep(0.5)
        end = time.monotonic() + 120
        while True:
            found = metrics(everline)
            if {"everline_guardian_newest_proven_backup_age_seconds", "everline_guardian_rpo_seconds", "everline_guardian_rto_seconds",
                    "everline_guardian_archive_lag_segments", "everline_guardian_repository_bytes"} <= set(found):
                break
            assert time.monotonic() < end, found
            time.sleep(0.5)
        assert float(found["everline_guardian_repository_bytes"]) > 100_000
        assert guardian.json("verify")["ok"]
        # The database is lost without warning; hardly anything else is.
        for n in range(21, 41):
            li.send("唐詩", f"第 {n} 句")
        last = guardian.now()
        end = time.monotonic() + 120
        while guardian.json("status", check=None)["window"]["to"] < last:
            assert time.monotonic() < end, everline.logs()
            time.sleep(0.2)
        everline.kill("postgres")
        result = guardian.json("restore", "--to", guardian.place("lost"), "--latest")
        with guardian.start(result) as restored:
            assert restored.sql("SELECT c.last_seq, (SELECT count(*) FROM everline.messages m WHERE m.room_id = r.id) "
                                "FROM everline.room_counters c JOIN everline.rooms r ON r.id = c.room_id WHERE r.name = '唐詩'") == [["40", "40"]]
        everline.stop()
        # Its jobs and its stream have ended with it.
        end = time.monotonic() + 60
        while subprocess.run(["pgrep", "-f", f"pg_receivewal.*{everline.home}"], capture_output=True).returncode == 0:
            assert time.monotonic() < end
            time.sleep(0.1)
    finally:
        guardian.clean()
        everline.remove()
