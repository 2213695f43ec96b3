"""Any one part dies or is stopped: it comes back and nobody lost a line."""
import os
import signal
import threading
import time
import uuid

import pytest

from client import Line, WebSocket
from running import PASSWORD


class Sender(threading.Thread):
    """Sends numbered lines, each until it is acknowledged, through whatever connection it can get."""

    def __init__(self, everline, session, room):
        super().__init__(daemon=True)
        self.everline, self.session, self.room = everline, session, room
        self.acknowledged = {}
        self.done = threading.Event()
        self.failure = None

    def run(self):
        line, number = None, 0
        try:
            while not self.done.is_set():
                number += 1
                key = str(uuid.uuid4())
                # Longer than whatever is done to the server meanwhile, such as a restore.
                end = time.monotonic() + 600
                while True:
                    assert time.monotonic() < end, "a line was not acknowledged within ten minutes"
                    try:
                        if line is None:
                            line = self.everline.line(timeout=30)
                            answer = line.call("session.resume", session=self.session)
                            if "error" in answer:
                                raise ConnectionError
                        answer = line.call("message.send", room=self.room, clientId=key, body=f"{number} 行")
                    except (OSError, ConnectionError, ValueError):
                        line = None
                        time.sleep(0.05)
                        continue
                    if "result" in answer:
                        self.acknowledged[answer["result"]["seq"]] = f"{number} 行"
                        break
                    assert answer["error"]["data"]["retryable"], answer
                    time.sleep(0.05)
        except BaseException as error:
            self.failure = error


def back(everline, name, old):
    """Waits until another process stands in its place."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        try:
            if everline.pid(name) != old and os.path.exists(f"/proc/{everline.pid(name)}"):
                return
        except (FileNotFoundError, ValueError):
            pass
        time.sleep(0.05)
    raise AssertionError(f"{name} did not come back")


def everything(line, room):
    """The whole room by pages."""
    found, after = [], 0
    while True:
        answer = line.call("history.page", room=room, after=after, limit=200)
        if "error" in answer:
            time.sleep(0.2)
            continue
        found += answer["result"]["messages"]
        if not answer["result"]["hasMore"]:
            return found
        after = found[-1]["seq"]


def test_every_part_is_killed_in_turn(own_everline):
    everline = own_everline
    user = everline.user("李白")
    room = "不漏一行"
    user.result("room.create", room=room)
    sender = Sender(everline, user.session, room)
    sender.start()
    for name in ("message-gateway-0", "history-0", "auth", "db-guardian", "redis", "postgres"):
        old = everline.pid(name)
        before = len(sender.acknowledged)
        everline.kill(name)
        back(everline, name, old)
        end = time.monotonic() + 120
        while len(sender.acknowledged) < before + 20 and sender.is_alive() and time.monotonic() < end:
            time.sleep(0.05)
        assert sender.failure is None and len(sender.acknowledged) >= before + 20, (name, sender.failure, everline.logs())
    sender.done.set()
    sender.join(700)
    assert sender.failure is None and not sender.is_alive()
    reader = everline.line()
    reader.result("session.resume", session=user.session)
    found = everything(reader, room)
    assert [one["seq"] for one in found] == list(range(1, len(found) + 1))
    # What was acknowledged is there under its number, and everything once.
    bodies = {one["seq"]: one["body"] for one in found}
    assert {seq: bodies[seq] for seq in sender.acknowledged} == sender.acknowledged
    assert [one["body"] for one in found] == [f"{n} 行" for n in range(1, len(found) + 1)]


def test_stop_and_run_again(own_everline):
    everline = own_everline
    user = everline.user("杜甫")
    user.result("room.create", room="明日")
    for n in range(1, 61):
        user.send("明日", f"第 {n} 句")
    user.result("room.open", room="明日")
    password = (everline.home / "admin-password").read_text()
    assert everline.stop() in (0, -signal.SIGTERM)  # make passes the signal on and ends by it
    # Clients were told.
    assert user.push_or_error() == "shutting_down"
    assert "everline: stopped" in everline.said
    for base in (7443, 8443, 7501, 7502, 7503, 7432, 7379):
        with pytest.raises(OSError):
            Line(everline.port(base), everline.ca)
    everline.start()
    assert (everline.home / "admin-password").read_text() == password
    again = everline.line()
    assert again.result("session.resume", session=user.session)["user"]["username"] == "杜甫"
    assert [one["body"] for one in everything(again, "明日")] == [f"第 {n} 句" for n in range(1, 61)]
    assert again.send("明日", "新的一句")["seq"] == 61


def test_the_supervisor_is_killed(own_everline):
    """Nothing is left running, and the next run finds the same data."""
    everline = own_everline
    user = everline.user("王維")
    user.result("room.create", room="空山")
    user.send("空山", "不見人")
    names = ["postgres", "redis", "auth", "message-gateway-0", "history-0", "db-guardian"]
    pids = [everline.pid(name) for name in names]
    os.killpg(everline.process.pid, signal.SIGKILL)
    everline.process.wait()
    everline.process = None
    end = time.monotonic() + 120
    while any(os.path.exists(f"/proc/{pid}") for pid in pids) and time.monotonic() < end:
        time.sleep(0.1)
    assert not [name for name, pid in zip(names, pids) if os.path.exists(f"/proc/{pid}")]
    everline.start()
    again = everline.line()
    again.result("session.resume", session=user.session)
    assert again.send("空山", "但聞人語響")["seq"] == 2


def test_redis_down(own_everline):
    """Sending, delivery, login and reading go on from PostgreSQL."""
    everline = own_everline
    user, other = everline.user("李白"), everline.user("杜甫")
    user.result("room.create", room="無紅")
    other.result("room.join", room="無紅")
    other.result("room.open", room="無紅")
    os.kill(everline.pid("redis"), signal.SIGSTOP)
    try:
        for n in range(1, 11):
            assert user.send("無紅", f"{n}")["seq"] == n
        assert [one["seq"] for one in other.posted(10)] == list(range(1, 11))
        late = everline.line()
        late.result("auth.login", username="李白", password=PASSWORD)
        recent = late.result("history.recent", room="無紅")
        assert recent["source"] == "postgres" and len(recent["messages"]) == 10
        assert len(late.result("room.open", room="無紅")["messages"]) == 10
    finally:
        os.kill(everline.pid("redis"), signal.SIGCONT)
    assert user.send("無紅", "11")["seq"] == 11
    assert other.posted(1)[0]["seq"] == 11
