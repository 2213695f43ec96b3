"""One process of the load: some senders and readers, told by lines on its input what to do, and telling on its output what it did.

    worker.py SPECIFICATION RECORD
"""
import asyncio
import collections
import json
import pickle
import random
import sys
import time

import link
from reader import Reader
from sender import Sender


class World:
    """What the clients of this process share."""

    def __init__(self, specification):
        self.ca, self.ways = specification["ca"], [tuple(way) for way in specification["ways"]]
        self.revising, self.turned_back = specification["revising"], specification["turned_back"]
        self.loop = asyncio.get_running_loop()
        self.count = collections.Counter()
        self.complaints = []
        self.resets = []

    def now(self):
        return time.monotonic()

    def complain(self, kind, what):
        if len(self.complaints) < 100:
            self.complaints.append((kind, what))

    def broke(self, loop, what):
        # asyncio's own, of Python 3.11: a connection ended while it was about to be read again, or ended twice at once (its transport is lost by that).
        if "SSLProtocol._resume_reading" not in what["message"] and "eof_received() call failed" not in what["message"]:
            self.complain("broke", f"{what['message']}: {what.get('exception')!r}")


def say(**what):
    print(json.dumps(what), flush=True)


async def main(specification, record):
    world = World(specification)
    rng = random.Random(specification["seed"])
    senders = [
        Sender(world, one["number"], one["user"], one["session"], one["rooms"], specification["depth"], specification["pace"],
               random.Random(rng.random())) for one in specification["senders"]]
    readers = [
        Reader(world, one["name"], one["user"], one["session"], one["rooms"], specification["epoch"],
               random.Random(rng.random()))
        for one in specification["readers"]]
    tasks = [asyncio.create_task(one.run()) for one in senders + readers] + [asyncio.create_task(link.watch())]
    for task in tasks:
        task.add_done_callback(lambda task: task.cancelled() or task.exception() and world.complain("broke", repr(task.exception())))
    world.loop.set_exception_handler(world.broke)
    lines = asyncio.StreamReader()
    await world.loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    order = asyncio.create_task(lines.readline())
    while True:
        await asyncio.wait([order], timeout=1)
        say(count=world.count, complaints=world.complaints)
        if not order.done():
            continue
        line = order.result()
        if not line:
            return
        order = asyncio.create_task(lines.readline())
        what = json.loads(line)
        if what["do"] == "drain":
            for one in senders:
                one.stop()
            await within(what["seconds"], [one.settled for one in senders])
            say(drained=[f"{len(one.unsettled)} requests: {one.state}" for one in senders if one.unsettled])
        elif what["do"] == "reach":
            for one in readers:
                one.reach(what["rooms"])
            await within(what["seconds"], [one.reached for one in readers])
            say(reached={one.name: f"{one.missing()}: {one.state}" for one in readers if not one.reached.is_set()})
        elif what["do"] == "record":
            write(record, world, senders, readers)
            say(recorded=True)


async def within(seconds, events):
    try:
        async with asyncio.timeout(seconds):
            for event in events:
                await event.wait()
    except TimeoutError:
        pass


def write(record, world, senders, readers):
    with open(record, "wb") as file:
        pickle.dump({
            "acks": [(room, bytes(log.data)) for one in senders for room, log in one.acks.items()],
            "revision_acks": [(room, bytes(log.data)) for one in senders for room, log in one.revision_acks.items()],
            "unanswered": [(one.room, one_sender.number, one.key, one.digest) for one_sender in senders for one in one_sender.unsettled.values()
                           if one.method == "message.send"],
            "readings": [(one.name, room, bytes(state.pushes.data), bytes(state.revisions.data))
                         for one in readers for room, state in one.rooms.items()],
            "resets": world.resets, "complaints": world.complaints, "count": world.count,
        }, file)


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        asyncio.run(main(json.load(file), sys.argv[2]))
