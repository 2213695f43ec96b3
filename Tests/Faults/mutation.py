"""Requests of all methods, made wrong in all ways that come to mind; everything follows from the seed."""
import json
import random
import uuid

WORDS = ["李白", "杜甫", "唐詩", "x", "", " ", "a\nb", "\u0000", "\ud7ff", "e\u0301", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "詩" * 64, "x" * 300, "床前明月光", "../../etc/passwd", "%s%n", "'; DROP TABLE x", "__proto__"]
NUMBERS = ["0", "-0", "-1", "1.5", "1e2", "1e999", "-1e-999", "9007199254740993", "9223372036854775807", "9223372036854775808",
           "-9223372036854775809", "99999999999999999999999999", "0x10", "01", "+1", ".5", "5.", "1E+400", "NaN", "Infinity", "9" * 400]
VALUES = ["null", "true", "false", "[]", "{}", '""', '"\\ud800"', '"\\u0000"', '"\\x"', "[[[[]]]]", '{"a":{"b":{"c":[]}}}', '{"a":1,"a":2}']
BYTES = [b"\x00", b"\xff", b"\xfe\xff", b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80", b"\xe4\xb8", b"\\", b'"', b"{", b"}", b"[", b"]", b",", b":", b"\r", b"\t",
         b"\n", b"\x7f", b"\xe2\x80\xa8", b"\\u12", b"//", b"/*", b"\xef\xbb\xbf"]


class Mutator:
    """`rooms`: names to ask for, also of rooms that are not the asker's. `sessions`: tokens that are valid."""

    def __init__(self, seed, rooms, epoch, sessions):
        self.rng = random.Random(seed)
        self.rooms, self.epoch, self.sessions = rooms, epoch, sessions

    def room(self):
        return self.rng.choice(self.rooms) if self.rng.random() < 0.9 else self.rng.choice(WORDS)

    def request(self, id):
        """A request as it should be, as text."""
        rng = self.rng
        chance = rng.random()
        room, seq, key = self.room(), rng.randrange(1, 50), str(uuid.UUID(int=rng.getrandbits(128)))
        if chance < 0.3:
            method, params = "message.send", {"room": room, "clientId": key, "body": rng.choice(WORDS) + str(id)}
        elif chance < 0.38:
            method, params = "message.send", {"room": room, "clientId": key, "body": "覆", "replyTo": seq, "epoch": self.epoch}
        elif chance < 0.46:
            method, params = "message.edit", {"room": room, "epoch": self.epoch, "seq": seq, "clientId": key, "body": "改"}
        elif chance < 0.49:
            method, params = "message.delete", {"room": room, "epoch": self.epoch, "seq": seq, "clientId": key}
        elif chance < 0.55:
            method, params = "message.react", {"room": room, "epoch": self.epoch, "seq": seq, "clientId": key, "reaction": "👍", "remove": rng.random() < 0.5}
        elif chance < 0.65:
            method, params = "history.page", {"room": room, rng.choice(["before", "after", "around", "at"]): seq, "limit": rng.randrange(1, 20)}
        elif chance < 0.70:
            method, params = "history.recent", {"room": room}
        elif chance < 0.76:
            method, params = "room.open", {"room": room, "epoch": self.epoch, "after": seq, "afterRev": seq}
        elif chance < 0.79:
            method, params = "room.close", {"room": room}
        elif chance < 0.81:
            method, params = "session.resume", {"session": rng.choice(self.sessions)}
        elif chance < 0.985:
            method = rng.choice(["room.join", "room.members", "room.invite", "room.setRole", "room.remove", "rpc.discover", "internal.auth.login",
                                 "internal.session.resume", "history.search", "history.stats", "auth.sessions", "room.markRead"])
            params = {"room": room}
            if method in ("room.invite", "room.setRole", "room.remove"):
                params |= {"username": rng.choice(WORDS), "role": "member", "ban": True}
        elif chance < 0.995:
            method, params = "room.list", {}
        else:
            # Rare: a hash is dear, and a new room is there for good.
            method, params = rng.choice([
                ("room.create", {"room": rng.choice(WORDS) + str(id), "kind": "private"}),
                ("auth.login", {"username": rng.choice(WORDS), "password": "x"}), ("auth.register", {"username": "x", "password": rng.choice(WORDS)})])
        return json.dumps({"jsonrpc": "2.0", "id": id, "method": method, "params": params}, ensure_ascii=rng.random() < 0.2).encode("utf-8", "surrogatepass")

    def line(self, id):
        """A line that is wrong somehow, or now and then right. It may hold line ends; it may be too long."""
        rng = self.rng
        chance = rng.random()
        if chance < 0.02:
            many = rng.choice([1, 2, 3, 10, 100, 101])
            data = b"[" + b",".join(self.request(f"{id}-{n}") for n in range(many)) + b"]"
        else:
            data = self.request(id)
        if chance > 0.9:
            return data
        for _ in range(rng.choice([1, 1, 1, 2, 5])):
            data = rng.choice(self.ways)(self, data)
        return data

    def place(self, data):
        return self.rng.randrange(len(data) + 1)

    def flip(self, data):
        made = bytearray(data)
        for _ in range(self.rng.randrange(1, 9)):
            if made:
                made[self.rng.randrange(len(made))] ^= 1 << self.rng.randrange(8)
        return bytes(made)

    def truncate(self, data):
        return data[:self.place(data)]

    def cut(self, data):
        a, b = sorted((self.place(data), self.place(data)))
        return data[:a] + data[b:]

    def repeat(self, data):
        a, b = sorted((self.place(data), self.place(data)))
        return data[:b] + data[a:b] * self.rng.randrange(1, 4) + data[b:]

    def insert(self, data):
        at = self.place(data)
        return data[:at] + self.rng.choice(BYTES) * self.rng.choice([1, 1, 2, 50]) + data[at:]

    def noise(self, data):
        at = self.place(data)
        return data[:at] + self.rng.randbytes(self.rng.randrange(1, 40)) + data[at:]

    def nest(self, data):
        at, depth = self.place(data), self.rng.choice([5, 30, 300, 3000])
        opening, closing = self.rng.choice([(b"[", b"]"), (b'{"a":', b"}")])
        return data[:at] + opening * depth + b"1" + closing * depth + data[at:]

    def value(self, data):
        """Another value in some member's place."""
        parts = data.split(b":")
        if len(parts) < 3:
            return data
        at = self.rng.randrange(1, len(parts))
        rest = parts[at].lstrip()
        end = min([place for place in (rest.find(b","), rest.find(b"}")) if place >= 0] or [len(rest)])
        parts[at] = self.rng.choice(self.rng.choice([NUMBERS, VALUES])).encode() + rest[end:]
        return b":".join(parts)

    def member(self, data):
        at = data.find(b"{", self.rng.randrange(max(1, len(data) // 2)))
        extra = f'"{self.rng.choice(["id", "method", "params", "jsonrpc", "room", "userId", "x", "origin"])}":{self.rng.choice(VALUES)},'.encode()
        return data if at < 0 else data[:at + 1] + extra + data[at + 1:]

    def space(self, data):
        at = self.place(data)
        return data[:at] + self.rng.choice([b" ", b"\t", b"\r"]) * self.rng.choice([1, 10, 1000]) + data[at:]

    def long(self, data):
        """Seldom: it ends the connection."""
        if self.rng.random() > 0.02:
            return self.flip(data)
        at = self.place(data)
        return data[:at] + b"x" * self.rng.choice([60_000, 65_400, 70_000, 200_000]) + data[at:]

    ways = [flip, truncate, cut, repeat, insert, noise, nest, value, value, value, member, space, long]
