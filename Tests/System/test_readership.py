"""Who reads along: let in and out in any order of events, behind or not, and never shown what was taken back."""
import os
import signal
import time
import uuid

import pytest

from test_slow_readers import resident


def fill(line, room, count, body):
    """Sends so many, and the epoch."""
    ids = []
    for _ in range(count):
        ids.append(line.write("message.send", {"room": room, "clientId": str(uuid.uuid4()), "body": body}))
        if len(ids) >= 16:
            line.answer(ids.pop(0))
    return [line.answer(id)["result"]["epoch"] for id in ids][-1]


def quiet(line, other, room):
    """Everything that was on its way to `line` has come: a round through the room by another, and one by itself."""
    for _ in range(3):
        line.call("room.list")
        time.sleep(0.2)


@pytest.fixture
def pair(everline):
    li, du = everline.user("李白"), everline.user("杜甫")
    room = f"readers {uuid.uuid4()}"
    li.result("room.create", room=room)
    du.result("room.join", room=room)
    return everline, li, du, room


def test_banned_while_the_room_is_being_opened(own_everline):
    everline = own_everline
    li, du = everline.user("李白"), everline.user("杜甫")
    li.result("room.create", room="門")
    du.result("room.join", room="門")
    li.send("門", "one")
    # The answer waits for Redis; meanwhile its asker is banned.
    os.kill(everline.pid("redis"), signal.SIGSTOP)
    try:
        opening = du.write("room.open", {"room": "門"})
        li.result("room.remove", room="門", username="杜甫", ban=True)
    finally:
        os.kill(everline.pid("redis"), signal.SIGCONT)
    answer = du.answer(opening)
    if "result" in answer:
        while du.push("room.changed")["change"] not in ("removed", "banned"):
            pass
    end = time.monotonic() + 3
    while time.monotonic() < end:
        du.call("room.list")
    du.pushes.clear()
    li.send("門", "not for you")
    quiet(du, li, "門")
    assert not [push for push in du.pushes if push["method"] == "message.posted"]


def test_a_revision_never_comes_before_its_message(pair):
    """Another gateway's signals may come in any order; the edit's comes first here, and the message's not at all."""
    everline, li, du, room = pair
    epoch = li.send(room, "one")["epoch"]
    du.result("room.open", room=room)
    number, user = everline.sql(
        f"SELECT r.id, u.id FROM everline.rooms r, everline.users u WHERE r.name = '{room}' AND u.username = '李白'")[0]
    everline.sql(
        f"SELECT everline.append('{epoch}', ARRAY[{number}::bigint], ARRAY[{user}::bigint], ARRAY[gen_random_uuid()], ARRAY['as written'], "
        f"ARRAY[NULL::bigint]); SELECT everline.revise('{epoch}', {number}, {user}, gen_random_uuid(), 2, 'edit', 'as edited')", "everline_gateway")
    everline.redis("SPUBLISH", f"everline:room:{{{number}}}", f"{epoch} other 1 2 message.edited\n"
                   f'{{"room":"{room}","seq":2,"epoch":"{epoch}","body":"as edited","rev":1}}', user="message-gateway")
    edited = du.push("message.edited")
    assert edited["seq"] == 2 and edited["body"] == "as edited"
    # It was pushed already when the edit came.
    posted = [push["params"] for push in du.pushes if push["method"] == "message.posted"]
    assert [one["seq"] for one in posted] == [2]


def test_who_comes_back_without_a_revision_number_gets_what_became_of_the_messages(pair):
    everline, li, du, room = pair
    sent = [li.send(room, f"{n}") for n in range(3)]
    epoch = sent[0]["epoch"]
    du.result("room.open", room=room, epoch=epoch, after=3)
    li.result("message.edit", room=room, epoch=epoch, seq=1, clientId=str(uuid.uuid4()), body="一")
    assert du.push("message.edited")["rev"] == 1
    du.result("room.close", room=room)
    li.result("message.delete", room=room, epoch=epoch, seq=2, clientId=str(uuid.uuid4()))
    du.result("room.open", room=room, epoch=epoch, after=3, afterRev=1)
    assert du.push("message.deleted")["rev"] == 2
    du.result("room.open", room=room, epoch=epoch, after=3)
    assert du.push("message.edited")["rev"] == 1 and du.push("message.deleted")["rev"] == 2


def test_who_comes_back_and_does_not_read_costs_no_more_than_the_bound(everline):
    li = everline.user("李白")
    room = f"large {uuid.uuid4()}"
    li.result("room.create", room=room)
    epoch = fill(li, room, 220, "\\" * 16_000)
    lines = [everline.user(f"reader{n}") for n in range(20)]
    for line in lines:
        line.result("history.recent", room=room)
    before = resident(everline)
    for line in lines:
        line.write("room.open", {"room": room, "epoch": epoch, "after": 0, "afterRev": 0})
    # They take the answer, and nothing of the 7 MB that follow it.
    peak, end = 0, time.monotonic() + 6
    while time.monotonic() < end:
        peak = max(peak, resident(everline))
        time.sleep(0.05)
    assert peak - before < 20 * (262_144 + 524_288) + (48 << 20), (peak - before) >> 20
    for line in lines:
        assert [one["seq"] for one in line.posted(220, room)] == list(range(1, 221))


def test_comings_and_goings_do_not_pile_up_for_who_does_not_read(pair):
    everline, li, du, room = pair
    epoch = fill(li, room, 600, "詩" * 5000)
    du.result("room.open", room=room, epoch=epoch, after=0, afterRev=0)
    other = everline.user("王維")
    before = resident(everline)
    ids = []
    for _ in range(1000):
        for method in ("room.join", "room.leave"):
            ids.append(other.write(method, {"room": room}))
            if len(ids) >= 16:
                assert "result" in other.answer(ids.pop(0))
    for id in ids:
        other.answer(id)
    assert resident(everline) - before < 24 << 20
    assert [one["seq"] for one in du.posted(600, room)] == list(range(1, 601))
    # That something changed while it could not be told is told in one word.
    while du.push("room.changed")["change"] != "several":
        pass
