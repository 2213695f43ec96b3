"""What the watch costs, and how far it is behind: audited statements at a given rate, and the server's own throughput with and without it."""
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "Tests"))
from running import Everline  # noqa: E402

RATE = 5_000
# Short turns, many of them, each with its like beside it: what the machine does by itself differs more from minute to minute than the watch costs.
PAIRS = 8
TURN = 4


class Server:
    """An Everline whose audited role reads a small table."""

    def __init__(self):
        self.everline = Everline()
        self.everline.start()
        self.everline.sql("CREATE TABLE everline.audited (id int PRIMARY KEY, note text)")
        self.everline.sql("INSERT INTO everline.audited SELECT n, repeat('x', 50) FROM generate_series(1, 1000) n")
        # pg_hba.conf lets nobody else in. What is done here is found, too, and that is part of the cost.
        self.everline.sql("GRANT SELECT, UPDATE ON everline.audited TO everline_history")
        self.everline.sql("ALTER ROLE everline_history SET pgaudit.log = 'read'")
        self.script = pathlib.Path(self.everline.folder) / "audited.sql"

    def conninfo(self):
        secret = (self.everline.home / "secrets/postgres-everline_history").read_text().strip()
        return (f"host=127.0.0.1 port={self.everline.port(7432)} dbname=everline user=everline_history password={secret} "
                f"sslmode=verify-full sslrootcert={self.everline.ca} options='-c default_transaction_read_only=off'")

    def pgbench(self, script, seconds, *more):
        self.script.write_text(script)
        done = subprocess.run(["pgbench", "-n", "-M", "prepared", "-c", "4", "-j", "1", "-T", str(seconds), *more, "-f", str(self.script),
                               self.conninfo()], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr)
        self.transactions = int(re.search(r"actually processed: (\d+)", done.stdout)[1])
        return float(re.search(r"tps = ([\d.]+)", done.stdout)[1])

    def metric(self, name):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.everline.port(9104)}/metrics", timeout=5) as page:
            values = [float(value) for value in re.findall(rf"^{name}(?:{{[^}}]*}})? ([\d.e+-]+)$", page.read().decode(), re.M)]
        return sum(values)

    def guardian(self):
        return int((self.everline.home / "run/db-guardian.pid").read_text())

    def backends(self):
        return [int(pid) for [pid] in self.everline.sql("SELECT pid FROM pg_stat_activity WHERE usename = 'everline_watch'")]

    def busy(self, pids):
        """Seconds of processor."""
        ticks = 0
        for pid in pids:
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def resident(self):
        return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{self.guardian()}/status").read_text())[1]) / 1024

    def until_caught_up(self):
        end = time.monotonic() + 120
        seen = None
        while time.monotonic() < end:
            lines = self.metric("everline_guardian_log_lines_total")
            if lines == seen:
                return
            seen = lines
            time.sleep(1)
        raise RuntimeError("the watch does not catch up")


def follow(server, row, seconds):
    lags = []
    done = threading.Event()

    def sample():
        while not done.wait(0.2):
            lags.append(server.metric("everline_guardian_watch_lag_seconds"))
    server.until_caught_up()
    pids = [server.guardian(), *server.backends()]
    before = (server.busy(pids), server.resident(), server.metric("everline_guardian_audited_statements_total"), time.monotonic())
    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    rate = server.pgbench("\\set id random(1, 1000)\nSELECT note FROM everline.audited WHERE id = :id;", seconds, "-R", str(RATE))
    done.set()
    thread.join()
    server.until_caught_up()
    took = time.monotonic() - before[3]
    share = (server.busy(pids) - before[0]) / seconds
    records = server.metric("everline_guardian_audited_statements_total") - before[2]
    found = {"perSecond": rate, "records": records, "lagMaxSeconds": max(lags), "cores": share, "growthMiB": server.resident() - before[1],
             "seconds": took}
    row(f"{RATE:,} audited statements a second", f"lag at most {max(lags):.2f} s, {share:.1%} of a core, {found['growthMiB']:+.0f} MiB",
        "2 s and 8 %", f"{records:,.0f} of {server.transactions:,} records seen", max(lags) < 2 and share <= 0.08)
    return found


def cost(server, row, seconds):
    """Turns with the watch going on and with the guardian standing still; the middle one of what each pair says. The server writes its log with both:
    auditing is a setting of the server's, the watch is who reads it."""
    script = "\\set id random(1, 1000)\nUPDATE everline.audited SET note = note WHERE id = :id;"
    rates = {"on": [], "off": []}
    server.pgbench(script, seconds)
    for turn in range(PAIRS):
        for state in (("on", "off") if turn % 2 == 0 else ("off", "on")):
            guardian = server.guardian()
            if state == "off":
                os.kill(guardian, signal.SIGSTOP)
            try:
                rates[state].append(server.pgbench(script, seconds))
            finally:
                os.kill(guardian, signal.SIGCONT)
            server.until_caught_up()
    shares = sorted(1 - on / off for on, off in zip(rates["on"], rates["off"]))
    share = (shares[(PAIRS - 1) // 2] + shares[PAIRS // 2]) / 2
    on, off = (sum(rates[state]) / PAIRS for state in ("on", "off"))
    row("the server's throughput with the watch on", f"{on:,.0f} writes/s, {share:+.1%} less (pairs {shares[0]:+.1%} to {shares[-1]:+.1%})", "3 %",
        f"{off:,.0f} with it off", share <= 0.03)
    return {"on": on, "off": off, "share": share, "shares": shares}


def measure(row, seconds):
    server = Server()
    try:
        return {"follow": follow(server, row, 3 * seconds), "cost": cost(server, row, TURN)}
    finally:
        server.everline.remove()
