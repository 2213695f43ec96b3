"""The load as a whole, seen from the run: people and rooms are made, processes of senders and readers started, and what they recorded is
put beside what PostgreSQL holds."""
import json
import pathlib
import pickle
import queue
import random
import subprocess
import sys
import threading
from collections import Counter, defaultdict

from checker import Reading, Room
from records import KINDS, Ack, Log, Push, RevisionAck, RevisionPush, Stored, StoredRevision, digest


class Worker:
    """One process, see worker.py."""

    def __init__(self, folder, index, specification):
        self.record = folder / f"record-{index}"
        self.errors = open(folder / f"worker-{index}.log", "wb")
        file = folder / f"worker-{index}.json"
        file.write_text(json.dumps(specification, ensure_ascii=False))
        self.process = subprocess.Popen(
            [sys.executable, str(pathlib.Path(__file__).parent / "worker.py"), str(file), str(self.record)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True)
        self.count, self.complaints = Counter(), []
        self.said = queue.Queue()
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        for line in self.process.stdout:
            what = json.loads(line)
            if "count" in what:
                self.count, self.complaints = Counter(what["count"]), what["complaints"]
            else:
                self.said.put(what)

    def tell(self, **what):
        self.process.stdin.write(json.dumps(what) + "\n")
        self.process.stdin.flush()

    def answer(self, key, seconds):
        what = self.said.get(timeout=seconds)
        return what[key]

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.errors.close()


class Load:
    """`ways`: (`line` or `web`, port) of each way in. `depth`: sends in flight of each sender. `turned_back`: whether history may be, so that
    a reader that is told to start over does; otherwise that is a complaint. `mark`: tells the rooms and people of this load from those of another."""

    def __init__(self, everline, ways, seed, rooms=12, senders=8, readers=8, processes=1, depth=20, pace=0, rooms_each=3,
                 revising=True, turned_back=False, mark=""):
        self.everline = everline
        rng = random.Random(seed)
        self.mark = mark
        self.rooms = [f"房 {mark}{n}" for n in range(rooms)]
        people = self.make_people(senders)
        [[epoch]] = everline.sql("SELECT generation || '-' || token FROM everline.epoch")
        specifications = [
            {"ca": everline.ca, "ways": ways, "seed": rng.random(), "epoch": epoch, "depth": depth, "pace": pace, "revising": revising,
             "turned_back": turned_back, "senders": [], "readers": []}
            for _ in range(processes)]
        for n in range(senders):
            user, session, _ = people[n]
            specifications[n % processes]["senders"].append(
                {"number": n, "user": user, "session": session, "rooms": self.some(rng, n, rooms_each)})
        for n in range(readers):
            # Somebody who sends elsewhere at the same time.
            user, session, _ = people[n % senders]
            specifications[n % processes]["readers"].append(
                {"name": f"reader {n}", "user": user, "session": session, "rooms": self.some(rng, n, max(rooms_each, -(-rooms // readers)))})
        self.sender_ids = {people[n][2]: n for n in range(senders)}
        folder = pathlib.Path(everline.folder)
        self.workers = [Worker(folder, n, specification) for n, specification in enumerate(specifications)]

    def some(self, rng, n, count):
        """Of the rooms, so that each has somebody and some have many."""
        first = n * count % len(self.rooms)
        fixed = [self.rooms[(first + k) % len(self.rooms)] for k in range(count)]
        return sorted({*fixed, self.rooms[0], rng.choice(self.rooms)})

    def make_people(self, count):
        """Everybody is a member of every room."""
        people = []
        for n in range(count):
            line = self.everline.user(f"people-{self.mark}{n}")
            asked = [line.write("room.join" if n else "room.create", {"room": room}) for room in self.rooms]
            answers = [line.answer(id) for id in asked]
            assert all("result" in answer for answer in answers), answers
            people.append((line.name, line.session))
            line.close()
        ids = dict(self.everline.sql("SELECT username, id FROM everline.users"))
        return [(name, session, int(ids[name])) for name, session in people]

    @property
    def count(self):
        return sum((worker.count for worker in self.workers), Counter())

    @property
    def complaints(self):
        found = [tuple(one) for worker in self.workers for one in worker.complaints]
        return found + [("broke", f"a process of the load ended: {worker.process.returncode}") for worker in self.workers
                        if worker.process.poll() is not None]

    def quiet(self, seconds=240):
        """Waits until all that was sent is acknowledged and all that was stored is delivered; what did not become so, in words."""
        for worker in self.workers:
            worker.tell(do="drain", seconds=seconds)
        late = [("unsettled", what) for worker in self.workers for what in worker.answer("drained", seconds + 20)]
        goal = {name: [int(seq), int(rev)] for name, seq, rev in self.everline.sql(
            "SELECT r.name, c.last_seq, c.last_rev FROM everline.rooms r JOIN everline.room_counters c ON c.room_id = r.id")}
        for worker in self.workers:
            worker.tell(do="reach", rooms=goal, seconds=seconds)
        for worker in self.workers:
            late += [("undelivered", f"{name}: {missing}") for name, missing in worker.answer("reached", seconds + 20).items()]
        for worker in self.workers:
            worker.tell(do="record")
        for worker in self.workers:
            worker.answer("recorded", 120)
        return late

    def records(self, epochs=()):
        """By room, what the checker compares. `epochs`: earlier ones that it may name."""
        told = self.told()
        [[epoch]] = self.everline.sql("SELECT generation || '-' || token FROM everline.epoch")
        epochs = frozenset(digest(one) for one in (epoch, *epochs))
        acks, revision_acks, unanswered, readers = defaultdict(list), defaultdict(list), defaultdict(dict), defaultdict(dict)
        for link_base, one in enumerate(told):
            for room, data in one["acks"]:
                # Links are numbered in each process from 1.
                acks[room] += [ack._replace(link=ack.link * len(told) + link_base) for ack in Log(Ack, data)]
            for room, data in one["revision_acks"]:
                revision_acks[room] += Log(RevisionAck, data)
            for room, sender, key, text in one["unanswered"]:
                unanswered[room][sender, key] = text
            for name, room, pushes, revisions in one["readings"]:
                readers[room][name] = Reading(Log(Push, pushes), Log(RevisionPush, revisions))
        for id, name, last_seq, last_rev in self.everline.sql(
                "SELECT r.id, r.name, c.last_seq, c.last_rev FROM everline.rooms r JOIN everline.room_counters c ON c.room_id = r.id ORDER BY 1"):
            if name in self.rooms:
                yield Room(name, epochs, int(last_seq), int(last_rev), self.stored(id), self.stored_revisions(id), acks[name],
                           revision_acks[name], unanswered[name], readers[name])

    def told(self):
        return [pickle.loads(worker.record.read_bytes()) for worker in self.workers]

    @property
    def resets(self):
        """Reader, room and new epoch of each."""
        return [one for told in self.told() for one in told["resets"]]

    def stored(self, room):
        return [
            Stored(int(seq), self.sender_ids.get(int(sender), -1), bytes.fromhex(key), bytes.fromhex(text), int(at), int(rev) if rev else None,
                   deleted == "t")
            for seq, sender, key, text, at, rev, deleted in self.everline.sql(
                "SELECT seq, sender_id, replace(client_id::text, '-', ''), left(md5(body), 16), (extract(epoch FROM sent_at) * 1000)::bigint, rev, "
                f"deleted_at IS NOT NULL FROM everline.messages WHERE room_id = {room} ORDER BY seq")]

    def stored_revisions(self, room):
        return [
            StoredRevision(int(rev), int(seq), self.sender_ids.get(int(actor), -1), bytes.fromhex(key), KINDS.index(kind))
            for rev, seq, actor, key, kind in self.everline.sql(
                f"SELECT rev, seq, actor_id, replace(client_id::text, '-', ''), kind FROM everline.revisions WHERE room_id = {room} ORDER BY rev")]

    def close(self):
        for worker in self.workers:
            worker.close()
