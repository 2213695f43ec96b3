"""History reads from streaming replicas, and never serves less than its reader has seen."""
import http.client
import json
import re
import threading
import time
import urllib.request
import uuid

import pytest

from campaign import until
from client import RPC
from running import Everline, free_ports
from standby import Standby, lose_primary


class Replicated:
    """An Everline whose history has two replicas: one as quick as can be, and one that is `late` behind, if that is given."""

    def __init__(self, late=None, hosts=False):
        self.everline = Everline(gateways=2)
        ports = free_ports(2 if late else 1, self.everline)
        all_ports = ",".join(map(str, ports))
        self.everline.extra = {
            "EVERLINE_REPLICAS_CONNINFO":
                f"host={','.join(['127.0.0.1'] * len(ports))} port={all_ports} dbname=everline user=everline_history sslmode=verify-full "
                f"sslrootcert={self.everline.ca}"}
        if hosts:
            self.everline.extra["EVERLINE_POSTGRES_HOSTS"] = f"127.0.0.1:{self.everline.port(7432)},127.0.0.1:{ports[0]}"
        self.ports, self.late, self.standbys = ports, late, []

    def start(self, *rooms):
        """`rooms` are there before the replicas are."""
        self.everline.start()
        self.li = self.everline.user("李白")
        for room in rooms:
            self.li.result("room.create", room=room)
            for n in range(1, 31):
                self.li.send(room, f"第 {n} 句")
        self.standbys.append(Standby(self.everline, self.ports[0], "quick"))
        if self.late:
            self.standbys.append(Standby(self.everline, self.ports[1], "late", recovery_min_apply_delay=self.late))
        for standby in self.standbys:
            standby.start()

    def remove(self):
        self.everline.remove()
        for standby in self.standbys:
            standby.remove()

    def reads(self):
        """How many of each outcome history has counted."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.everline.port(9103)}/metrics", timeout=30) as answer:
            found = re.findall(r'^everline_replica_reads_total\{.*?outcome="(\w+)".*?\} (\d+)', answer.read().decode(), re.M)
        return {"answered": 0, "behind": 0, "unreachable": 0} | {outcome: int(count) for outcome, count in found}

    def rises(self, outcome, ask, seconds=120):
        """Asks until that outcome was counted once more."""
        before = self.reads()[outcome]

        def once():
            ask()
            return self.reads()[outcome] > before
        until(once, seconds, f"no read became {outcome}: {self.reads()}")


@pytest.fixture
def replicated():
    made = []

    def make(*rooms, **options):
        made.append(Replicated(**options))
        made[0].start(*rooms)
        return made[0]
    yield make
    for one in made:
        one.remove()


def newest(line, room, seq):
    """The page that ends with that number, as each door's client would ask for it."""
    return line.call("history.page", room=room, before=seq + 1, limit=10)["result"]["messages"]


def test_what_was_acknowledged_is_read_at_once_through_any_door(replicated):
    """One replica is level with the primary, the other a minute behind."""
    stack = replicated("唐詩", late="60s")
    everline, li = stack.everline, stack.li
    stack.rises("answered", lambda: newest(li, "唐詩", 30))
    other = RPC(everline.port(8443, 1), everline.ca, li.session)
    seen, n, end = 30, 0, time.monotonic() + 300
    # Until a replica was level often enough, also where the other is asked first; how often it is, is for the machine to say.
    while n < 150 or stack.reads()["answered"] <= 240:
        assert time.monotonic() < end, stack.reads()
        n += 1
        seen = li.send("唐詩", f"其 {n}")["seq"]
        for reader in (li, other):
            page = newest(reader, "唐詩", seen)
            assert [one["seq"] for one in page] == list(range(seen - 9, seen + 1)) and page[-1]["body"] == f"其 {n}"
        after = li.result("history.page", room="唐詩", after=seen - 1)
        assert [one["seq"] for one in after["messages"]] == [seen] and after["hasMore"] is False
    # What became of it counts as much.
    for n in range(30):
        li.result("message.edit", room="唐詩", epoch=page[-1]["epoch"], seq=seen, clientId=str(uuid.uuid4()), body=f"改 {n}")
        assert newest(other, "唐詩", seen)[-1]["body"] == f"改 {n}"


def test_a_replica_that_is_far_behind_serves_what_it_has(replicated):
    """Of the rooms where nothing has happened since; the others, and what goes through all rooms, the primary answers."""
    stack = replicated("靜", "鬧", late="1h")
    everline, li = stack.everline, stack.li
    quick, late = stack.standbys
    quick.stop()
    stack.rises("answered", lambda: newest(li, "靜", 30))
    before = stack.reads()["answered"]
    for n in range(20):
        seen = li.send("鬧", f"錦瑟 {n}")["seq"]
        assert newest(li, "鬧", seen)[-1]["body"] == f"錦瑟 {n}"
        hits = li.result("history.search", query=f'"錦瑟 {n}"', room="鬧", limit=1)["hits"]
        assert [hit["message"]["body"] for hit in hits] == [f"錦瑟 {n}"]
        stats = li.result(
            "history.stats", room="鬧", since="2020-01-01T00:00:00.000Z", until="2030-01-01T00:00:00.000Z", bucket="week")
        assert stats["messages"] == seen
    assert stack.reads()["answered"] == before
    stack.rises("answered", lambda: newest(li, "靜", 30))
    assert len(newest(li, "靜", 30)) == 10
    # Who was put out reads no more of it, though the replica knows nothing of that.
    du = everline.user("杜甫")
    du.result("room.join", room="靜")
    li.result("room.ban", room="靜", username="杜甫")
    assert du.error("history.page", room="靜", before=31) == "room.not_found"
    # A room that it has never heard of.
    li.result("room.create", room="新")
    li.send("新", "初")
    assert [one["body"] for one in newest(li, "新", 1)] == ["初"]
    exported = li.result("history.export", room="新", format="jsonl")
    assert [json.loads(line)["body"] for line in exported["lines"]] == ["初"]


def test_without_a_replica_the_primary_answers(replicated):
    stack = replicated("唐詩")
    li, standby = stack.li, stack.standbys[0]
    stack.rises("answered", lambda: newest(li, "唐詩", 30))
    # One that swallows everything, and then one that is not there.
    standby.hold()
    seen = li.send("唐詩", "停")["seq"]
    assert newest(li, "唐詩", seen)[-1]["body"] == "停"
    stack.rises("unreachable", lambda: newest(li, "唐詩", seen))
    standby.go_on()
    stack.rises("answered", lambda: newest(li, "唐詩", seen))
    standby.stop()
    seen = li.send("唐詩", "無")["seq"]
    assert newest(li, "唐詩", seen)[-1]["body"] == "無"
    stack.rises("unreachable", lambda: newest(li, "唐詩", seen))
    standby.launch()
    stack.rises("answered", lambda: newest(li, "唐詩", seen))


class Reader(threading.Thread):
    """Sends and reads on, and notes what was less than it had been told."""

    def __init__(self, everline, room, number):
        super().__init__(daemon=True)
        self.everline, self.room, self.number = everline, room, number
        self.session = everline.user(f"讀{number}").session
        self.done, self.wrong, self.rounds, self.epochs = threading.Event(), [], 0, []

    def run(self):
        client = RPC(self.everline.port(8443, self.number % 2), self.everline.ca, self.session)
        while not self.done.is_set():
            try:
                sent = client.call("message.send", room=self.room, clientId=str(uuid.uuid4()), body=f"{self.number} 行")
                if "result" not in sent:
                    time.sleep(0.05)
                    continue
                seq, epoch = sent["result"]["seq"], sent["result"]["epoch"]
                if epoch not in self.epochs:
                    self.epochs.append(epoch)
                answer = client.call("history.page", room=self.room, after=seq - 1, limit=1)
                if "result" not in answer:
                    continue
                page = answer["result"]
                if page["epoch"] != epoch and page["epoch"] in self.epochs:
                    self.wrong.append(f"epoch {page['epoch']} after {epoch}")
                if page["epoch"] == epoch and [one["seq"] for one in page["messages"]] != [seq]:
                    self.wrong.append(f"{seq} was acknowledged, and a page without it served")
                self.rounds += 1
            except (OSError, http.client.HTTPException):
                client = RPC(self.everline.port(8443, self.number % 2), self.everline.ca, self.session)
                time.sleep(0.05)


def test_a_promotion_under_load_serves_no_old_history(replicated):
    """The quick one takes the primary's place. The late one goes on following nobody, with the old epoch."""
    stack = replicated("唐詩", late="1s", hosts=True)
    everline, (quick, late) = stack.everline, stack.standbys
    quick.make_synchronous()
    for n in range(4):
        everline.user(f"讀{n}").result("room.join", room="唐詩")
    readers = [Reader(everline, "唐詩", n) for n in range(4)]
    for reader in readers:
        reader.start()
    try:
        until(lambda: all(reader.rounds > 30 for reader in readers), 180, "reading does not begin")
        lose_primary(everline)
        quick.promote()
        everline.database_port = quick.port
        before = [reader.rounds for reader in readers]
        until(lambda: all(reader.rounds > then + 60 for reader, then in zip(readers, before)), 180, "reading does not go on")
    finally:
        for reader in readers:
            reader.done.set()
        for reader in readers:
            reader.join(120)
    assert [one for reader in readers for one in reader.wrong] == []
    assert all(len(reader.epochs) == 2 for reader in readers)
    # The late one has the old epoch for ever, and is never believed.
    counted = stack.reads()
    for _ in range(20):
        page = stack.li.call("history.page", room="唐詩", before=11)
        assert "error" in page or page["result"]["epoch"] == readers[0].epochs[1]
    assert stack.reads()["behind"] >= counted["behind"]
