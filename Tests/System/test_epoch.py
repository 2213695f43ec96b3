"""History turned back: noticed, told, and never mistaken for new."""
import threading
import time
import uuid

import pytest

from client import Line
from running import Everline


def room_with(everline, count):
    li = everline.user("李白")
    room = f"epoch {uuid.uuid4()}"
    li.result("room.create", room=room)
    ids = [li.write("message.send", {"room": room, "clientId": str(uuid.uuid4()), "body": f"{n}"}) for n in range(1, count + 1)]
    epoch = [li.answer(id)["result"]["epoch"] for id in ids][-1]
    number = everline.sql(f"SELECT id FROM everline.rooms WHERE name = '{room}'")[0][0]
    return li, room, number, epoch


def generation(epoch):
    """What tells a newer epoch from an older one."""
    return int(epoch.split("-")[0])


def become_another_server(everline):
    """As after a restore or a promotion: the row names another system than the one that it is read on."""
    everline.sql("UPDATE everline.epoch SET system_identifier = system_identifier + 1")
    pid = everline.pid("postgres")
    everline.kill("postgres")
    end = time.monotonic() + 120
    # A backend may outlive its postmaster for a moment.
    while everline.pid("postgres") == pid:
        assert time.monotonic() < end, everline.logs()
        time.sleep(0.02)


def until_served(ask):
    """The first answer that is not "not now"."""
    end = time.monotonic() + 120
    while True:
        answer = ask()
        if "result" in answer or not answer["error"]["data"]["retryable"]:
            return answer
        assert time.monotonic() < end, answer
        time.sleep(0.02)


def test_a_new_epoch_resets_everyone(own_everline):
    everline = own_everline
    li, room, _, old = room_with(everline, 10)
    du = everline.user("杜甫")
    assert du.result("room.open", room=room)["epoch"] == old
    new = everline.sql(f"SELECT everline.new_epoch('{old}')", "everline_guardian")[0][0]
    assert new != old and generation(new) > generation(old)
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
    everline = own_everline
    li, room, _, old = room_with(everline, 3)
    become_another_server(everline)
    answer = until_served(lambda: li.call("message.send", room=room, clientId=str(uuid.uuid4()), body="on the new server"))
    assert answer["result"]["epoch"] != old and generation(answer["result"]["epoch"]) > generation(old)


def test_another_server_gets_its_epoch_before_a_session_is_believed(own_everline):
    """Nobody sends anything: a user whom the restore took back is out all the same, although Redis remembers the session."""
    everline = own_everline
    li, *_ = room_with(everline, 1)
    taken = everline.user("杜甫")
    old = everline.sql("SELECT generation || '-' || token FROM everline.epoch")[0][0]
    assert everline.line().result("session.resume", session=taken.session)["user"]["username"] == "杜甫"
    everline.sql(
        "DELETE FROM everline.login_log WHERE name = '杜甫'; DELETE FROM everline.sessions WHERE user_id = (SELECT id FROM everline.users WHERE username = '杜甫'); "
        "DELETE FROM everline.users WHERE username = '杜甫'")
    become_another_server(everline)
    line = everline.line()
    assert until_served(lambda: line.call("session.resume", session=taken.session))["error"]["data"]["name"] == "session.invalid"
    assert until_served(lambda: line.call("session.resume", session=li.session))["result"]["user"]["username"] == "李白"
    new = everline.sql("SELECT generation || '-' || token FROM everline.epoch")[0][0]
    assert generation(new) > generation(old)


def test_another_server_gets_its_epoch_before_it_is_read(own_everline):
    everline = own_everline
    li, room, _, old = room_with(everline, 3)
    assert li.result("history.page", room=room, before=3, epoch=old)["epoch"] == old
    become_another_server(everline)
    # By history's own connections alone.
    history = Line(everline.port(7502), everline.ca)
    assert until_served(lambda: history.call("session.resume", session=li.session))["result"]
    answer = until_served(lambda: history.call("history.page", room=room, before=3, epoch=old))
    assert answer["error"]["data"]["name"] == "epoch.changed"


@pytest.fixture(scope="module")
def tampered():
    """One whose tables are changed by hand."""
    one = Everline()
    try:
        one.start()
        yield one
    finally:
        one.remove()


@pytest.mark.parametrize("role", ["everline_auth", "everline_gateway", "everline_history"])
def test_each_service_alone_gives_another_server_its_epoch(tampered, role):
    everline = tampered
    old = everline.sql("SELECT generation || '-' || token FROM everline.epoch")[0][0]
    everline.sql("UPDATE everline.epoch SET system_identifier = system_identifier + 1")
    # By a transaction that only reads it is neither given the old epoch nor changed.
    with pytest.raises(RuntimeError, match="read-only"):
        everline.sql("BEGIN READ ONLY; SELECT everline.current_epoch()", role)
    new = everline.sql("BEGIN READ WRITE; SELECT everline.current_epoch(); COMMIT", role)[0][0]
    assert generation(new) > generation(old)
    # Now it may.
    assert everline.sql("BEGIN READ ONLY; SELECT everline.current_epoch()", role)[0][0] == new


def test_epochs_grow_over_restores_of_older_backups(tampered):
    """A restore of an early state, while windows of a later one are remembered, makes an epoch that is newer than all of them."""
    everline = tampered
    first = everline.sql("SELECT generation || '-' || token FROM everline.epoch")[0][0]
    later = everline.sql(f"SELECT everline.new_epoch('{first}')", "everline_gateway")[0][0]
    latest = everline.sql(f"SELECT everline.new_epoch('{later}')", "everline_gateway")[0][0]
    assert generation(first) < generation(later) < generation(latest)
    for made in ("UPDATE everline.epoch SET generation = 1, system_identifier = system_identifier + 1", "DELETE FROM everline.epoch"):
        everline.sql(made)
        time_before = everline.sql("SELECT extract(epoch FROM clock_timestamp())::bigint")[0][0]
        restored = everline.sql("SELECT everline.current_epoch()", "everline_gateway")[0][0]
        assert generation(restored) >= int(time_before) > 1_700_000_000
    # The clock may have been wrong: then by counting.
    everline.sql("UPDATE everline.epoch SET generation = 9000000000")
    old = everline.sql("SELECT generation || '-' || token FROM everline.epoch")[0][0]
    assert generation(everline.sql(f"SELECT everline.new_epoch('{old}')", "everline_gateway")[0][0]) == 9000000001


def test_a_counter_below_its_rows_is_told_from_a_known_client_id(tampered):
    """Both are unique violations; the constraint's name tells which."""
    everline = tampered
    _, _, number, _ = room_with(everline, 3)
    user = everline.sql("SELECT id FROM everline.users WHERE username = '李白'")[0][0]
    rev = everline.sql(f"SELECT members_rev FROM everline.room_counters WHERE room_id = {number}")[0][0]
    known = everline.sql(f"SELECT client_id FROM everline.messages WHERE room_id = {number} AND seq = 1")[0][0]
    epoch = everline.sql("SELECT generation || '-' || token FROM everline.epoch")[0][0]

    def forms(client):
        return [
            f"SELECT everline.append_room('{epoch}', {number}, {rev}, ARRAY[{user}::bigint], ARRAY['{client}'::uuid], ARRAY['x'])",
            f"SELECT everline.append_fast('{epoch}', ARRAY[{number}::bigint], ARRAY[{rev}::bigint], ARRAY[{number}::bigint], ARRAY[{user}::bigint], "
            f"ARRAY['{client}'::uuid], ARRAY['x'])",
            f"SELECT everline.append('{epoch}', ARRAY[{number}::bigint], ARRAY[{user}::bigint], ARRAY['{client}'::uuid], ARRAY['x'], ARRAY[NULL::bigint])",
        ]

    for form in forms(known)[:2]:
        with pytest.raises(RuntimeError, match='"messages_room_id_sender_id_client_id_key"'):
            everline.sql(form, "everline_gateway")
    everline.sql(f"UPDATE everline.room_counters SET last_seq = 1 WHERE room_id = {number}")
    for form in forms(uuid.uuid4()):
        with pytest.raises(RuntimeError, match='"messages_pkey"'):
            everline.sql(form, "everline_gateway")


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
    everline.redis("DEL", f"everline:window:{{{number}}}", f"everline:window:{{{number}}}:meta")
    threads = [threading.Thread(target=read, args=(k, *one), daemon=True) for k, one in enumerate(reads)]
    for thread in threads:
        thread.start()
    for _ in range(60):
        before = list(answers)
        epoch = everline.sql(
            f"WITH made AS MATERIALIZED (SELECT everline.new_epoch('{epoch}') AS epoch) "
            f"UPDATE everline.messages SET body = (SELECT epoch FROM made) WHERE room_id = {number} RETURNING body")[0][0]
        # Each reader has seen the new one before the next begins.
        end = time.monotonic() + 120
        while time.monotonic() < end and any(now <= then for now, then in zip(answers, before)):
            time.sleep(0.001)
    stop.set()
    for thread in threads:
        thread.join(120)
    assert not wrong, wrong[:3]
    assert min(answers) >= 60
