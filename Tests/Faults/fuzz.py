"""A mutation fuzzer on all three doors. The processes live on, their memory stays flat, whoever behaves is served all the time, and nobody
is answered with what is another's.

    fuzz.py [--lines N] [--seed N]
"""
import argparse
import base64
import os
import pathlib
import random
import socket
import sys
import threading
import time
import uuid
from collections import Counter

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from client import context
from mutation import Mutator
from running import Everline

SERVICES = ["message-gateway-0", "history-0", "auth", "db-guardian", "postgres", "redis"]
BURST = 100


class Secrets:
    """What must never come out of a fuzzer's connection."""

    def __init__(self, texts):
        self.texts = [text.encode() for text in texts]
        self.longest = max(map(len, self.texts))

    def look(self, data):
        for text in self.texts:
            if text in data:
                raise AssertionError(f"another user's data came out: …{data[max(0, data.find(text) - 200):][:400]!r}")


class Door:
    """A connection that is made again when it ends; `served` counts answers that were waited for."""
    base = 7443

    def __init__(self, fuzz, seed):
        self.fuzz = fuzz
        self.mutator = Mutator(seed, fuzz.rooms, fuzz.epoch, fuzz.sessions)
        self.rng = random.Random(seed + 1)
        self.count = Counter()
        self.socket = None
        self.tail = b""
        self.failure = None

    def run(self, lines):
        try:
            while self.count["lines"] < lines:
                try:
                    if self.socket is None:
                        self.open()
                    self.burst(min(BURST, lines - self.count["lines"]))
                except (ConnectionError, BrokenPipeError, EOFError, OSError) as error:
                    if isinstance(error, TimeoutError):
                        raise
                    self.count["connections ended"] += 1
                    self.close()
        except BaseException as error:
            self.failure = error
        finally:
            self.close()

    def connect(self):
        raw = socket.create_connection(("127.0.0.1", self.fuzz.everline.port(self.base)), 120)
        self.socket = context(self.fuzz.everline.ca).wrap_socket(raw, server_hostname="localhost")
        self.tail = b""

    def open(self):
        self.connect()
        self.resume()

    def close(self):
        if self.socket:
            self.socket.close()
        self.socket = None

    def receive(self):
        data = self.socket.recv(262_144)
        if not data:
            raise EOFError
        self.count["bytes answered"] += len(data)
        data = self.tail + data
        self.fuzz.secrets.look(data)
        self.tail = data[-self.fuzz.secrets.longest:]
        return data

    def until_answered(self, mark):
        data = b""
        while mark not in data:
            data = data[-len(mark):] + self.receive()
        self.count["served"] += 1


class Lines(Door):
    def resume(self):
        self.socket.sendall(self.fuzz.resuming())
        self.until_answered(b'"resumed"')

    def burst(self, count):
        lines = [self.mutator.line(self.count["lines"] + n) for n in range(count)]
        mark = f'"sign of life {self.count["lines"]}"'.encode()
        data = b"\n".join(lines) + b'\n{"jsonrpc":"2.0","method":"nothing","id":' + mark + b"}\n"
        self.count["lines"] += count
        if self.rng.random() < 0.05:
            # In pieces of any size, so that every part of a line may be all there is for a while.
            at = 0
            while at < len(data):
                size = self.rng.choice([1, 2, 7, 100, 5000])
                self.socket.sendall(data[at:at + size])
                at += size
        else:
            self.socket.sendall(data)
        self.until_answered(mark)
        if self.count["served"] % 10 == 0:
            # What was said may have logged it out.
            self.resume()


class Frames(Door):
    base = 8443

    def resume(self):
        port = self.fuzz.everline.port(self.base)
        self.socket.sendall(
            f"GET /ws HTTP/1.1\r\nHost: localhost:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {base64.b64encode(self.rng.randbytes(16)).decode()}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
        self.until_answered(b"\r\n\r\n")
        self.socket.sendall(self.frame(self.fuzz.resuming().strip()))
        self.until_answered(b'"resumed"')

    def frame(self, data, opcode=1, fin=True):
        size = len(data)
        head = bytes([(0x80 if fin else 0) | opcode])
        head += bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big") if size < 65536 else b"\xff" + size.to_bytes(8, "big")
        return head + b"\0\0\0\0" + data

    def burst(self, count):
        count = min(count, 20)
        mark = f'"sign of life {self.count["lines"]}"'.encode()
        data = b""
        for n in range(count):
            line = self.mutator.line(self.count["lines"] + n)
            chance = self.rng.random()
            # Invalid UTF-8 ends a WebSocket (RFC 6455 section 8.1), so that most of it is left out here.
            if chance < 0.97:
                line = line.decode("utf-8", "replace").encode()[:65_536]
            if chance < 0.003:
                data += self.mutator.flip(self.frame(line))
            elif chance < 0.03 and len(line) > 3:
                at = self.rng.randrange(1, len(line))
                data += self.frame(line[:at], fin=False) + self.frame(b"?", opcode=9) + self.frame(line[at:], opcode=0)
            else:
                data += self.frame(line)
        self.count["lines"] += count
        self.socket.sendall(data + self.frame(b'{"jsonrpc":"2.0","method":"nothing","id":' + mark + b"}"))
        self.until_answered(mark)


class Posts(Door):
    base = 8443

    def resume(self):
        pass

    def burst(self, count):
        for _ in range(min(count, 20)):
            body = self.mutator.line(self.count["lines"])
            self.count["lines"] += 1
            session = self.rng.choice([*self.fuzz.sessions, "x" * 43, ""])
            head = (f"POST /rpc HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAuthorization: Bearer {session}\r\n"
                    f"Content-Length: {len(body)}\r\n\r\n").encode()
            if self.rng.random() < 0.02:
                # Whatever it answers, what follows on this connection is not ours to know.
                self.socket.sendall(self.mutator.flip(head) + body + b"\r\n\r\n")
                self.socket.settimeout(0.05)
                try:
                    while True:
                        self.receive()
                except TimeoutError:
                    pass
                raise EOFError
            self.socket.sendall(head + body)
            self.answer()

    def answer(self):
        data = b""
        while b"\r\n\r\n" not in data:
            data += self.receive_all()
        head, _, rest = data.partition(b"\r\n\r\n")
        found = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        length = int(found[0].split(b":")[1]) if found else 0
        while len(rest) < length:
            rest += self.receive_all()
        self.count["served"] += 1
        if b"connection: close" in head.lower():
            raise EOFError

    def receive_all(self):
        data = self.socket.recv(262_144)
        if not data:
            raise EOFError
        self.count["bytes answered"] += len(data)
        self.fuzz.secrets.look(data)
        return data


class Healthy(threading.Thread):
    """Somebody who does nothing wrong, and is served all the while."""

    def __init__(self, everline):
        super().__init__(daemon=True)
        self.line = everline.user("healthy")
        self.line.result("room.create", room="安靜", kind="private")
        self.done = threading.Event()
        self.served, self.slowest, self.failure = 0, 0.0, None

    def run(self):
        try:
            while not self.done.is_set():
                begun = time.monotonic()
                assert self.line.send("安靜", f"第 {self.served + 1} 行")["seq"] == self.served + 1
                self.slowest = max(self.slowest, time.monotonic() - begun)
                self.served += 1
                time.sleep(0.01)
        except BaseException as error:
            self.failure = error


class Fuzz:
    def __init__(self, everline, seed, lines):
        self.everline, self.seed, self.lines = everline, seed, lines
        victim = everline.user("victim")
        private, marker = f"密室 {uuid.uuid4()}", f"marker {uuid.uuid4()}"
        victim.result("room.create", room=private, kind="private")
        for n in range(40):
            victim.send(private, f"{marker} {n}")
        self.victim, self.private = victim, private
        users = [everline.user(f"fuzz-{n}") for n in range(3)]
        users[0].result("room.create", room="模糊")
        for user in users[1:]:
            user.result("room.join", room="模糊")
        for n in range(40):
            users[0].send("模糊", f"{n}")
        self.epoch = users[0].result("room.open", room="模糊")["epoch"]
        self.rooms = ["模糊", "模糊", "模糊", private, "nowhere", "安靜"]
        self.sessions = [user.session for user in users]
        for user in users:
            user.close()
        self.secrets = Secrets([marker, victim.session, (everline.home / "admin-password").read_text().strip()])

    def resuming(self):
        return b'{"jsonrpc":"2.0","id":"resumed","method":"session.resume","params":{"session":"' + self.sessions[0].encode() + b'"}}\n'

    def run(self, progress=False):
        """What was found; nothing if all is well."""
        found = []
        pids = {name: self.everline.pid(name) for name in SERVICES}
        healthy = Healthy(self.everline)
        healthy.start()
        doors = [Lines(self, self.seed), Lines(self, self.seed + 1000), Frames(self, self.seed + 2000), Posts(self, self.seed + 3000)]
        shares = [0.4, 0.4, 0.15, 0.05]
        threads = [threading.Thread(target=door.run, args=(int(share * self.lines),), daemon=True) for door, share in zip(doors, shares)]
        for thread in threads:
            thread.start()
        warm, said = None, 0.0
        begun = time.monotonic()
        while any(thread.is_alive() for thread in threads):
            time.sleep(0.2)
            done = sum(door.count["lines"] for door in doors)
            if warm is None and done > 0.2 * self.lines:
                warm = {name: resident(pids[name]) for name in SERVICES[:4]}
            if progress and time.monotonic() - said > 10:
                said = time.monotonic()
                print(f"{said - begun:6.0f} s {done:9} lines  {healthy.served} served beside  "
                      f"{resident(pids['message-gateway-0']) >> 20} MiB resident", flush=True)
        healthy.done.set()
        healthy.join(120)
        after = {name: resident(pids[name]) for name in SERVICES[:4]}
        total = sum((door.count for door in doors), Counter())
        for door in doors:
            if door.failure:
                found.append(f"{type(door).__name__}: {door.failure!r}")
        for name, pid in pids.items():
            if self.everline.pid(name) != pid or not os.path.exists(f"/proc/{pid}"):
                found.append(f"{name} is another process than before")
        if healthy.failure or not healthy.served:
            found.append(f"who behaved was not served: {healthy.failure!r}")
        grown = {name: after[name] - (warm or after)[name] for name in after}
        if any(more > 64 << 20 for more in grown.values()):
            found.append(f"memory grew: {grown}")
        # The room that none of them may touch is as it was.
        page = self.victim.result("history.page", room=self.private, after=0, limit=200)["messages"]
        if len(page) != 40 or self.victim.result("room.open", room=self.private)["lastRev"]:
            found.append(f"a room of another was changed: {len(page)} messages")
        print(f"{total['lines']} lines in {time.monotonic() - begun:.0f} s, {total['connections ended']} connections ended, "
              f"{total['bytes answered'] >> 20} MiB answered, {healthy.served} served beside (slowest {healthy.slowest * 1000:.0f} ms), "
              f"grown by {grown}")
        return found


def resident(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lines", type=int, default=int(os.environ.get("FUZZ_LINES", 1_000_000)))
    parser.add_argument("--seed", type=int, default=int(os.environ.get("FAULTS_SEED", random.SystemRandom().randrange(1 << 32))))
    given = parser.parse_args()
    print(f"== fuzzing with seed {given.seed}")
    everline = Everline()
    try:
        everline.start()
        found = Fuzz(everline, given.seed, given.lines).run(progress=True)
        if found:
            print(everline.logs())
    finally:
        everline.remove()
    for one in found:
        print(f"  FOUND  {one}")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
