"""Logins offered faster than passwords can be hashed: what becomes of them, and what the others' chat feels of it."""
import json
import pathlib
import selectors
import statistics
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "Tests"))
from running import PASSWORD  # noqa: E402

# One login at a time goes on a connection, and each may wait for its hash for some seconds.
CONNECTIONS = 400


class Offered:
    """So many logins a second, each on the next of many connections, whether the ones before were answered or not."""

    def __init__(self, everline, rate):
        self.rate = rate
        self.outcomes = {}
        self.stopped = threading.Event()
        self.lines = [everline.line() for _ in range(CONNECTIONS)]
        self.selector = selectors.DefaultSelector()
        for line in self.lines:
            line.socket.setblocking(False)
            self.selector.register(line.socket, selectors.EVENT_READ, bytearray())
        self.sent = 0
        self.threads = [threading.Thread(target=part) for part in (self.offer, self.take)]
        for thread in self.threads:
            thread.start()

    def offer(self):
        begun = time.monotonic()
        while not self.stopped.is_set():
            due = int((time.monotonic() - begun) * self.rate)
            while self.sent < due:
                self.lines[self.sent % CONNECTIONS].write("auth.login", {"username": f"bench{self.sent % 10}", "password": PASSWORD})
                self.sent += 1
            self.stopped.wait(0.005)

    def take(self):
        while not self.stopped.is_set():
            for key, _ in self.selector.select(0.1):
                # TLS keeps what it has decrypted where the selector does not see it.
                while True:
                    try:
                        data = key.fileobj.recv(65_536)
                    except OSError:
                        break
                    if not data:
                        break
                    key.data.extend(data)
                while (end := key.data.find(b"\n")) >= 0:
                    answer = json.loads(key.data[:end])
                    del key.data[:end + 1]
                    if "method" not in answer:
                        name = "ok" if "result" in answer else answer["error"]["data"]["name"]
                        self.outcomes[name] = self.outcomes.get(name, 0) + 1

    def stop(self):
        self.stopped.set()
        for thread in self.threads:
            thread.join()
        for line in self.lines:
            line.close()


def measure(bench, rate=200, rounds=5):
    """Quiet and busy in turns, so that whatever else the machine does meets both; medians."""
    quiet, busy, outcomes, sent = [], [], {}, 0
    for _ in range(rounds):
        quiet.append(bench.load("paced", "--rate", 200, "--readers", 10, "--room", "quiet"))
        offered = Offered(bench.everline, rate)
        try:
            time.sleep(2)
            busy.append(bench.load("paced", "--rate", 200, "--readers", 10, "--room", "busy"))
        finally:
            offered.stop()
        sent += offered.sent
        for name, count in offered.outcomes.items():
            outcomes[name] = outcomes.get(name, 0) + count
        # Those that were let in to wait are hashed yet.
        time.sleep(6)
    bench.figures["logins"] = {"quiet": quiet, "busy": busy, "offered": sent, "outcomes": outcomes}
    beside, found = (statistics.median(one["p99ms"] for one in some) for some in (quiet, busy))
    told = ", ".join(f"{count:,} {name}" for name, count in sorted(outcomes.items()))
    bench.row(f"chat while {rate} logins a second are offered ({told})", f"p99 {found:.2f} ms", "twice the quiet",
              f"p99 {beside:.2f} ms quiet", found <= 2 * beside)
