"""One connection of a load's client: requests in a pipeline, by TLS lines or by WebSocket."""
import asyncio
import base64
import itertools
import json
import os
import ssl
import time

numbers = itertools.count(1)
# The links of this process, for `watch`.
alive = set()
# A link that owes us something and says nothing for so long is taken for dead; one that owes us nothing is asked for a sign of life.
PATIENCE, QUIET = 9, 2


class Link(asyncio.Protocol):
    """TLS lines. `owner` has `pushed(link, message)`, `turned(link)` after each arrival, and `lost(link)`, once."""

    def __init__(self, owner):
        self.owner, self.number = owner, next(numbers)
        self.ids = itertools.count(1)
        self.asked = {}
        self.out = bytearray()
        self.rest = b""
        self.transport, self.paused = None, False
        self.heard_at = time.monotonic()

    @classmethod
    async def to(cls, owner, port, ca):
        """A new one, or OSError."""
        made = cls(owner)
        async with asyncio.timeout(5):
            await asyncio.get_running_loop().create_connection(
                lambda: made, "127.0.0.1", port, ssl=context(ca), server_hostname="localhost", ssl_handshake_timeout=4)
            await made.opened(port)
        return made

    async def opened(self, port):
        pass

    def connection_made(self, transport):
        self.transport = transport
        alive.add(self)

    def connection_lost(self, error):
        self.gone()

    def eof_received(self):
        return False

    def abort(self):
        if self.transport:
            self.transport.abort()
        self.gone()

    def abandon(self):
        """Never read again, and never closed: the other side must see to that. The transport is ours to close in the end."""
        self.transport.pause_reading()
        self.gone()
        return self.transport

    def gone(self):
        alive.discard(self)
        owner, self.owner = self.owner, None
        if owner:
            owner.lost(self)

    def pause(self):
        self.paused = True
        self.transport.pause_reading()

    def go_on(self):
        self.paused, self.heard_at = False, time.monotonic()
        if not self.transport.is_closing():
            self.transport.resume_reading()

    def ask(self, method, params, answered):
        """`answered(link, answer)` comes later, or never, if the link is lost. Goes out with `flush`."""
        id = next(self.ids)
        if not self.asked:
            self.heard_at = max(self.heard_at, time.monotonic() - QUIET)
        self.asked[id] = answered
        self.put(json.dumps({"jsonrpc": "2.0", "id": id, "method": method, "params": params}, ensure_ascii=False).encode())
        return id

    def put(self, data):
        self.out += data
        self.out += b"\n"

    def flush(self):
        if self.out and self.owner:
            self.transport.write(bytes(self.out))
            self.out.clear()

    async def call(self, method, params):
        """The answer, or OSError if it does not come."""
        waiting = asyncio.get_running_loop().create_future()
        self.ask(method, params, lambda link, answer: waiting.done() or waiting.set_result(answer))
        self.flush()
        async with asyncio.timeout(PATIENCE):
            return await waiting

    def data_received(self, data):
        self.heard_at = time.monotonic()
        lines = (self.rest + data).split(b"\n")
        self.rest = lines.pop()
        self.take(lines)

    def take(self, lines):
        for line in lines:
            if not self.owner:
                return
            message = json.loads(line)
            if "method" in message:
                self.owner.pushed(self, message)
            elif message["id"] is not None:
                self.asked.pop(message["id"])(self, message)
        if self.owner:
            self.owner.turned(self)
            self.flush()


class WebLink(Link):
    """The same by WebSocket (RFC 6455): text frames, masked with zeros."""

    async def opened(self, port):
        self.upgraded = asyncio.get_running_loop().create_future()
        key = base64.b64encode(os.urandom(16)).decode()
        self.transport.write(
            f"GET /ws HTTP/1.1\r\nHost: localhost:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
        await self.upgraded

    def gone(self):
        upgraded = getattr(self, "upgraded", None)
        if upgraded and not upgraded.done():
            upgraded.set_exception(ConnectionError("no WebSocket"))
        super().gone()

    def put(self, data, opcode=1):
        size = len(data)
        self.out += bytes([0x80 | opcode])
        self.out += bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
        self.out += b"\0\0\0\0"
        self.out += data

    def data_received(self, data):
        self.heard_at = time.monotonic()
        data = self.rest + data
        if not self.upgraded.done():
            head, end, rest = data.partition(b"\r\n\r\n")
            if not end:
                self.rest = data
                return
            if not head.startswith(b"HTTP/1.1 101 "):
                self.abort()
                return
            data = rest
            self.upgraded.set_result(None)
        lines, at = [], 0
        while len(data) - at >= 2:
            size, start = data[at + 1], at + 2
            if size >= 126:
                width = 2 if size == 126 else 8
                if len(data) - start < width:
                    break
                size, start = int.from_bytes(data[start:start + width], "big"), start + width
            if len(data) - start < size:
                break
            opcode = data[at] & 0x0F
            if opcode == 1:
                lines.append(data[start:start + size])
            elif opcode == 9:
                self.put(data[start:start + size], opcode=10)
            elif opcode == 8:
                self.abort()
                return
            at = start + size
        self.rest = data[at:]
        self.take(lines)


async def watch():
    """Ends links that have gone quiet, as a careful client does."""
    while True:
        await asyncio.sleep(0.5)
        now = time.monotonic()
        for link in list(alive):
            quiet = now - link.heard_at
            if link.paused or not link.owner:
                continue
            if link.asked and quiet > PATIENCE:
                link.abort()
            elif not link.asked and quiet > QUIET:
                # There is no such method; that it is said is the sign of life.
                link.ask("nothing", {}, lambda link, answer: None)
                link.flush()


contexts = {}


def context(ca):
    if ca not in contexts:
        contexts[ca] = ssl.create_default_context(cafile=ca)
    return contexts[ca]
