"""`make bench`: each figure beside the limit of the same machine in the same run, as a table and as JSON.

Starts an Everline of its own; parts to run may be named: sending reading delivery idle resume logins page scaling search stats audit backup."""
import json
import os
import pathlib
import re
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "Tests"))
from costs import Costs  # noqa: E402
from running import PASSWORD, Everline  # noqa: E402

SECONDS = int(os.environ.get("BENCH_SECONDS", "8"))
MILLION_ROWS = float(os.environ.get("BENCH_MILLION_ROWS", "5"))


class Bench:
    def __init__(self, gateways=1, extra=None):
        self.everline = Everline(gateways)
        self.everline.extra |= extra or {}
        self.everline.start()
        self.rows = []
        self.figures = {}
        lines = [self.everline.user(f"bench{n}") for n in range(10)]
        self.sessions = pathlib.Path(self.everline.folder) / "sessions"
        self.sessions.write_text("".join(line.session + "\n" for line in lines))
        for line in lines:
            line.close()

    def arguments(self, command, *more, gateways=None):
        ports = ",".join(str(self.everline.port(7443, k)) for k in range(gateways or self.everline.gateways))
        return [str(ROOT / ".build/release/load"), command, "--ports", ports, "--ca", self.everline.ca,
                "--sessions", str(self.sessions), *map(str, more)]

    def load(self, command, *more, seconds=SECONDS, gateways=None):
        """What the load tool says, and under `costs` what Everline has used for it."""
        before = Costs.of(self.everline)
        done = subprocess.run(
            self.arguments(command, "--seconds", seconds, *more, gateways=gateways), capture_output=True, text=True, timeout=600)
        if done.returncode:
            raise RuntimeError(done.stderr[:2000])
        return json.loads(done.stdout.splitlines()[-1]) | {"costs": Costs.of(self.everline).since(before)}

    def row(self, name, figure, reach, limit="", met=None):
        self.rows.append((name, figure, reach, limit, {True: "yes", False: "no", None: ""}[met]))
        print(f"  {name}: {figure}   reach {reach}   beside {limit}   {self.rows[-1][4]}", flush=True)

    def conninfo(self, role):
        secret = (self.everline.home / f"secrets/postgres-{role}").read_text().strip()
        return (f"host=127.0.0.1 port={self.everline.port(7432)} dbname=everline user={role} password={secret} "
                f"sslmode=verify-full sslrootcert={self.everline.ca}")

    def pgbench(self, script, role, clients, protocol="prepared"):
        path = pathlib.Path(self.everline.folder) / "script.sql"
        path.write_text(script)
        done = subprocess.run(
            ["pgbench", "-n", "-M", protocol, "-c", str(clients), "-j", "1", "-T", str(SECONDS), "-l", "--log-prefix",
             str(path), "-f", str(path), self.conninfo(role)], capture_output=True, text=True, cwd=self.everline.folder)
        if done.returncode:
            raise RuntimeError(done.stderr)
        times = sorted(int(line.split()[2]) / 1000 for log in pathlib.Path(self.everline.folder).glob("script.sql.*")
                       for line in log.read_text().splitlines())
        for log in pathlib.Path(self.everline.folder).glob("script.sql.*"):
            log.unlink()
        return float(re.search(r"tps = ([\d.]+)", done.stdout)[1]), times[len(times) // 2]

    # The works.

    def sending(self):
        raw = json.loads(subprocess.run(
            [str(ROOT / ".build/release/load"), "batches", "--conninfo", self.conninfo("postgres"), "--seconds", str(SECONDS)],
            capture_output=True, text=True, check=True).stdout)
        found = self.load("send", "--senders", 8, "--in-flight", 100, "--name", "nobody")
        share = found["messagesPerSecond"] / raw["rowsPerSecond"]
        self.figures["sending"] = found | {"rawRowsPerSecond": raw["rowsPerSecond"]}
        self.row("no reader, 8 senders, 100 in flight", f"{found['messagesPerSecond']:,.0f} msg/s = {share:.0%}", "15 %",
                 f"{raw['rowsPerSecond']:,.0f} rows/s in batches of 500", share >= 0.15)

        self.everline.sql("CREATE TABLE public.single_rows (id bigserial PRIMARY KEY, body text)")
        _, single = self.pgbench("INSERT INTO public.single_rows (body) VALUES (repeat('x', 100));", "postgres", 1)
        found = self.load("send", "--in-flight", 1, "--name", "alone")
        self.figures["one in flight"] = found | {"singleRowP50ms": single}
        self.row("one in flight, p50 until acknowledged", f"{found['p50ms']:.2f} ms", f"{single + 0.4:.2f} ms",
                 f"{single:.2f} ms single-row commit", found["p50ms"] <= single + 0.4)

    def delivery(self):
        found = self.load("send", "--readers", 10, "--in-flight", 100, "--name", "ten")
        self.figures["one room"] = found
        self.row("1 room, 10 readers, 1 sender, 100 in flight",
                 f"{found['messagesPerSecond']:,.0f} msg/s, {found['deliveriesPerSecond']:,.0f} deliveries/s",
                 "12,000 and 120,000", "", found["messagesPerSecond"] >= 12_000 and found["deliveriesPerSecond"] >= 120_000)
        found = self.load("send", "--rooms", 20, "--senders", 5, "--all-send", "--in-flight", 10, "--name", "twenty")
        self.figures["twenty rooms"] = found
        self.row("20 rooms x 5, all send, 10 in flight each",
                 f"{found['messagesPerSecond']:,.0f} msg/s, {found['deliveriesPerSecond']:,.0f} deliveries/s",
                 "20,000 and 100,000", "", found["messagesPerSecond"] >= 20_000 and found["deliveriesPerSecond"] >= 100_000)
        found = self.load("paced", "--rate", 200, "--readers", 10)
        self.figures["paced"] = found
        self.row("200 msg/s to 10 readers, send to delivery", f"p50 {found['p50ms']:.2f} ms, p99 {found['p99ms']:.2f} ms",
                 "1 and 3 ms", "", found["p50ms"] <= 1 and found["p99ms"] <= 3)

    def reading(self):
        rate = subprocess.run(
            ["redis-benchmark", "-p", str(self.everline.port(7379)), "--tls", "--cacert", self.everline.ca, "--user", "history", "-a",
             (self.everline.home / "secrets/redis-history").read_text().strip(), "-c", "8", "-n", "40000", "--csv", "ZRANGE",
             "everline:window:{1}", "0", "-1"], capture_output=True, text=True)
        redis = re.search(r'"[^"]*","([\d.]+)"', rate.stdout.splitlines()[-1] if rate.stdout else "")
        redis = float(redis[1]) if redis else None
        self.load("send", "--name", "bench", seconds=1)
        found = self.load("read", "--method", "history.recent", "--room", "bench-0")
        self.figures["recent"] = found | {"redisPerSecond": redis}
        self.row("history.recent, 8 clients", f"{found['perSecond']:,.0f}/s, p50 {found['p50ms']:.2f} ms", "12,000/s",
                 f"{redis:,.0f}/s ZRANGE over TLS" if redis else "", found["perSecond"] >= 12_000)

        line = self.everline.user("bench0")
        line.result("room.create", room="old")
        [[room, user]] = self.everline.sql(
            "SELECT r.id, u.id FROM everline.rooms r, everline.users u WHERE r.name = 'old' AND u.username = 'bench0'")
        count = int(MILLION_ROWS * 1_000_000)
        print(f"  (writing {count:,} rows)", flush=True)
        for first in range(1, count + 1, 1_000_000):
            self.everline.sql(
                f"INSERT INTO everline.messages (room_id, seq, sender_id, client_id, body, sent_at) "
                f"SELECT {room}, n, {user}, gen_random_uuid(), repeat('x', 100), timestamptz '2020-01-01' + n * interval '1 s' "
                f"FROM generate_series({first}, {min(first + 999_999, count)}) n")
        self.everline.sql(f"UPDATE everline.room_counters SET last_seq = {count} WHERE room_id = {room}")
        self.everline.sql("VACUUM ANALYZE everline.messages")
        query = f"""\\set before random(51, {count})
SELECT m.seq, u.username, u.display_name, m.body, m.sent_at, m.client_id, m.reply_to, m.rev, m.edited_at, m.deleted_at IS NOT NULL,
m.reactions::text FROM everline.messages m JOIN everline.users u ON u.id = m.sender_id WHERE m.room_id = {room} AND m.seq < :before
ORDER BY m.seq DESC LIMIT 50;"""
        raw, _ = self.pgbench(query, "everline_history", 8)
        found = self.load("read", "--method", "history.page", "--room", "old", "--up-to", count)
        self.figures["page"] = found | {"pgbenchPerSecond": raw}
        self.row(f"history.page of 50, 8 clients, {count:,} rows", f"{found['perSecond']:,.0f}/s = {found['perSecond'] / raw:.0%}", "50 %",
                 f"{raw:,.0f}/s by pgbench", found["perSecond"] >= raw / 2)

    def resident(self):
        """Bytes of all of Everline's processes, PostgreSQL and Redis left aside."""
        total = 0
        for pid in (self.everline.home / "run").glob("*.pid"):
            if pid.stem not in ("postgres", "redis"):
                total += int(re.search(r"Pss:\s+(\d+)", pathlib.Path(f"/proc/{pid.read_text().strip()}/smaps_rollup").read_text())[1]) * 1024
        return total

    def idle(self):
        before = self.resident()
        count = 8_000
        process = subprocess.Popen(
            self.arguments("idle", "--connections", count), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        ready = json.loads(process.stdout.readline())
        time.sleep(3)
        each = (self.resident() - before) / count / 1024
        process.stdin.close()
        process.wait()
        [[size, rows]] = self.everline.sql(
            "SELECT pg_total_relation_size('everline.messages'), (SELECT sum(last_seq) FROM everline.room_counters)")
        self.figures["stored"] = {"bytesPerMessage": int(size) / max(1, int(rows))}
        self.figures["idle"] = ready | {"kibEach": each, "kibEachWithBase": each + before / count / 1024}
        self.row(f"{count:,} idle connections", f"{each:.1f} KiB each ({each + before / count / 1024:.1f} with the processes themselves)",
                 "32 KiB", f"{count / ready['connectSeconds']:,.0f} logins by session a second", each <= 32)

    def resume(self):
        # Those who are there already talk on in the same room, measured from a process of their own.
        others = subprocess.Popen(
            self.arguments("paced", "--rate", 10, "--room", "resumed", "--seconds", 12), stdout=subprocess.PIPE, text=True)
        time.sleep(3)
        found = self.load("resume", "--clients", 5_000)
        talk = json.loads(others.communicate()[0])
        self.figures["resume"] = found | {"others": talk}
        self.row("5,000 clients connect and resume at once", f"{found['seconds']:.1f} s, others' p99 {talk['p99ms']:.0f} ms",
                 "10 s and 100 ms", "", found["seconds"] <= 10 and talk["p99ms"] <= 100 and not found["holes"])

    def logins(self):
        from logins import measure
        measure(self)

    def table(self):
        heads = ("work", "measured", "reach", "beside", "met")
        widths = [max(len(row[i]) for row in [heads, *self.rows]) for i in range(5)]
        print()
        for row in [heads, tuple("-" * w for w in widths), *self.rows]:
            print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |")
        print(json.dumps(self.figures))

    def page(self):
        # Beside the load tool's sources no cache of ours may lie.
        sys.dont_write_bytecode = True
        from page import measured_page
        measured_page(self)


def held(everline, share):
    """Each gateway in a control group (cgroup v1 cpu, or v2) of its own with that share of one core; the folders."""
    base = pathlib.Path("/sys/fs/cgroup/cpu")
    made = []
    for k in range(everline.gateways):
        group = base / f"everline-bench-{os.getpid()}-{k}"
        group.mkdir()
        made.append(group)
        (group / "cpu.cfs_period_us").write_text("20000")
        (group / "cpu.cfs_quota_us").write_text(str(int(20000 * share)))
        (group / "cgroup.procs").write_text(str(everline.pid(f"message-gateway-{k}")))
    return made


def scaling(bench_rows, figures):
    """1, 2 and 4 gateways, each held to a quarter of a core."""
    if not pathlib.Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us").parent.exists() or os.geteuid():
        print("  scaling: no control group can be made here; left out")
        return
    rates = {}
    for gateways in (1, 2, 4):
        bench = Bench(gateways)
        groups = []
        try:
            groups = held(bench.everline, 0.25)
            rates[gateways] = bench.load("send", "--rooms", 16, "--senders", 4, "--in-flight", 25, "--name", "spread")["messagesPerSecond"]
        finally:
            bench.everline.stop()
            for group in groups:
                try:
                    group.rmdir()
                except OSError:
                    pass
            bench.everline.remove()
    figures["scaling"] = rates
    for gateways, reach in ((2, 1.8), (4, 3.4)):
        times = rates[gateways] / rates[1]
        bench_rows.append((f"{gateways} gateways of a quarter core", f"{rates[gateways]:,.0f} msg/s = {times:.2f} x", f"{reach} x",
                           f"{rates[1]:,.0f} msg/s by one", "yes" if times >= reach else "no"))


def main():
    # Beside the load tool's sources no cache of ours may lie.
    sys.dont_write_bytecode = True
    works = sys.argv[1:] or ["sending", "delivery", "reading", "idle", "resume", "logins", "page", "scaling", "search", "stats", "audit", "backup"]
    bench = Bench()
    try:
        for work in works:
            if work not in ("scaling", "search", "stats", "audit", "backup"):
                print(work, flush=True)
                getattr(bench, work)()
    finally:
        bench.everline.remove()
    if "scaling" in works:
        print("scaling", flush=True)
        scaling(bench.rows, bench.figures)
    if {"search", "stats"} & set(works):
        print("search and stats", flush=True)
        import searching
        bench.figures |= searching.measure(works, bench.row, lambda indexing: Bench(extra={"EVERLINE_INDEXING": indexing}), SECONDS)
    if "audit" in works:
        print("audit", flush=True)
        from audit import measure
        bench.figures["audit"] = measure(bench.row, SECONDS)
    if "backup" in works:
        print("backup", flush=True)
        from backups import measure
        bench.figures["backup"] = measure(bench.row, MILLION_ROWS)
    bench.table()


if __name__ == "__main__":
    main()
