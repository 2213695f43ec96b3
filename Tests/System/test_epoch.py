"""History turned back: noticed, told, and never mistaken for new."""
import threading
import time
import uuid

import pytest


def room_with(everline, count):
    li = everline.user("李白")
    room = f"epoch {uuid.uuid4()}"
    li.result("room.create", room=room)
    ids = [li.write("message.send", {"room": room, "clientId": str(uuid.uuid4()), "body": f"{n}"}) for n in range(1, count + 1)]
    epoch = [li.answer(id)["result"]["epoch"] for id in ids][-1]
    number = everline.sql(f"SELECT id FROM everline.rooms WHERE name = '{room}'")[0][0]
    return li, room, number, epoch


def test_a_new_epoch_resets_everyone(own_everline):
    everline = own_everline
    li, room, _, old = room_with(everline, 10)
    du = everline.user("杜甫")
    assert du.result("room.open", room=room)["epoch"] == old
    new = everline.sql(f"SELECT everline.new_epoch('{old}')", "everline_guardian")[0][0]
    assert new != old and int(new.split("-")[0]) == int(old.split("-")[0]) + 1
    # Asked for once more by another who saw the same: still that one.
    assert everline.sql(f"SELECT everline.new_epoch('{old}')", "everline_guardian")[0][0] == new
    assert du.push("room.reset") == {"room": room, "epoch": new}
    assert li.error("message.send", room=room, clientId=str(uuid.uuid4()), body="x", replyTo=1, epoch=old) == "epoch.changed"
    assert li.error("history.page", room=room, before=5, epoch=old) == "epoch.changed"
    again = du.result("room.open", room=room, epoch=old, after=10)
    assert again["reset"] is True and again["epoch"] == new and {one["epoch"] for one in again["messages"]} == {new}
    assert li.result("history.recent", room=room)["epoch"] == new
    sent = li.send(room, "after")
    assert (sent["seq"], sent["epoch"]) == (11, new)
    assert du.posted(1)[0]["epoch"] == new


def test_a_restore_that_nobody_announced(own_everline):
    """Somebody put an older state of the database back, with the epoch as it was."""
    everline = own_everline
    li, room, number, old = room_with(everline, 10)
    du = everline.user("杜甫")
    du.result("room.open", room=room)
    lost = str(uuid.uuid4())
    assert li.send(room, "taken back", lost)["seq"] == 11
    assert du.posted(1)[0]["seq"] == 11
    everline.sql(f"DELETE FROM everline.messages WHERE room_id = {number} AND seq > 5; UPDATE everline.room_counters SET last_seq = 5 WHERE room_id = {number}")
    reset = du.push("room.reset")
    assert reset["epoch"] != old
    # The window in Redis still holds what was lost; it is not shown.
    recent = li.result("history.recent", room=room)
    assert [one["seq"] for one in recent["messages"]] == [1, 2, 3, 4, 5] and recent["epoch"] == reset["epoch"]
    assert [one["seq"] for one in du.result("room.open", room=room)["messages"]] == [1, 2, 3, 4, 5]
    # What the restore took back may simply be sent again.
    again = li.send(room, "taken back", lost)
    assert again["seq"] == 6 and "duplicate" not in again and again["epoch"] == reset["epoch"]
    assert du.posted(1)[0]["body"] == "taken back"


def test_another_server_gets_its_epoch_before_the_first_append(own_everline):
    """As after a restore or a promotion: the row names another system than the one that it is read on."""
    everline = own_everline
    li, room, _, old = room_with(everline, 3)
    everline.sql("UPDATE everline.epoch SET system_identifier = system_identifier + 1")
    pid = everline.pid("postgres")
    everline.kill("postgres")
    end = time.monotonic() + 30
    # A backend may outlive its postmaster for a moment.
    while everline.pid("postgres") == pid and time.monotonic() < end:
        time.sleep(0.02)
    while time.monotonic() < end:
        answer = li.call("message.send", room=room, clientId=str(uuid.uuid4()), body="on the new server")
        if "result" in answer:
            break
        assert answer["error"]["data"]["retryable"], answer
    assert answer["result"]["epoch"] != old and answer["result"]["epoch"].startswith("2-")


def test_signals_may_all_be_lost(own_everline):
    """Messages that another gateway appended, of which Redis said nothing, come by the counter within a second or so."""
    everline = own_everline
    li, room, number, epoch = room_with(everline, 1)
    li.result("room.open", room=room)
    user = everline.sql("SELECT id FROM everline.users WHERE username = '李白'")[0][0]
    everline.sql(
        f"SELECT everline.append('{epoch}', ARRAY[{number}::bigint, {number}], ARRAY[{user}::bigint, {user}], ARRAY[gen_random_uuid(), gen_random_uuid()], "
        f"ARRAY['二', '三'], ARRAY[NULL::bigint, 1])", "everline_gateway")
    assert [(one["seq"], one["body"], one.get("replyTo")) for one in li.posted(2)] == [(2, "二", None), (3, "三", 1)]
    # A member who was removed without a signal is no longer pushed to.
    li.result("room.create", room=room + " p", kind="private")
    du = everline.user("杜甫")
    li.result("room.invite", room=room + " p", username="杜甫")
    du.result("room.open", room=room + " p")
    private = everline.sql(f"SELECT id FROM everline.rooms WHERE name = '{room} p'")[0][0]
    other = everline.sql("SELECT id FROM everline.users WHERE username = '杜甫'")[0][0]
    everline.sql(f"SELECT everline.leave_room({private}, {other})", "everline_gateway")
    while du.push("room.changed")["change"] != "removed":
        pass
    li.send(room + " p", "not for you")
    du.result("room.list")
    assert not any(push["method"] == "message.posted" for push in du.pushes)


def test_what_is_read_is_of_the_epoch_that_it_names(own_everline):
    """While the epoch changes, and each message with it in the same transaction: no answer mixes two of them."""
    everline = own_everline
    li, room, number, epoch = room_with(everline, 60)
    reads = [
        ("history.page", {"before": 50, "limit": 20}), ("history.page", {"after": 3}), ("history.page", {"around": 30, "limit": 20}),
        ("history.recent", {})]
    stop = threading.Event()
    wrong, answers = [], [0] * len(reads)

    def read(k, method, params):
        line = everline.user("李白")
        while not stop.is_set():
            answer = line.call(method, room=room, **params)
            if "error" in answer:
                if not answer["error"]["data"]["retryable"]:
                    wrong.append(answer)
                continue
            answers[k] += 1
            result = answer["result"]
            found = {result["epoch"]} | {one["epoch"] for one in result["messages"]} | {one["body"] for one in result["messages"]}
            if len(found) != 1 or not result["messages"]:
                wrong.append((method, params, found))

    everline.sql(f"UPDATE everline.messages SET body = '{epoch}' WHERE room_id = {number}")
    everline.redis("DEL", f"everline:window:{number}", f"everline:window:{number}:meta")
    threads = [threading.Thread(target=read, args=(k, *one), daemon=True) for k, one in enumerate(reads)]
    for thread in threads:
        thread.start()
    for _ in range(60):
        before = list(answers)
        epoch = everline.sql(
            f"WITH made AS MATERIALIZED (SELECT everline.new_epoch('{epoch}') AS epoch) "
            f"UPDATE everline.messages SET body = (SELECT epoch FROM made) WHERE room_id = {number} RETURNING body")[0][0]
        # Each reader has seen the new one before the next begins.
        end = time.monotonic() + 20
        while time.monotonic() < end and any(now <= then for now, then in zip(answers, before)):
            time.sleep(0.001)
    stop.set()
    for thread in threads:
        thread.join(30)
    assert not wrong, wrong[:3]
    assert min(answers) >= 60
