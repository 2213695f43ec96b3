"""A reader: opens rooms, follows them, and after a lost connection goes on where it was, on any gateway. Some stop reading for a while,
some leave their connection half open."""
import asyncio

from client_of_load import LoadClient
from records import Log, Push, RevisionPush, digest


class Following:
    """How far a reader is in a room, and everything it was pushed of it."""

    def __init__(self, epoch):
        self.after = self.after_rev = 0
        self.epoch = epoch
        self.pushes, self.revisions = Log(Push), Log(RevisionPush)


class Reader(LoadClient):
    def __init__(self, world, name, user, session, rooms, epoch, rng):
        super().__init__(world, user, session, rng)
        self.name = name
        self.rooms = {room: Following(epoch) for room in rooms}
        self.digests = {}
        self.abandoned = []
        self.goal, self.reached = None, asyncio.Event()

    async def run(self):
        habits = asyncio.create_task(self.habits())
        await super().run()
        habits.cancel()
        for transport in self.abandoned:
            transport.abort()

    async def habits(self):
        """What real readers do: look away, and lose their network without a word."""
        while True:
            await asyncio.sleep(self.rng.uniform(4, 20))
            link = self.link
            if not link or not link.owner or self.goal:
                continue
            if self.rng.random() < 0.6:
                self.world.count["pauses"] += 1
                link.pause()
                await asyncio.sleep(self.rng.uniform(0.5, 4))
                if link.owner:
                    link.go_on()
            else:
                self.world.count["left half open"] += 1
                self.abandoned.append(link.abandon())
                if len(self.abandoned) > 5:
                    self.abandoned.pop(0).abort()

    def connected(self, link):
        for room in self.rooms:
            self.open(link, room)

    def open(self, link, room):
        if link is not self.link:
            return
        state = self.rooms[room]
        params = {"room": room, "after": state.after, "afterRev": state.after_rev, "epoch": state.epoch}
        self.world.count["resumed" if state.after else "opened"] += 1
        link.ask("room.open", params, lambda link, answer: self.opened(link, answer, room))
        link.flush()

    def opened(self, link, answer, room):
        if link is not self.link:
            return
        if error := answer.get("error"):
            if error["data"]["retryable"]:
                self.world.loop.call_later(self.rng.uniform(0.1, 0.6), self.open, link, room)
            else:
                self.world.complain("refused", f"{self.name}: room.open {room}: {error}")
            return
        result = answer["result"]
        if result.get("reset"):
            self.start_over(room, result["epoch"])
            self.open(link, room)
            return
        self.look()

    def start_over(self, room, epoch):
        """History was turned back: what was seen is void."""
        self.world.resets.append((self.name, room, epoch))
        if not self.world.turned_back:
            self.world.complain("reset", f"{self.name} is told to start {room} over in {epoch}, and nobody turned history back")
        self.rooms[room] = Following(epoch)

    def pushed(self, link, message):
        if link is not self.link:
            return
        method, params = message["method"], message["params"]
        if method == "message.posted":
            state = self.rooms[params["room"]]
            epoch = params["epoch"]
            known = self.digests.get(epoch)
            if known is None:
                known = self.digests[epoch] = digest(epoch)
            state.after = params["seq"]
            state.pushes.add(params["seq"], bytes.fromhex(params["clientId"].replace("-", "")), digest(params["body"]), known)
            self.world.count["delivered"] += 1
        elif method in ("message.edited", "message.deleted"):
            state = self.rooms[params["room"]]
            state.after_rev = params["rev"]
            state.revisions.add(params["rev"], params["seq"], digest(params["body"]), params.get("deleted", False))
            self.world.count["revisions delivered"] += 1
        elif method == "room.reset":
            self.start_over(params["room"], params["epoch"])
            self.open(link, params["room"])
        elif method != "room.changed":
            self.world.complain("unexpected push", f"{self.name}: {method}")

    def turned(self, link):
        if self.goal:
            self.look()

    def reach(self, goal):
        """By room the last number and revision; `reached` once all are seen."""
        self.goal = {room: goal[room] for room in self.rooms}
        if self.link and self.link.paused:
            self.link.go_on()
        self.look()

    def look(self):
        if self.goal and not self.missing():
            self.reached.set()

    def missing(self):
        return {room: [self.rooms[room].after, self.rooms[room].after_rev, *last] for room, last in (self.goal or {}).items()
                if self.rooms[room].after < last[0] or self.rooms[room].after_rev < last[1]}
