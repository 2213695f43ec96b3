"""A session that has ended, or that a restore took back, is over, whatever Redis remembers and whoever was slow."""
import base64
import hashlib
import json
import os
import signal
import socket
import subprocess
import threading
import time
import uuid

import pytest

from client import Line
from running import PASSWORD, ROOT, free_ports


def digest(session):
    return hashlib.sha256(base64.urlsafe_b64decode(session + "=")).hexdigest()


def eventually(condition, what, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def log(everline, name="auth"):
    return (everline.home / f"log/{name}.log").read_text(errors="replace")


def remembered(everline, session):
    return everline.redis("GET", f"everline:session:{digest(session)}", user="auth")


class Gate:
    """Passes a port's bytes on; closed, it holds back what is sent to the port until it is opened."""

    def __init__(self, target):
        self.target = target
        self.open = threading.Event()
        self.open.set()
        self.held = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.target))
            threading.Thread(target=self.copy, args=(client, server, True), daemon=True).start()
            threading.Thread(target=self.copy, args=(server, client, False), daemon=True).start()

    def copy(self, source, sink, gated):
        try:
            while data := source.recv(65536):
                if gated and not self.open.is_set():
                    self.held += len(data)
                    self.open.wait()
                sink.sendall(data)
        except OSError:
            pass
        finally:
            sink.close()


@pytest.fixture
def other_auth(everline):
    """A second instance of auth, which reaches Redis through a gate; and a line to it that has a gateway's certificate."""
    gate = Gate(everline.port(7379))
    port, metrics = free_ports(2, everline)
    process = subprocess.Popen(
        [str(ROOT / ".build/release/auth"), "serve", "--listen-port", str(port), "--metrics-port", str(metrics), "--redis-port", str(gate.port)],
        env=everline.environment, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        certificate = str(everline.home / "certs/message-gateway")
        end = time.monotonic() + 120
        while True:
            try:
                line = Line(port, everline.ca, certificate + ".pem", certificate + ".key")
                break
            except OSError:
                assert time.monotonic() < end and process.poll() is None
                time.sleep(0.05)
        yield line, gate
    finally:
        gate.open.set()
        process.terminate()
        process.wait(120)
        gate.listener.close()


def resume(line, session):
    return line.call("internal.session.resume", params={"session": session}, origin={"address": "127.0.0.1"})


def test_who_read_a_session_before_its_end_does_not_bring_it_back(everline, other_auth):
    line, gate = other_auth
    user = everline.user(f"late{uuid.uuid4().hex[:6]}")
    watcher = everline.user("李白").session
    # Its Redis is reached, and what it answers is remembered.
    everline.redis("DEL", f"everline:session:{digest(watcher)}", user="auth")
    eventually(lambda: "result" in resume(line, watcher) and remembered(everline, watcher) != "", "the second auth does not reach Redis")
    everline.redis("DEL", f"everline:session:{digest(user.session)}", user="auth")
    gate.open.clear()
    assert resume(line, user.session)["result"]["user"]["username"] == user.name
    eventually(lambda: gate.held > 0, "Redis was not asked")
    user.result("auth.logout")
    gate.open.set()
    # Answered behind what was held back.
    eventually(lambda: "result" in resume(line, watcher), "the second auth does not reach Redis")
    for _ in range(3):
        assert everline.line().error("session.resume", session=user.session) == "session.invalid"
        assert resume(line, user.session)["error"]["data"]["name"] == "session.invalid"
    eventually(lambda: remembered(everline, user.session) == "ended", "Redis does not know of the end")


def test_a_session_is_not_given_more_time_once_it_has_ended(everline):
    user = everline.user(f"ended{uuid.uuid4().hex[:6]}")
    key = f"everline:session:{digest(user.session)}"
    assert everline.line().result("session.resume", session=user.session)
    eventually(lambda: remembered(everline, user.session) != "", "the session is not remembered")
    entry = json.loads(everline.redis("--raw", "GET", key, user="auth"))
    # As it is after two days; and the end of which Redis was not told.
    entry["session"]["expiresAt"] = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(time.time() + 28 * 86_400))
    everline.redis("SET", key, json.dumps(entry), user="auth")
    everline.sql(f"DELETE FROM everline.sessions WHERE token_hash = '\\x{digest(user.session)}'")
    assert everline.line().error("session.resume", session=user.session) == "session.invalid"
    assert everline.line().error("session.resume", session=user.session) == "session.invalid"


def test_redis_believes_nothing_for_longer_than_a_minute(everline):
    user = everline.user(f"minute{uuid.uuid4().hex[:6]}")
    before = time.time() * 1000
    everline.redis("DEL", f"everline:session:{digest(user.session)}", user="auth")
    everline.line().result("session.resume", session=user.session)

    def recorded():
        words = b"".join(path.read_bytes() for path in sorted((everline.home / "redis/appendonlydir").glob("*.incr.aof"))).split(b"\r\n")
        # As Redis recorded it: SET key value PXAT milliseconds, each with its length before it.
        return [
            int(words[index + 6]) for index, word in enumerate(words[:-6])
            if word.decode("latin1") == f"everline:session:{digest(user.session)}" and words[index + 4] == b"PXAT"]
    eventually(recorded, "the session is not remembered")
    ends = recorded()
    assert all(before - 60_000 < end <= time.time() * 1000 + 60_000 for end in ends)


def test_an_end_that_redis_was_not_told_of(own_everline):
    everline = own_everline
    user = everline.user("李白")
    session = everline.line().result("auth.login", username="李白", password=PASSWORD)["session"]
    everline.line().result("session.resume", session=session)
    os.kill(everline.pid("redis"), signal.SIGSTOP)
    try:
        # Until its connection is given up.
        eventually(lambda: "redis cannot be reached" in log(everline), "auth does not notice that Redis is silent")
        # Without Redis all goes on.
        again = everline.line().result("session.resume", session=session)
        assert again["user"]["username"] == "李白"
        line = everline.line()
        line.result("session.resume", session=session)
        line.result("auth.logout")
        assert everline.line().error("session.resume", session=session) == "session.invalid"
    finally:
        os.kill(everline.pid("redis"), signal.SIGCONT)
    assert everline.line().error("session.resume", session=session) == "session.invalid"
    eventually(lambda: "redis is reachable again" in log(everline), "auth does not find Redis again")
    assert everline.line().error("session.resume", session=session) == "session.invalid"
    eventually(lambda: remembered(everline, session) == "ended", "Redis is not told")
    assert everline.line().error("session.resume", session=session) == "session.invalid"
    assert everline.line().result("session.resume", session=user.session)


def check(line, hashes):
    return line.call("internal.sessions.check", hashes=hashes)


def test_many_sessions_are_checked_at_once(everline):
    certificate = str(everline.home / "certs/message-gateway")
    line = Line(everline.port(7501), everline.ca, certificate + ".pem", certificate + ".key")
    names = [f"check{uuid.uuid4().hex[:6]}" for _ in range(4)]
    users = [everline.user(name) for name in names]
    good, out, late, disabled = [digest(user.session) for user in users]
    unknown = [hashlib.sha256(str(n).encode()).hexdigest() for n in range(890)]
    everything = [good, *unknown, out, late, disabled, "no hash", "éé" * 16]
    assert check(line, [good, out, late, disabled])["result"] == {"hashes": []}
    users[1].result("auth.logout")
    everline.sql(f"UPDATE everline.sessions SET expires_at = now() - interval '1 s' WHERE token_hash = '\\x{late}'")
    # Not by the prompt, which would end the session.
    everline.sql(f"UPDATE everline.users SET disabled = true WHERE username = '{names[3]}'")
    assert sorted(check(line, everything)["result"]["hashes"]) == sorted(everything[1:])
    assert check(line, [])["result"] == {"hashes": []}
    for wrong in ([good] * 901, "x", [1]):
        assert check(line, wrong)["error"]["code"] == -32602
    history = str(everline.home / "certs/history")
    assert check(Line(everline.port(7501), everline.ca, history + ".pem", history + ".key"), [good])["error"]["data"]["name"] == "peer.forbidden"
    # As many as fit, within a line.
    assert check(line, unknown[:1] * 900)["result"] == {"hashes": unknown[:1] * 900}


def test_thousands_of_sessions_come_back_at_once_without_redis(everline):
    """Each is read from PostgreSQL, many by one query."""
    user = everline.user("李白")
    certificate = str(everline.home / "certs/message-gateway")
    line = Line(everline.port(7501), everline.ca, certificate + ".pem", certificate + ".key")
    number = everline.sql("SELECT id FROM everline.users WHERE username = '李白'")[0][0]
    tokens = [base64.urlsafe_b64encode(os.urandom(32)).decode().rstrip("=") for _ in range(2_000)]
    for part in range(0, 2_000, 500):
        rows = ",".join(f"('\\x{digest(token)}'::bytea, {number}, '127.0.0.1', now() + interval '30 days')" for token in tokens[part:part + 500])
        everline.sql(f"INSERT INTO everline.sessions (token_hash, user_id, address, expires_at) VALUES {rows}")
    ids = []
    for token in tokens + ["x" * 43]:
        ids.append(line.write("internal.session.resume", {"params": {"session": token}, "origin": {"address": "127.0.0.1"}}))
    answers = [line.answer(id) for id in ids]
    assert [answer.get("error") for answer in answers[:-1]] == [None] * 2_000
    assert {answer["result"]["sessionHash"] for answer in answers[:-1]} == {digest(token) for token in tokens}
    assert answers[-1]["error"]["data"]["name"] == "session.invalid"
