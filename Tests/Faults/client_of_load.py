"""What senders and readers have in common: a connection to some gateway, again and again."""
import asyncio

from link import Link, WebLink


class LoadClient:
    def __init__(self, world, user, session, rng):
        self.world, self.user, self.session, self.rng = world, user, session, rng
        # The present connection, and the same once it is bound to the session.
        self.link = self.bound = None
        self.way = None
        self.ended = asyncio.Event()
        self.gone = asyncio.Event()

    async def run(self):
        """Until `ended`."""
        while not self.ended.is_set():
            try:
                await self.connect()
                await self.gone.wait()
            except (OSError, TimeoutError):
                self.drop()
            await asyncio.sleep(self.rng.uniform(0.02, 0.3))
        self.drop()

    async def connect(self):
        kind, port = self.way = self.rng.choice(self.world.ways)
        self.gone.clear()
        link = await (WebLink if kind == "web" else Link).to(self, port, self.world.ca)
        self.link = link
        self.world.count["connections"] += 1
        answer = await link.call("session.resume", {"session": self.session})
        if error := answer.get("error"):
            if not error["data"]["retryable"]:
                self.world.complain("session refused", f"{self.user}: {error}")
            raise ConnectionError("the session is not taken")
        if self.link is not link:
            raise ConnectionError("lost meanwhile")
        self.bound = link
        self.connected(link)
        link.flush()

    def drop(self):
        link, self.link, self.bound = self.link, None, None
        if link:
            link.abort()

    @property
    def state(self):
        """For whoever asks why it stands still."""
        if not self.link:
            return f"{self.user} has no connection; last by {self.way}"
        link = self.link
        return (f"{self.user} by {self.way}{'' if self.bound else ', not bound'}: waits for {len(link.asked)} answers, heard something "
                f"{self.world.now() - link.heard_at:.1f} s ago{', looks away' if link.paused else ''}{'' if link.owner else ', is gone'}")

    def lost(self, link):
        if self.link is link:
            self.link = self.bound = None
            self.gone.set()
