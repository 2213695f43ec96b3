"""A load and faults at once, and then the comparison. `make test-faults` runs the long form:

    campaign.py [--seed N] [--messages N] [--count N] [--gateways 1,3] [--processes N]

The same seed gives the same faults in the same order. Every option is also a variable: FAULTS_SEED, FAULTS_MESSAGES, FAULTS_COUNT (of faults) and
so on.
"""
import argparse
import os
import pathlib
import random
import re
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import faults
from checker import check
from load import Load
from proxy import Proxy
from running import Everline


class Campaign:
    def __init__(self, gateways, seed, messages, faults, load, disk=False, kinds=None, pace=1.0, seconds=3600):
        self.gateways, self.seed, self.messages, self.faults = gateways, seed, messages, faults
        self.options, self.with_disk, self.kinds, self.pace, self.seconds = load, disk, kinds, pace, seconds
        self.struck = Counter()
        self.found = []
        self.timeline = []
        self.count = Counter()

    def run(self):
        """What was found; nothing if all promises were kept."""
        print(f"== {self.gateways} gateway(s), seed {self.seed}", flush=True)
        everline = Everline(gateways=self.gateways)
        targets = {"PostgreSQL": everline.port(7432), "Redis": everline.port(7379)}
        targets |= {f"clients-{k}": everline.port(7443, k) for k in range(self.gateways)}
        proxy = Proxy(targets)
        disk, load = None, None
        everline.extra = {
            "EVERLINE_POSTGRES_HOSTS": f"127.0.0.1:{proxy.ports['PostgreSQL']}", "EVERLINE_REDIS_PORT": str(proxy.ports["Redis"]),
            "EVERLINE_READER_PATIENCE": "6",
        }
        try:
            everline.start()
            if self.with_disk and (disk := faults.Disk.made()):
                everline.stop()
                disk.take(everline)
                everline.start()
            faults.prepare_redis(everline)
            ways = [way for k in range(self.gateways) for way in (
                ("line", everline.port(7443, k)), ("line", proxy.ports[f"clients-{k}"]), ("web", everline.port(8443, k)))]
            load = Load(everline, ways, self.seed, **self.options)
            self.strike(faults.Scene(everline, proxy, disk), load)
            late = load.quiet()
            if late:
                self.found += readiness(everline)
            self.found += [f"{kind}: {what}" for kind, what in late]
            self.found += [f"{kind}: {what}" for kind, what in load.complaints]
            self.count = load.count
            for room in load.records():
                self.found += [str(one) for one in check(room)]
                self.rows(room)
            self.found += crashes(everline)
            if proxy.process.poll() is not None:
                self.found.append(f"the proxy ended: {proxy.process.returncode}")
            if self.found:
                self.keep(everline)
        finally:
            if load:
                load.close()
            everline.remove()
            if disk:
                disk.remove()
            proxy.close()
        self.report()
        return self.found

    def rows(self, room):
        self.count["messages stored"] += len(room.stored)
        self.count["revisions stored"] += len(room.revisions)

    def strike(self, scene, load):
        """Fault after fault, some while others last, until there were enough of them and enough was acknowledged."""
        begun = time.monotonic()
        lasting = []
        said = 0.0
        kinds = set(self.kinds or faults.KINDS)
        if not scene.disk:
            kinds.discard("WAL disk full")
        planned = faults.plan(self.seed, kinds, self.pace)
        until(lambda: load.count["acknowledged"] > 200, 180, "the load does not begin")
        number = 0
        while number < self.faults or load.count["acknowledged"] < self.messages:
            now = time.monotonic() - begun
            if now > self.seconds:
                self.found.append(f"too slow: {load.count['acknowledged']} messages and {number} faults in {now:.0f} s")
                break
            if load.complaints:
                break
            fault = next(planned)
            time.sleep(fault.after)
            lasting = [one for one in lasting if one.is_alive()]
            while len(lasting) >= 3:
                lasting[0].join()
                lasting = [one for one in lasting if one.is_alive()]
            number += 1
            self.struck[fault.kind] += 1
            self.timeline.append(f"{time.strftime('%H:%M:%S')} {fault}")
            one = threading.Thread(target=self.one, args=(scene, fault), daemon=True)
            one.start()
            lasting.append(one)
            if now - said > 5:
                said = now
                count = load.count
                print(f"{now:6.0f} s  {number:4} faults  {count['acknowledged']:9} acknowledged  {count['delivered']:9} delivered  "
                      f"{count['resumed']:6} resumed", flush=True)
        for one in lasting:
            one.join(120)
            if one.is_alive():
                self.found.append("a fault did not end")
        self.took = time.monotonic() - begun

    def one(self, scene, fault):
        try:
            faults.KINDS[fault.kind].strike(scene, fault)
        except Exception as error:
            self.found.append(f"the fault itself failed: {fault}: {error!r}")

    def keep(self, everline):
        """What is needed to see why."""
        print("\n".join(self.timeline[-40:]))
        kept = os.environ.get("FAULTS_KEEP")
        if kept:
            os.system(f"cp -rL '{everline.home}/log' '{everline.folder}/run.log' '{kept}'")

    def report(self):
        print(f"\n{sum(self.struck.values())} faults in {self.took:.0f} s, seed {self.seed}, {self.gateways} gateway(s)")
        for name, count in sorted(self.struck.items()):
            print(f"  {count:5}  {name}")
        for name in sorted(self.count):
            print(f"  {self.count[name]:9}  {name}")
        for one in self.found[:40]:
            print(f"  FOUND  {one}")
        print(f"  {len(self.found)} findings", flush=True)


def until(condition, seconds, what):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def readiness(everline):
    """What each part says of itself when something stands still."""
    parts = [("auth", 9101, 0), ("history", 9103, 0), ("db-guardian", 9104, 0)] + [("message-gateway", 9102, k) for k in range(everline.gateways)]
    for name, base, instance in parts:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{everline.port(base, instance)}/readyz", timeout=30) as answer:
                said = f"{answer.status} {answer.read(500)}"
        except (OSError, urllib.error.URLError) as error:
            said = f"{error} {getattr(error, 'read', bytes)()[:500]}"
        pid = everline.pid(name if name in ("auth", "db-guardian") else f"{name}-{instance}")
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        yield f"ready? {name} {instance} (process {pid}, {state}): {said}"


def crashes(everline):
    """Services that ended by themselves, by a trap or worse."""
    return [f"crashed: {line}" for line in everline.said.splitlines()
            if re.search(r"(auth|history-\d|message-gateway-\d|db-guardian) ended \(status (132|133|134|135|136|139)\)", line)]


def option(parser, name, kind, default):
    parser.add_argument(f"--{name}", type=kind, default=kind(os.environ.get(f"FAULTS_{name.upper()}", default)))


def options(arguments=()):
    parser = argparse.ArgumentParser()
    option(parser, "seed", int, random.SystemRandom().randrange(1 << 32))
    option(parser, "messages", int, 1_000_000)
    option(parser, "count", int, 200)
    option(parser, "gateways", str, "1,3")
    option(parser, "processes", int, 2)
    return parser.parse_args(arguments)


def long(given, gateways):
    """This number of gateways' share of the long form."""
    shares = len(given.gateways.split(","))
    return Campaign(
        gateways, given.seed, -(-given.messages // shares), -(-given.count // shares), disk=True,
        load={"rooms": 40, "senders": 24, "readers": 20, "processes": given.processes, "depth": 40})


def main():
    given = options(sys.argv[1:])
    found = [one for gateways in given.gateways.split(",") for one in long(given, int(gateways)).run()]
    print(f"{len(found)} findings; to strike in the same order again: --seed {given.seed}")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
