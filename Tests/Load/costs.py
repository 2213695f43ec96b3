"""What a running Everline has used so far, so that a difference is the cost of what happened between: CPU seconds by service, which hold also when
others use the machine, messages, deliveries, requests and WAL."""
import dataclasses
import os
import pathlib
import re
import time
import urllib.request
from collections import Counter

TICK = os.sysconf("SC_CLK_TCK")


@dataclasses.dataclass
class Costs:
    at: float
    cpu: Counter
    counts: Counter

    @staticmethod
    def of(everline):
        counts = Counter()
        [[messages, wal]] = everline.sql(
            "SELECT coalesce(sum(last_seq), 0), pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') FROM everline.room_counters")
        counts["messages"], counts["walBytes"] = int(messages), int(wal)
        for k in range(everline.gateways):
            with urllib.request.urlopen(f"http://127.0.0.1:{everline.port(9102, k)}/metrics", timeout=10) as answer:
                page = answer.read().decode()
            counts["deliveries"] += sum(map(int, re.findall(r"^everline_messages_delivered_total(?:\{[^}]*\})? (\d+)", page, re.M)))
        cpu = Counter()
        for file in (everline.home / "run").glob("*.pid"):
            cpu[re.sub(r"-\d+$", "", file.stem)] += used(int(file.read_text()))
        return Costs(time.monotonic(), cpu, counts)

    def since(self, before):
        return {"seconds": round(self.at - before.at, 3),
                "cpuSeconds": {name: round(self.cpu[name] - before.cpu[name], 3) for name in sorted(self.cpu)},
                **{name: self.counts[name] - before.counts[name] for name in ("messages", "deliveries", "walBytes")}}


def used(pid):
    """Of a process, of those it has waited for, and of its children that run."""
    total = 0.0
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            # After the name, which may hold anything.
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(stat.parent.name) == pid:
            total += sum(map(int, fields[11:15])) / TICK
        elif int(fields[1]) == pid:
            total += sum(map(int, fields[11:13])) / TICK
    return total
