"""A sender: keeps sends in flight, each under its clientId until it is acknowledged, over whatever gateway it can reach."""
import asyncio
import collections
import uuid

from client_of_load import LoadClient
from records import KINDS, Ack, Log, RevisionAck, digest

LINES = ["床前明月光，疑是地上霜。", "舉頭望明月，低頭思故鄉。", "All of it, and in this order.", "白日依山盡 🌄 黃河入海流", "e\u0301 \\ \"quoted\" \u2028 \ttab",
         "落霞與孤鶩齊飛，秋水共長天一色。" * 3]
REACTIONS = ["👍", "好", "❤️", "+1", "🎋"]


class Pending:
    """One request that is repeated until it is answered."""
    __slots__ = ("method", "room", "params", "key", "digest", "kind", "seq", "number")

    def __init__(self, method, room, params, key, digest, kind=0, seq=0, number=0):
        self.method, self.room, self.params, self.key, self.digest, self.kind, self.seq, self.number = (
            method, room, params, key, digest, kind, seq, number)


class Sender(LoadClient):
    def __init__(self, world, number, user, session, rooms, depth, pace, rng):
        super().__init__(world, user, session, rng)
        self.number, self.rooms, self.depth = number, rooms, depth
        # The most sends a second; 0 for as many as it can.
        self.pace, self.allowed, self.allowed_at = pace, depth, 0.0
        self.ready = collections.deque()
        self.unsettled = {}
        # What is written on the present link and not answered.
        self.flying = set()
        self.attempts = 0
        self.sent = 0
        # Some of what was acknowledged, old and new: to repeat, and to revise.
        self.old = []
        self.recent = collections.deque(maxlen=50)
        self.revising = False
        self.reacted = {}
        self.deleted = set()
        self.stopping = False
        self.settled = asyncio.Event()
        self.acks = {room: Log(Ack) for room in rooms}
        self.revision_acks = {room: Log(RevisionAck) for room in rooms}
        self.epochs = {}

    def connected(self, link):
        # Nobody knows what became of these: all are sent again, in their order.
        self.ready = collections.deque(sorted(self.unsettled.values(), key=lambda one: one.number))
        self.flying = set()
        self.attempts = 0
        self.pump(link)

    def pushed(self, link, message):
        if message["method"] == "session.ended":
            self.world.complain("unexpected push", f"{self.user}: {message['method']}")

    def turned(self, link):
        if link is self.bound:
            self.pump(link)

    def stop(self):
        self.stopping = True
        self.turned_quiet()

    def turned_quiet(self):
        if self.stopping and not self.unsettled:
            self.settled.set()

    def pump(self, link):
        now = self.world.now()
        if self.pace:
            self.allowed = min(self.depth, self.allowed + (now - self.allowed_at) * self.pace)
            self.allowed_at = now
        while len(self.flying) < self.depth:
            if self.ready:
                one = self.ready.popleft()
            elif self.stopping:
                return
            elif self.pace and self.allowed < 1:
                self.world.loop.call_later(0.05, self.poke)
                return
            else:
                one = self.next()
                self.allowed -= 1
            if one.key in self.flying or one.key not in self.unsettled:
                continue
            self.flying.add(one.key)
            self.attempts += 1
            attempt = self.attempts
            link.ask(one.method, one.params, lambda link, answer, one=one, attempt=attempt: self.answered(link, answer, one, attempt))

    def poke(self):
        if self.bound:
            self.pump(self.bound)
            self.bound.flush()

    def next(self):
        """The next request: mostly a new message; sometimes an old one again, or a change to one of ours."""
        chance = self.rng.random()
        if chance < 0.01 and self.old:
            one = self.rng.choice(self.old)
            if one.key not in self.unsettled:
                self.unsettled[one.key] = one
                return one
        if chance > 0.985 and self.recent and self.world.revising and not self.revising:
            one = self.revision()
            if one:
                return one
        self.sent += 1
        room = self.rng.choice(self.rooms)
        body = f"{self.number}/{self.sent} {self.rng.choice(LINES)}"
        if chance > 0.98:
            body += "長" * self.rng.randrange(500, 3000)
        return self.begin("message.send", room, {"body": body}, body, number=self.sent)

    def revision(self):
        room, seq, epoch = self.rng.choice(self.recent)
        if (room, seq) in self.deleted:
            return None
        done = self.reacted.setdefault((room, seq), [])
        chance = self.rng.random()
        # Each time something that changes something: what changes nothing takes no number.
        free = [one for one in REACTIONS if one not in done]
        more = {"epoch": epoch, "seq": seq}
        if chance < 0.1:
            self.deleted.add((room, seq))
            kind, method, text = "delete", "message.delete", ""
        elif chance < 0.5 and free:
            more["reaction"] = self.rng.choice(free)
            done.append(more["reaction"])
            kind, method, text = "react", "message.react", None
        elif chance < 0.6 and done:
            more |= {"reaction": done.pop(), "remove": True}
            kind, method, text = "unreact", "message.react", None
        else:
            more["body"] = text = f"改 {self.number}/{self.sent} {self.rng.random()}"
            kind, method = "edit", "message.edit"
        self.revising = True
        return self.begin(method, room, more, text, kind=KINDS.index(kind), seq=seq, number=self.sent)

    def begin(self, method, room, params, text, **more):
        key = uuid.UUID(int=self.rng.getrandbits(128))
        one = Pending(method, room, {"room": room, "clientId": str(key)} | params, key.bytes, digest(text) if text is not None else bytes(8), **more)
        self.unsettled[one.key] = one
        return one

    def answered(self, link, answer, one, attempt):
        if link is not self.link:
            return
        self.flying.discard(one.key)
        if error := answer.get("error"):
            if error["data"]["retryable"]:
                self.world.count[f"told {error['data']['name']}"] += 1
                delay = min(error["data"].get("retryAfterMs", 100), 1000) / 1000 * self.rng.uniform(0.3, 1)
                self.world.loop.call_later(delay, self.again, link, one)
                return
            self.world.complain("refused", f"{self.user}: {one.method} in {one.room}: {error}")
            self.unsettled.pop(one.key)
        else:
            self.settle(link, answer["result"], one, attempt)
        if one.method != "message.send":
            self.revising = False
        self.turned_quiet()

    def settle(self, link, result, one, attempt):
        self.unsettled.pop(one.key)
        self.world.count["acknowledged"] += 1
        duplicate, epoch = result.get("duplicate", False), result["epoch"]
        self.world.count["duplicate answers"] += duplicate
        if one.method == "message.send":
            if epoch not in self.epochs:
                self.epochs[epoch] = digest(epoch)
            self.acks[one.room].add(self.number, one.key, one.digest, result["seq"], duplicate, self.epochs[epoch], link.number, attempt)
            if not duplicate:
                self.recent.append((one.room, result["seq"], epoch))
                if len(self.old) < 2000:
                    self.old.append(one)
                elif self.rng.random() < 0.05:
                    self.old[self.rng.randrange(2000)] = one
        else:
            self.revision_acks[one.room].add(self.number, one.key, one.digest, one.kind, one.seq, result["rev"], duplicate)

    def again(self, link, one):
        if link is self.link and one.key in self.unsettled:
            self.ready.append(one)
            self.poke()
