"""What people see of each other in rooms: how far they have read, who was meant, who is there, and rooms of two."""
import threading
import time
import uuid

import pytest

from client import RPC
from running import PASSWORD


def fresh(everline, prefix="new", instance=0):
    """A connection of a user who was not there before."""
    line = everline.line(instance)
    line.name = f"{prefix}{uuid.uuid4().hex[:8]}"
    line.session = line.result("auth.register", username=line.name, password=PASSWORD)["session"]
    return line


@pytest.fixture(scope="session")
def people(everline):
    return [fresh(everline, name) for name in ("李白", "杜甫", "wang", "stranger")]


@pytest.fixture
def room(everline, people):
    """A new room with its owner and two members, each on a connection of their own."""
    li, du, wang, _ = lines = [everline.line() for _ in people]
    for line, known in zip(lines, people):
        line.name, line.session = known.name, known.session
        line.result("session.resume", session=line.session)
    name = f"唐詩{uuid.uuid4().hex[:8]}"
    li.result("room.create", room=name)
    for line in (du, wang):
        line.result("room.join", room=name)
    yield name, li, du, wang
    for line in lines:
        line.close()


@pytest.fixture
def stranger(everline, people):
    line = everline.line()
    line.name, line.session = people[3].name, people[3].session
    line.result("session.resume", session=line.session)
    yield line
    line.close()


def listed(line, name):
    found = [one for one in line.result("room.list")["rooms"] if one["room"] == name]
    return found[0] if found else None


def counts(line, name):
    one = listed(line, name)
    return one["readSeq"], one["unread"], one["mentions"]


def changed(line, name, *changes):
    """The next push that says that of the room."""
    while True:
        push = line.push("room.changed")
        if push["room"] == name and push["change"] in changes:
            return push


def until(condition, what="the condition", seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def test_unread_counts_come_from_numbers_and_markers_only_go_forward(everline, room, stranger):
    name, li, du, wang = room
    for n in range(5):
        epoch = li.send(name, f"第 {n} 句")["epoch"]
    assert counts(du, name) == (0, 5, 0)
    assert listed(du, name)["role"] == "member" and listed(li, name)["role"] == "owner"
    other = everline.line(instance=1)
    other.result("session.resume", session=du.session)
    marker = du.result("room.markRead", room=name, epoch=epoch, seq=3)
    assert marker == {"room": name, "epoch": epoch, "readSeq": 3, "unread": 2, "mentions": 0}
    # The user's other connections learn of it, on another gateway too; the one that knows does not.
    assert other.push("room.read") == marker
    du.call("room.list")
    assert not [push for push in du.pushes if push["method"] == "room.read"]
    assert du.result("room.markRead", room=name, epoch=epoch, seq=1)["readSeq"] == 3
    assert counts(du, name) == (3, 2, 0)
    assert du.result("room.open", room=name)["readSeq"] == 3
    # Without a connection too.
    rpc = RPC(everline.port(8443), everline.ca, du.session)
    assert rpc.call("room.markRead", room=name, epoch=epoch, seq=5)["result"]["unread"] == 0
    assert other.push("room.read")["readSeq"] == 5
    # Who comes in later has nothing to catch up with; who is not in, nothing at all.
    late = fresh(everline)
    assert counts(late, name) == (0, 0, 0) and "role" not in listed(late, name)
    assert late.result("room.join", room=name)["unread"] == 0 and counts(late, name) == (5, 0, 0)
    assert stranger.error("room.markRead", room=name, epoch=epoch, seq=1) == "room.not_member"
    assert du.error("room.markRead", room=name, epoch=epoch, seq=6) == "message.not_found"
    assert du.error("room.markRead", room=name, epoch="1-other", seq=5) == "epoch.changed"
    for wrong in ({"seq": -1}, {"seq": "5"}, {}, {"seq": 2 ** 63}):
        assert du.call("room.markRead", room=name, epoch=epoch, **wrong)["error"]["code"] in (-32602, -32700), wrong


def test_markers_are_moved_side_by_side(everline, room):
    name, li, du, _ = room
    for n in range(40):
        epoch = li.send(name, f"{n}")["epoch"]
    lines = [everline.line(instance=n % 2) for n in range(4)]
    for line in lines:
        line.result("session.resume", session=du.session)

    def mark(line, seqs):
        for seq in seqs:
            line.result("room.markRead", room=name, epoch=epoch, seq=seq)
    threads = [threading.Thread(target=mark, args=(line, range(n + 1, 38, 2))) for n, line in enumerate(lines)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts(du, name) == (37, 3, 0)


@pytest.mark.parametrize("text, named", [
    ("@{du} 看", ["du"]), ("你好@{du}，@{wang}", ["du", "wang"]), ("@{du}你好", ["du"]), ("（@{WANG}）", ["wang"]),
    ("me@{wang}", []), ("@{wang}s", []), ("@{wang}.", ["wang"]), ("@{wang}-", ["wang"]), ("@ {wang}", []), ("@@{wang}", ["wang"]),
    ("@nobody-of-that-name @", []), ("@{li} 自己", ["li"]), ("@{du} @{du}", ["du"]), ("@" * 300 + "{wang}", ["wang"]), ("@'; DROP TABLE everline.users; --", []),
    ("＠{du}。", ["du"])], ids=range(16))
def test_who_is_meant(room, text, named):
    name, li, du, wang = room
    names = {"li": li.name, "du": du.name, "wang": wang.name}
    du.result("room.open", room=name)
    sent = li.send(name, text.format(WANG=wang.name.upper(), **names))
    wanted = sorted(names[one] for one in named) or None
    [posted] = du.posted(1, name)
    assert posted.get("mentions") == wanted
    recent = du.result("history.recent", room=name)["messages"][-1]
    paged = du.result("history.page", room=name, before=sent["seq"] + 1)["messages"][-1]
    assert recent.get("mentions") == paged.get("mentions") == wanted
    for key, line in (("du", du), ("wang", wang), ("li", li)):
        assert counts(line, name) == (0, 1, 1 if key in named and key != "li" else 0), key


def test_mentions_follow_edits_and_deletions_and_are_read(everline, room, stranger):
    name, li, du, wang = room
    first = li.send(name, f"@{du.name} 一")
    epoch = first["epoch"]
    li.send(name, f"@{du.name} 二")
    # A stranger is no member, so nobody is meant.
    assert "mentions" not in li.result("history.page", room=name, after=li.send(name, f"@{stranger.name}")["seq"] - 1)["messages"][0]
    assert counts(du, name) == (0, 3, 2)
    li.result("message.edit", room=name, epoch=epoch, seq=1, clientId=str(uuid.uuid4()), body=f"@{wang.name} 改")
    assert counts(du, name) == (0, 3, 1) and counts(wang, name) == (0, 3, 1)
    assert du.result("history.page", room=name, after=0)["messages"][0]["mentions"] == [wang.name]
    li.result("message.delete", room=name, epoch=epoch, seq=2, clientId=str(uuid.uuid4()))
    assert counts(du, name) == (0, 3, 0)
    assert wang.result("room.markRead", room=name, epoch=epoch, seq=1)["mentions"] == 0
    # Sent twice is meant once.
    key = str(uuid.uuid4())
    for duplicate in (False, True):
        assert li.send(name, f"@{wang.name} 再", key).get("duplicate", False) is duplicate
    assert counts(wang, name) == (1, 3, 1)
    # In the order sent, with names to look up and without.
    ids = [li.write("message.send", {"room": name, "clientId": str(uuid.uuid4()), "body": f"@{du.name} {n}" if n % 3 else f"{n}"}) for n in range(30)]
    numbers = [li.answer(id)["result"]["seq"] for id in ids]
    assert numbers == list(range(numbers[0], numbers[0] + 30))
    # No other rows than those of names.
    [[rows]] = everline.sql(f"SELECT count(*) FROM everline.mentions m JOIN everline.rooms r ON r.id = m.room_id WHERE r.name = '{name}'")
    assert int(rows) == 2 + 20


def test_typing_is_told_to_the_others(everline, room, stranger):
    name, li, du, wang = room
    for line in (li, du):
        line.result("room.open", room=name)
    far = everline.line(instance=1)
    far.result("session.resume", session=wang.session)
    far.result("room.open", room=name)
    begun = time.monotonic()
    assert du.result("room.typing", room=name) == {}
    for line in (li, far):
        assert line.push("room.typing") == {"room": name, "username": du.name, "displayName": du.name}
    # Told once in two seconds, and not to the one who writes.
    for _ in range(5):
        assert du.result("room.typing", room=name) == {}
    again = int(time.monotonic() - begun) // 2
    assert li.result("room.list") and len([push for push in li.pushes if push["method"] == "room.typing"]) <= again
    assert not [push for push in du.pushes if push["method"] == "room.typing"]
    assert stranger.error("room.typing", room=name) == "room.not_member"
    li.result("room.create", room=name + "密", kind="private")
    assert stranger.error("room.typing", room=name + "密") == stranger.error("room.typing", room="無此房") == "room.not_found"


def state(line, name, username):
    return {one["username"]: one.get("presence") for one in line.result("room.members", room=name)["members"]}[username]


def test_presence(everline, room):
    name, li, _, _ = room
    du = fresh(everline)
    du.result("room.join", room=name)
    li.result("room.open", room=name)
    assert state(li, name, du.name) == "offline"
    near, far = everline.line(), everline.line(instance=1)
    for line in (near, far):
        line.result("session.resume", session=du.session)
    far.result("presence", state="away")
    assert li.push("presence.changed") == {"username": du.name, "state": "away"}
    near.result("presence", state="online")
    assert li.push("presence.changed") == {"username": du.name, "state": "online"}
    # One connection being away does not make the person away.
    far.result("presence", state="away")
    assert state(li, name, du.name) == "online"
    near.close()
    assert li.push("presence.changed") == {"username": du.name, "state": "away"}
    far.result("auth.logout")
    assert li.push("presence.changed") == {"username": du.name, "state": "offline"}
    assert state(li, name, du.name) == "offline"
    for wrong in ("offline", "busy", "", None, 1):
        assert li.call("presence", state=wrong)["error"]["code"] == -32602
    assert everline.line().error("presence", state="online") == "session.required"
    # One sees oneself as others do.
    li.result("presence", state="online")
    until(lambda: state(li, name, li.name) == "online")


def test_direct_rooms(everline, room):
    _, _, _, wang = room
    li, du = fresh(everline), fresh(everline)
    made = li.result("room.create", kind="direct", **{"with": du.name.upper()})
    name = made["room"]
    assert made["kind"] == "direct" and made["with"] == {"username": du.name, "displayName": du.name} and made["members"] == 2
    assert changed(du, name, "created")["user"] == {"username": li.name, "displayName": li.name, "admin": False}
    assert li.result("room.create", kind="direct", **{"with": du.name})["room"] == name
    assert du.result("room.create", kind="direct", **{"with": li.name})["with"]["username"] == li.name
    assert listed(du, name)["with"]["username"] == li.name and listed(du, name)["role"] == "member"
    li.send(name, f"@{du.name} 你好")
    assert counts(du, name) == (0, 1, 1)
    assert listed(wang, name) is None
    for method, more in [("room.open", {}), ("room.join", {}), ("history.recent", {}), ("room.members", {}), ("room.invite", {"username": wang.name}),
                         ("message.send", {"clientId": str(uuid.uuid4()), "body": "偷"}), ("room.typing", {}), ("room.bans", {})]:
        assert wang.error(method, room=name, **more) == "room.not_found", method
    for method, more in [("room.invite", {"username": wang.name}), ("room.remove", {"username": du.name}), ("room.ban", {"username": du.name}),
                         ("room.mute", {"username": du.name}), ("room.setRole", {"username": du.name, "role": "owner"}), ("room.leave", {}),
                         ("room.transfer", {"username": du.name}), ("room.update", {"title": "x"}), ("room.bans", {})]:
        assert li.error(method, room=name, **more) == "room.forbidden", method
    assert li.error("room.create", kind="direct", **{"with": "無此人"}) == "user.not_found"
    for wrong in ({"with": li.name}, {}, {"with": du.name, "room": "x"}, {"with": du.name, "title": "x"}, {"with": ""}, {"with": 1}):
        assert li.error("room.create", kind="direct", **wrong) == "invalid_params", wrong
    assert li.error("room.create", room="direct:1", kind="public") == "invalid_params"
    assert li.error("room.create", room="x", kind="public", **{"with": du.name}) == "invalid_params"


def test_both_begin_a_direct_room_at_once(everline):
    lines = [fresh(everline, instance=n) for n in range(2)]
    ids = [line.write("room.create", {"kind": "direct", "with": other.name}) for line, other in zip(lines, reversed(lines))]
    assert len({line.answer(id)["result"]["room"] for line, id in zip(lines, ids)}) == 1
