"""Slow readers cost nobody: bounded memory, and all of it in the end."""
import json
import socket
import threading
import time
import uuid

import pytest

from client import WebSocket
from running import Everline

BODY = "詩" * 5000
COUNT = 2000
PATIENCE = 10


def resident(everline):
    status = open(f"/proc/{everline.pid('message-gateway-0')}/status").read()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


@pytest.fixture
def impatient():
    """Gives up on a connection that reads nothing after ten seconds."""
    one = Everline()
    one.extra = {"EVERLINE_READER_PATIENCE": str(PATIENCE)}
    try:
        one.start()
        yield one
    finally:
        one.remove()


def fill(line, room):
    waiting = []
    for n in range(1, COUNT + 1):
        waiting.append(line.write("message.send", {"room": room, "clientId": str(uuid.uuid4()), "body": f"{n} {BODY}"}))
        if len(waiting) >= 32:
            assert "result" in line.answer(waiting.pop(0))
    for id in waiting:
        assert "result" in line.answer(id)


def test_who_pauses_catches_up_in_order(everline):
    writer = everline.user("李白")
    room = f"slow {uuid.uuid4()}"
    writer.result("room.create", room=room)
    slow = everline.user("杜甫")
    web = WebSocket(everline.port(8443), everline.ca)
    web.result("session.resume", session=slow.session)
    for reader in (slow, web):
        reader.result("room.open", room=room)
    before = resident(everline)
    # Nobody reads while 30 MB are sent.
    fill(writer, room)
    assert resident(everline) - before < 48 << 20
    for reader in (slow, web):
        assert [(one["seq"], one["body"]) for one in reader.posted(COUNT, room)] == [(n, f"{n} {BODY}") for n in range(1, COUNT + 1)]
    writer.send(room, "live again")
    for reader in (slow, web):
        assert reader.posted(1, room)[0]["seq"] == COUNT + 1


def test_who_reads_slowly_is_kept(impatient):
    """However much waits for it: a connection that reads a little, again and again, is not one that reads nothing."""
    everline = impatient
    writer = everline.user("李白")
    writer.result("room.create", room="慢")
    slow = everline.user("杜甫")
    slow.result("room.open", room="慢")
    filling = threading.Thread(target=fill, args=(writer, "慢"))
    filling.start()
    taken = b""
    # Three times as long as the patience, some 100 KB a second of 30 MB; and as long as they are being sent.
    end = time.monotonic() + 3 * PATIENCE
    while time.monotonic() < end or filling.is_alive():
        part = slow.socket.recv(16_384)
        assert part
        taken += part
        time.sleep(0.15)
    whole = taken[:taken.rindex(b"\n") + 1].splitlines()
    rest = taken[taken.rindex(b"\n") + 1:] + slow.file.readline()
    seqs = [json.loads(line)["params"]["seq"] for line in [*whole, rest]]
    seqs += [one["seq"] for one in slow.posted(COUNT - len(seqs), "慢")]
    assert seqs == list(range(1, COUNT + 1))


def test_who_reads_nothing_is_let_go_with_the_reason(impatient):
    everline = impatient
    writer = everline.user("李白")
    writer.result("room.create", room="長恨歌")
    dead, live = everline.user("杜甫"), everline.user("王維")
    for reader in (dead, live):
        reader.result("room.open", room="長恨歌")
    seen = []
    reading = threading.Thread(target=lambda: seen.extend(one["seq"] for one in live.posted(COUNT)), daemon=True)
    reading.start()
    fill(writer, "長恨歌")
    reading.join(120)
    assert seen == list(range(1, COUNT + 1))
    # Longer than it is waited for, and less than it is given to read why (half a minute).
    time.sleep(PATIENCE + 10)
    reason = None
    try:
        while True:
            message = dead.read()
            if "error" in message:
                reason = message["error"]["data"]["name"]
    except (OSError, ConnectionError, ValueError):
        pass
    # Behind what had been sent before lies the reason; the connection has ended, and others never noticed.
    assert reason == "reader.stalled"
    with pytest.raises((OSError, ConnectionError, ValueError)):
        dead.call("room.list")
    assert writer.send("長恨歌", "still here")["seq"] == COUNT + 1
