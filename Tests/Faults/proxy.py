"""A TCP proxy that misbehaves when told to: connections through it are cut, swallowed (half open: accepted and read, and never an answer), or
delayed. It sees only TLS.

As a program: `proxy.py NAME=PORT…` listens for each name on a port of its own, prints those, and takes orders as lines of JSON.
"""
import asyncio
import collections
import json
import pathlib
import subprocess
import sys
import threading


class Target:
    """Where connections of one name go, and how they fare at present."""

    def __init__(self, port):
        self.port = port
        self.mode, self.delay = "open", 0.0
        self.sides = set()

    def set(self, mode, delay=0.0):
        if mode == "cut" or (self.mode == "swallow" and mode != "swallow"):
            # What was swallowed is missing from these streams for good.
            for side in list(self.sides):
                if mode == "cut" or side.spoilt:
                    side.abort()
        self.mode, self.delay = mode, delay


class Side(asyncio.Protocol):
    """One end of a connection through the proxy; `other` is the other end."""

    def __init__(self, target, other=None):
        self.target, self.other = target, other
        self.transport = None
        self.spoilt = False
        # What goes out here, and when; later never overtakes earlier.
        self.queue = collections.deque()
        self.due = 0.0

    def connection_made(self, transport):
        self.transport = transport
        self.target.sides.add(self)
        loop = asyncio.get_running_loop()
        if self.other:
            self.pump()
            return
        if self.target.mode == "cut":
            transport.abort()
            return
        self.other = Side(self.target, self)
        if self.target.mode == "swallow":
            self.spoilt = True
            return
        self.connecting = loop.create_task(self.connect(loop))

    async def connect(self, loop):
        try:
            await loop.create_connection(lambda: self.other, "127.0.0.1", self.target.port)
        except OSError:
            self.abort()
        else:
            if self.transport.is_closing():
                self.other.abort()

    def connection_lost(self, error):
        self.target.sides.discard(self)
        if self.other and self.other.transport:
            if error or self.other.spoilt:
                self.other.transport.abort()
            else:
                self.other.send(None)

    def abort(self):
        for one in (self, self.other):
            if one and one.transport:
                one.transport.abort()

    def data_received(self, data):
        if self.target.mode == "swallow":
            self.spoilt = self.other.spoilt = True
        if not self.spoilt:
            self.other.send(data)

    def send(self, data):
        loop = asyncio.get_running_loop()
        self.due = max(loop.time() + self.target.delay, self.due)
        self.queue.append((self.due, data))
        if len(self.queue) == 1:
            self.pump()

    def pump(self):
        if not self.transport:
            return
        loop = asyncio.get_running_loop()
        while self.queue:
            due, data = self.queue[0]
            if due > loop.time():
                loop.call_at(due, self.pump)
                return
            self.queue.popleft()
            if self.spoilt or self.transport.is_closing():
                continue
            if data is None:
                self.transport.close()
            else:
                self.transport.write(data)

    def pause_writing(self):
        if self.other.transport:
            self.other.transport.pause_reading()

    def resume_writing(self):
        if self.other.transport:
            self.other.transport.resume_reading()


async def main(arguments):
    loop = asyncio.get_running_loop()
    targets, ports = {}, {}
    for argument in arguments:
        name, _, port = argument.rpartition("=")
        target = targets[name] = Target(int(port))
        server = await loop.create_server(lambda target=target: Side(target), "127.0.0.1", 0, backlog=512)
        ports[name] = server.sockets[0].getsockname()[1]
    print(json.dumps(ports), flush=True)
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        order = json.loads(line)
        targets[order.pop("name")].set(**order)
        print("{}", flush=True)


class Proxy:
    """The program, from outside. `ports` has the port to use for each name."""

    def __init__(self, targets):
        self.process = subprocess.Popen(
            [sys.executable, str(pathlib.Path(__file__)), *(f"{name}={port}" for name, port in targets.items())],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ports = json.loads(self.process.stdout.readline())
        # Faults overlap, and each has a thread.
        self.one_at_a_time = threading.Lock()

    def set(self, name, mode, delay=0.0):
        """`open`, `cut` or `swallow`; done when this returns."""
        with self.one_at_a_time:
            self.process.stdin.write(json.dumps({"name": name, "mode": mode, "delay": delay}) + "\n")
            self.process.stdin.flush()
            assert self.process.stdout.readline() == "{}\n", "the proxy has ended"

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
