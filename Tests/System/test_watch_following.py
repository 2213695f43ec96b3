"""Nothing is lost and nothing told twice, whoever ends whenever."""
import collections
import json
import re
import signal
import time

from guarding import Guardian
from running import Everline
from watching import Watch, log_folder


def marks(watch):
    """How often the record of each role that was made was told of: what comes at once is told at once, with the place of each record."""
    found = collections.Counter()
    for alarm in watch.alarms("foreign-ddl"):
        for place in alarm["evidence"]:
            name, line = place.rsplit(":", 1)
            record = json.loads((log_folder(watch.everline) / name).read_bytes().split(b"\n")[int(line) - 1])
            if match := re.search(r"CREATE ROLE,,,CREATE ROLE (m\d+)", record["message"]):
                found[match[1]] += 1
    return found


def test_every_record_once_over_restarts_and_rotations():
    everline = Everline()
    everline.extra = {"EVERLINE_WATCH_CONNINFO": ""}
    try:
        everline.start()
        # A log that is written late, as where the machine does something else, is no silence.
        everline.extra = {"EVERLINE_WATCH_THRESHOLDS": "audit-silence.canary=60"}
        watch = Watch(everline)
        made = []

        def make(count):
            names = [f"m{len(made) + n}" for n in range(count)]
            for name in names:
                everline.sql(f"CREATE ROLE {name}")
            made.extend(names)

        make(3)
        watch.until(lambda: set(marks(watch)) >= set(made))
        # It is stopped in good order, and starts again behind where it was.
        assert watch.stop() == 0
        make(3)
        watch.rotates()
        make(2)
        watch = Watch(everline)
        watch.until(lambda: set(marks(watch)) >= set(made))
        # It is killed, with what it has told kept.
        watch.stop(signal.SIGKILL)
        make(2)
        watch = Watch(everline)
        watch.until(lambda: set(marks(watch)) >= set(made))
        # The server is restarted under it.
        started = "SELECT pg_postmaster_start_time()"
        before = everline.sql(started)
        everline.kill("postgres", signal.SIGINT)
        end = time.monotonic() + 120
        while True:
            try:
                if everline.sql(started) != before:
                    break
            except RuntimeError:
                pass
            assert time.monotonic() < end
            time.sleep(0.2)
        make(2)
        watch.until(lambda: set(marks(watch)) >= set(made))
        assert set(marks(watch).values()) == {1}, marks(watch)
        assert watch.alarms("audit-silence") == [] and watch.alarms("unexplained-change") == []
        # A statement of ten megabytes hides nothing behind it.
        seen = len(watch.alarms())
        statement = everline.home / "long.sql"
        statement.write_text("/* " + "床" * 3_500_000 + " */ CREATE TABLE behind_it (x int);")
        everline.run_sql_file(statement)
        watch.sees("foreign-ddl", lambda alarm: alarm["object"] == "public.behind_it", seen)
        watch.stop()
        # With the log's folder at hand it is the same.
        folder = Watch(everline, "--set", f"watch.logFolder={log_folder(everline)}")
        make(1)
        folder.until(lambda: set(marks(folder)) >= set(made))
        assert set(marks(folder).values()) == {1}
        folder.stop()
    finally:
        everline.remove()


def test_two_watches_and_the_baselines():
    everline = Everline()
    guardian = Guardian(everline)
    try:
        everline.start()
        # serve watches; another one looks along and keeps nothing.
        end = time.monotonic() + 120
        while "the watch begins" not in (everline.home / "log/db-guardian.log").read_text(errors="replace"):
            assert time.monotonic() < end, everline.logs()
            time.sleep(0.1)
        watch = Watch(everline)
        everline.sql("CREATE ROLE report LOGIN PASSWORD 'secret'")
        watch.sees("new-login-role")
        guardian.run("audit", "baselines", "--reset", check=75)
        watch.stop()
        # Of those who did nothing of note nothing was learned.
        assert not {"report", "postgres"} & set(guardian.json("audit", "baselines"))
    finally:
        everline.remove()
