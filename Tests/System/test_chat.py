"""People talk: rooms, sending, delivery, reading back."""
import json
import time
import uuid

from client import RPC, WebSocket


def changed(line, room):
    """The next push that says that something of this room has changed."""
    while True:
        push = line.push("room.changed")
        if push["room"] == room:
            return push


def from_redis(line, room):
    """The newest messages, once Redis has them: it is told of each after its sender."""
    end = time.monotonic() + 120
    while (found := line.result("history.recent", room=room))["source"] != "redis":
        assert time.monotonic() < end, found["source"]
        time.sleep(0.05)
    return found


def test_three_doors_one_room(everline):
    li = everline.user("李白", "李太白")
    room = f"唐詩 {uuid.uuid4()}"
    created = li.result("room.create", room=room, kind="public", title="床前")
    assert created == {"room": room, "kind": "public", "title": "床前", "joined": True, "members": 1, "lastSeq": 0, "role": "owner",
                       "readSeq": 0, "unread": 0, "mentions": 0}
    opened = li.result("room.open", room=room)
    assert opened["lastSeq"] == 0 and opened["messages"] == []

    du = WebSocket(everline.port(8443, 1), everline.ca)
    du.result("session.resume", session=everline.user("杜甫", "杜子美").session)
    du.result("room.join", room=room)
    du.result("room.open", room=room)

    first = li.send(room, "床前明月光，\n疑是地上霜。")
    assert first["seq"] == 1 and first["epoch"] == opened["epoch"]
    rpc = RPC(everline.port(8443), everline.ca, li.session)
    second = rpc.call("message.send", room=room, clientId=str(uuid.uuid4()), body="Raising my head 🌕 I see the moon")["result"]
    assert second["seq"] == 2
    assert du.send(room, "會當凌絕頂")["seq"] == 3

    for reader in (li, du):
        assert [(one["seq"], one["sender"], one["body"]) for one in reader.posted(3)] == [
            (1, "李白", "床前明月光，\n疑是地上霜。"), (2, "李白", "Raising my head 🌕 I see the moon"), (3, "杜甫", "會當凌絕頂")]
    assert [changed(li, room)["change"] for _ in range(2)] == ["created", "joined"]
    assert [one["username"] for one in du.result("room.members", room=room)["members"]] == ["李白", "杜甫"]


def test_a_retry_gets_the_first_number(everline):
    li = everline.user("李白")
    room = f"retry {uuid.uuid4()}"
    li.result("room.create", room=room)
    key = str(uuid.uuid4())
    first = li.send(room, "once", key)
    assert "duplicate" not in first
    again = everline.user("李白", instance=1)
    second = again.send(room, "once", key.upper())
    assert (second["seq"], second["sentAt"], second["duplicate"]) == (first["seq"], first["sentAt"], True)
    # Two alike in one batch of the wire, and after leaving.
    li.result("room.leave", room=room)
    assert li.send(room, "once", key)["duplicate"] is True
    assert li.error("message.send", room=room, clientId=str(uuid.uuid4()), body="new") == "room.not_member"


def test_what_is_sent_in_one_go_works_as_it_reads(everline):
    session = everline.user("李白").session
    room = f"one go {uuid.uuid4()}"
    line = everline.line()
    ids = [line.write("session.resume", {"session": session}), line.write("room.create", {"room": room}), line.write("room.open", {"room": room})]
    ids += [line.write("message.send", {"room": room, "clientId": str(uuid.uuid4()), "body": f"line {n}"}) for n in range(200)]
    answers = [line.answer(id) for id in ids]
    assert [answer["result"]["seq"] for answer in answers[3:]] == list(range(1, 201))
    assert [one["body"] for one in line.posted(200)] == [f"line {n}" for n in range(200)]


def test_private_rooms_are_nobody_elses(everline):
    li, du = everline.user("李白"), everline.user("杜甫")
    room = f"密室 {uuid.uuid4()}"
    li.result("room.create", room=room, kind="private")
    li.send(room, "secret")
    for method, more in [
        ("room.open", {}), ("room.join", {}), ("room.members", {}), ("room.leave", {}), ("history.recent", {}), ("history.page", {"before": 9}),
        ("message.send", {"clientId": str(uuid.uuid4()), "body": "x"}),
    ]:
        assert du.error(method, room=room, **more) == "room.not_found", method
    assert room not in [one["room"] for one in du.result("room.list")["rooms"]]
    assert du.error("room.invite", room=room, username="杜甫") == "room.not_found"

    li.result("room.invite", room=room, username="杜甫")
    assert changed(du, room)
    assert du.result("room.open", room=room)["messages"][0]["body"] == "secret"
    assert du.send(room, "thanks")["seq"] == 2
    # Who has left is no longer pushed to.
    du.result("room.leave", room=room)
    li.send(room, "gone?")
    assert du.error("room.open", room=room) == "room.not_found"
    assert [one for one in du.pushes if one["method"] == "message.posted" and one["params"]["body"] == "gone?"] == []


def test_resuming_by_number(everline):
    li, du = everline.user("李白"), everline.user("杜甫", instance=1)
    room = f"resume {uuid.uuid4()}"
    li.result("room.create", room=room)
    for n in range(1, 301):
        li.write("message.send", {"room": room, "clientId": str(uuid.uuid4()), "body": f"{n}"})
    epoch = li.send(room, "301")["epoch"]
    opened = du.result("room.open", room=room, epoch=epoch, after=5)
    assert opened["messages"] == [] and opened["lastSeq"] == 301 and "reset" not in opened
    li.send(room, "302")
    assert [one["seq"] for one in du.posted(297, room)] == list(range(6, 303))
    # Another epoch, and a number that was never given.
    assert du.result("room.open", room=room, epoch="0-x", after=5)["reset"] is True
    reset = du.result("room.open", room=room, epoch=epoch, after=99999)
    assert reset["reset"] is True and [one["seq"] for one in reset["messages"]] == list(range(253, 303))
    assert du.call("room.open", room=room, after=5)["error"]["data"]["name"] == "invalid_params"
    du.result("room.close", room=room)
    li.send(room, "303")
    du.result("room.list")
    assert not any(push["params"].get("seq") == 303 for push in du.pushes)


def test_pages(everline):
    li = everline.user("李白")
    room = f"pages {uuid.uuid4()}"
    li.result("room.create", room=room)
    for n in range(1, 121):
        li.write("message.send", {"room": room, "clientId": str(uuid.uuid4()), "body": f"第 {n} 行"})
    last = li.send(room, "第 121 行")

    def page(**params):
        answer = li.result("history.page", room=room, **params)
        return [one["seq"] for one in answer["messages"]], answer["hasMore"]

    assert page(before=122, limit=50) == (list(range(72, 122)), True)
    assert page(before=22, limit=21) == (list(range(1, 22)), False)
    assert page(before=1) == ([], False)
    assert page(after=0, limit=200) == (list(range(1, 122)), False)
    assert page(after=100, limit=10) == (list(range(101, 111)), True)
    assert page(after=121) == ([], False)
    assert page(around=60, limit=11) == (list(range(55, 66)), True)
    assert page(around=1, limit=10) == (list(range(1, 11)), True)
    assert page(around=121, limit=10) == (list(range(112, 122)), True)
    at = li.result("history.page", room=room, after=79, limit=1)["messages"][0]["sentAt"]
    assert at in [one["sentAt"] for one in li.result("history.page", room=room, at=at, limit=50)["messages"]]
    assert page(at="2000-01-01T00:00:00Z", limit=5)[0] == [1, 2, 3, 4, 5]
    assert page(at="2100-01-01T00:00:00Z", limit=5)[0] == list(range(117, 122))
    assert li.error("history.page", room=room, before=5, after=3) == "invalid_params"
    assert li.error("history.page", room=room) == "invalid_params"
    assert li.error("history.page", room=room, before=5, limit=201) == "invalid_params"
    assert li.error("history.page", room=room, before=5, epoch="1-other") == "epoch.changed"
    assert page(before=5, epoch=last["epoch"], limit=2)[0] == [3, 4]
    assert [one["seq"] for one in from_redis(li, room)["messages"]] == list(range(72, 122))


def test_recent_is_rebuilt_when_redis_has_lost_it(everline):
    li = everline.user("李白")
    room = f"lost window {uuid.uuid4()}"
    li.result("room.create", room=room)
    for n in range(60):
        li.send(room, f"{n}")
    before = from_redis(li, room)
    number = everline.sql(f"SELECT id FROM everline.rooms WHERE name = '{room}'")[0][0]
    everline.redis("DEL", f"everline:window:{{{number}}}", f"everline:window:{{{number}}}:meta")
    without = li.result("history.recent", room=room)
    assert without["source"] == "postgres" and without["messages"] == before["messages"]
    assert from_redis(li, room)["messages"] == before["messages"]
    # A window with a hole, or of another epoch, is not served.
    everline.redis("ZREMRANGEBYSCORE", f"everline:window:{{{number}}}", "30", "30")
    assert li.result("history.recent", room=room)["messages"] == before["messages"]
    assert from_redis(li, room)["messages"] == before["messages"]
    everline.redis("HSET", f"everline:window:{{{number}}}:meta", "epoch", "0-old")
    assert li.result("history.recent", room=room)["source"] == "postgres"


def test_history_port_for_people(everline):
    from client import Line

    li = everline.user("李白")
    room = f"direct {uuid.uuid4()}"
    li.result("room.create", room=room, kind="private")
    li.send(room, "hello")
    reader = Line(everline.port(7502), everline.ca)
    assert reader.error("history.recent", room=room) == "session.required"
    assert reader.error("session.resume", session="x" * 43) == "session.invalid"
    user = reader.result("session.resume", session=li.session)
    assert user["user"]["username"] == "李白" and "userId" not in user
    assert reader.result("history.recent", room=room)["messages"][0]["body"] == "hello"
    assert reader.result("history.page", room=room, after=0)["messages"][0]["seq"] == 1
    assert reader.error("internal.history.page", params={"room": room, "before": 5}, userId=1) == "peer.forbidden"
    assert json.dumps(li.result("history.recent", room=room)) == json.dumps(reader.result("history.recent", room=room))


def test_opening_a_busy_room_disturbs_nobody(everline):
    """While a room is written to as fast as can be, it is opened and opened again on the same gateway: history was not turned back."""
    import threading

    writer = everline.user("李白")
    room = f"busy {uuid.uuid4()}"
    writer.result("room.create", room=room)
    reader, opener = everline.user("杜甫"), everline.user("王維")
    epoch = reader.result("room.open", room=room)["epoch"]
    failures = []

    def open_again():
        try:
            while not done.is_set():
                assert opener.result("room.open", room=room)["epoch"] == epoch
                opener.result("room.close", room=room)
                assert not any(push["method"] == "room.reset" for push in opener.pushes)
                opener.pushes.clear()
        except BaseException as error:
            failures.append(error)

    done = threading.Event()
    opening = threading.Thread(target=open_again, daemon=True)
    opening.start()
    waiting = []
    for n in range(20_000):
        waiting.append(writer.write("message.send", {"room": room, "clientId": str(uuid.uuid4()), "body": f"{n}"}))
        if len(waiting) >= 60:
            assert "result" in writer.answer(waiting.pop(0))
    for id in waiting:
        assert "result" in writer.answer(id)
    done.set()
    opening.join(120)
    assert failures == []
    assert [one["seq"] for one in reader.posted(20_000, room)] == list(range(1, 20_001))
    assert not any(push["method"] == "room.reset" for push in reader.pushes)
    assert everline.sql("SELECT generation || '-' || token FROM everline.epoch") == [[epoch]]
