"""The guardian's watch, as an operator sees it: alarms as lines."""
import json
import os
import pathlib
import signal
import subprocess
import time

from guarding import BINARY
from running import ROOT


class Watch:
    """`audit watch --json`; what serve itself sees goes to its log."""

    # How long each alarm was waited for after what it is about, for the summary of a run.
    waits = []

    def __init__(self, everline, *arguments):
        self.everline = everline
        self.lines = pathlib.Path(everline.folder) / "alarms"
        self.said = pathlib.Path(everline.folder) / "watch.log"
        before = self.said.read_text(errors="replace").count("the watch begins") if self.said.exists() else 0
        with open(self.lines, "ab") as output, open(self.said, "ab") as errors:
            self.process = subprocess.Popen(
                [BINARY, "audit", "watch", "--json", *arguments], cwd=ROOT, env=everline.environment, stdout=output, stderr=errors)
        self.until(lambda: self.said.read_text(errors="replace").count("the watch begins") > before or self.process.poll() is not None)
        assert self.process.poll() is None, self.said.read_text(errors="replace")

    def alarms(self, rule=None):
        # The last line may be half written yet.
        found = [json.loads(line) for line in self.lines.read_bytes().split(b"\n")[:-1]]
        return [one for one in found if rule is None or one["rule"] == rule]

    def until(self, condition, seconds=60):
        end = time.monotonic() + seconds
        while not (answer := condition()):
            assert time.monotonic() < end, (self.alarms() if self.lines.exists() else None, self.said.read_text(errors="replace")[-3000:])
            time.sleep(0.05)
        return answer

    def sees(self, rule, where=lambda alarm: True, since=0):
        """The first such alarm behind the first `since` ones."""
        begun = time.monotonic()
        alarm = self.until(lambda: next((one for one in self.alarms()[since:] if one["rule"] == rule and where(one)), None))
        self.waits.append(time.monotonic() - begun)
        return alarm

    def settles(self):
        """Until whatever happened before has been looked at: a role that is made now, and cannot log in, is seen behind it."""
        mark = f"mark_{time.monotonic_ns()}"
        seen = len(self.alarms())
        self.everline.sql(f"CREATE ROLE {mark}")
        self.sees("foreign-ddl", lambda alarm: mark in alarm.get("statement", ""), seen)
        self.everline.sql(f"DROP ROLE {mark}")
        return seen

    def rotates(self):
        """Until the server writes into another file than all those that were there."""
        def files():
            return {file.name for file in log_folder(self.everline).glob("*.json")}

        before = files()

        def rotated():
            # A file is named by the second.
            self.everline.sql("SELECT pg_rotate_logfile()")
            return files() - before
        self.until(rotated)

    def stop(self, with_signal=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(with_signal)
        return self.process.wait(60)


def log_folder(everline):
    return pathlib.Path(os.path.realpath(everline.home / "server-log"))
