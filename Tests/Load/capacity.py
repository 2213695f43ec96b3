#!/usr/bin/env python3
"""How much a number of users needs, from what one machine has measured: `make bench | tee bench.txt`, then

    Tests/Load/capacity.py bench.txt [--users 1000000] [--online 0.2] [--per-hour 12] [--readers 30] [--help]

The costs are CPU time of each service, divided by what was done with it; so they hold for cores like those that were measured. compose/SCALING.md says what
the model leaves out.
"""
import argparse
import json
import math
import sys

MICRO = 1_000_000


def figures(path):
    """The JSON at the end of what `make bench` prints, or of a file of its own."""
    lines = (sys.stdin if path == "-" else open(path)).read().splitlines()
    for line in reversed(lines):
        if line.startswith("{"):
            return json.loads(line)
    raise SystemExit(f"{path} holds no JSON of make bench")


class Costs:
    """Core microseconds by service: of a message that nobody hears, of a delivery, and of a message that goes alone, which shares its commit with none."""

    def __init__(self, bench):
        busy, heard, alone = (bench[name]["costs"] for name in ("sending", "one room", "paced"))
        self.services = sorted(busy["cpuSeconds"])
        self.message = {name: MICRO * busy["cpuSeconds"][name] / busy["messages"] for name in self.services}
        self.alone = {name: MICRO * alone["cpuSeconds"][name] / alone["messages"] for name in self.services}
        gateway = "message-gateway"
        self.delivery = max(0.0, (MICRO * heard["cpuSeconds"][gateway] - self.message[gateway] * heard["messages"]) / heard["deliveries"])
        self.alone[gateway] = max(self.message[gateway], self.alone[gateway] - self.delivery * alone["deliveries"] / alone["messages"])
        self.wal = busy["walBytes"] / busy["messages"]
        self.stored = bench["stored"]["bytesPerMessage"]
        self.connection = bench["idle"]["kibEach"] * 1024
        self.connects = bench["idle"]["connections"] / bench["idle"]["connectSeconds"]

    def table(self):
        yield "core µs of", "a message in a full batch", "a message alone"
        for name in self.services:
            yield name, f"{self.message[name]:.1f}", f"{self.alone[name]:.1f}"
        yield "together", f"{sum(self.message.values()):.1f}", f"{sum(self.alone.values()):.1f}"


def plan(costs, given):
    """What is needed at the peak."""
    connections = given.users * given.online
    messages = connections * given.per_hour / 3600
    deliveries = messages * given.readers
    # Between the two costs: batches fill as the lanes have more to do.
    full = min(1.0, messages / given.full_batches)
    each = {name: full * costs.message[name] + (1 - full) * costs.alone[name] for name in costs.services}
    cores = {name: messages * each[name] / MICRO for name in costs.services}
    cores["message-gateway"] += deliveries * costs.delivery / MICRO
    gateways = max(math.ceil(connections / given.connections), math.ceil(cores["message-gateway"] / given.load / given.cores), 2)
    yearly = messages * given.mean * 86_400 * 365
    rows = [
        ("connections at once", f"{connections:,.0f}"), ("messages a second", f"{messages:,.0f}"), ("deliveries a second", f"{deliveries:,.0f}"),
        (f"gateways of {given.connections:,} connections and {given.cores} cores", f"{gateways:,}"),
        ("memory of a gateway's connections", f"{connections / gateways * costs.connection / 2**30:.2f} GiB"),
    ]
    rows += [(f"cores of {name}", f"{used:.2f} busy, {math.ceil(used / given.load) or 1} given") for name, used in cores.items()]
    rows += [
        ("messages a second that fill one core of PostgreSQL", f"{MICRO / costs.message['postgres']:,.0f}"),
        ("WAL, as much again for each replica", f"{messages * costs.wal / 2**20:.2f} MiB/s"),
        ("messages stored in a year", f"{yearly:,.0f}"), ("their tables and indexes", f"{yearly * costs.stored / 2**40:.2f} TiB"),
        ("until all are back after an outage", f"{connections / costs.connects / max(1, gateways * given.cores / given.measured_cores):,.0f} s"),
    ]
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench", help="what make bench printed; - for standard input")
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--online", type=float, default=0.2, help="share of the users who are connected at the peak")
    parser.add_argument("--per-hour", type=float, default=12, help="messages that each of them sends in an hour")
    parser.add_argument("--readers", type=float, default=30, help="connections that have a message's room open")
    parser.add_argument("--mean", type=float, default=0.3, help="messages of a mean hour, as a share of the peak's")
    parser.add_argument("--connections", type=int, default=15_000, help="connections that one gateway is to hold")
    parser.add_argument("--cores", type=int, default=2, help="of one gateway")
    parser.add_argument("--load", type=float, default=0.5, help="share of a core that may be busy at the peak")
    parser.add_argument("--full-batches", type=float, default=20_000, help="messages a second from which the batches are full")
    parser.add_argument("--measured-cores", type=int, default=2, help="of the machine that was measured")
    given = parser.parse_args()
    costs = Costs(figures(given.bench))
    for row in costs.table():
        print(f"{row[0]:24} {row[1]:>28} {row[2]:>20}")
    print(f"\na delivery {costs.delivery:.2f} core µs   a connection {costs.connection / 1024:.1f} KiB   a message {costs.wal:,.0f} bytes of WAL, "
          f"{costs.stored:,.0f} stored\n")
    for name, value in plan(costs, given):
        print(f"{name:60} {value:>28}")


if __name__ == "__main__":
    main()
