"""What a restore takes back: numbers that were somebody's are somebody else's now, and nobody is taken for another."""
import time
import uuid

import pytest

from test_epoch import room_with


def current(everline):
    return everline.sql("SELECT generation || '-' || token FROM everline.epoch")[0][0]


def take_back(everline, room, users=()):
    """As a dump from before they were made, put back: rows, sessions and the sequences' places."""
    names = ", ".join(f"'{name}'" for name in users) or "''"
    everline.sql(f"""
        BEGIN;
        CREATE TEMP TABLE gone AS SELECT id FROM everline.rooms WHERE name = '{room}';
        CREATE TEMP TABLE gone_users AS SELECT id FROM everline.users WHERE username IN ({names});
        DELETE FROM everline.messages WHERE room_id IN (SELECT id FROM gone);
        DELETE FROM everline.revisions WHERE room_id IN (SELECT id FROM gone);
        DELETE FROM everline.reactions WHERE room_id IN (SELECT id FROM gone);
        DELETE FROM everline.room_bans WHERE room_id IN (SELECT id FROM gone);
        DELETE FROM everline.room_members WHERE room_id IN (SELECT id FROM gone) OR user_id IN (SELECT id FROM gone_users);
        DELETE FROM everline.room_counters WHERE room_id IN (SELECT id FROM gone);
        DELETE FROM everline.rooms WHERE id IN (SELECT id FROM gone);
        DELETE FROM everline.sessions WHERE user_id IN (SELECT id FROM gone_users);
        DELETE FROM everline.login_log WHERE user_id IN (SELECT id FROM gone_users);
        DELETE FROM everline.users WHERE id IN (SELECT id FROM gone_users);
        SELECT setval(pg_get_serial_sequence('everline.rooms', 'id'), (SELECT max(id) FROM everline.rooms));
        SELECT setval(pg_get_serial_sequence('everline.users', 'id'), (SELECT max(id) FROM everline.users));
        COMMIT""")


def test_ids_are_not_mistaken_for_those_of_another_epoch(own_everline):
    everline = own_everline
    li, _, _, old = room_with(everline, 1)
    lost = everline.user("王維")
    lost.result("room.create", room="輞川")
    lost.send("輞川", "空山不見人")
    old_id = everline.sql("SELECT id FROM everline.rooms WHERE name = '輞川'")[0][0]
    user_id = everline.sql("SELECT id FROM everline.users WHERE username = '王維'")[0][0]
    take_back(everline, "輞川", ["王維"])
    everline.sql(f"SELECT everline.new_epoch('{old}')", "everline_guardian")
    # Somebody else gets both numbers.
    end = time.monotonic() + 120
    new = everline.user("裴迪")
    while "error" in (answer := new.call("room.create", room="別業")):
        assert answer["error"]["data"]["retryable"] and time.monotonic() < end, answer
    assert everline.sql("SELECT id FROM everline.rooms WHERE name = '別業'")[0][0] == old_id
    assert everline.sql("SELECT id FROM everline.users WHERE username = '裴迪'")[0][0] == user_id
    # The connection that is still bound to the first owner of the number is nobody, and its room is gone.
    for room in ("輞川", "別業"):
        answer = lost.call("message.send", room=room, clientId=str(uuid.uuid4()), body="但聞人語響")
        assert answer["error"]["data"]["name"] in ("session.required", "unavailable", "room.not_found", "epoch.changed"), answer
    lost.push("session.ended")
    assert lost.error("room.list") == "session.required"
    assert new.result("history.page", room="別業", after=0)["messages"] == []
    # Others whose sessions hold go on without noticing more than a pause.
    end = time.monotonic() + 120
    while "error" in (answer := li.call("room.list")):
        assert answer["error"]["data"]["retryable"] and time.monotonic() < end, answer


def test_a_room_that_was_taken_back_is_reset(own_everline):
    everline = own_everline
    li, room, _, old = room_with(everline, 3)
    du = everline.user("杜甫")
    du.result("room.open", room=room)
    take_back(everline, room)
    assert du.push("room.reset")["epoch"] != old
    assert du.error("room.open", room=room) == "room.not_found"


def test_an_edit_of_the_old_epoch_is_refused_although_nobody_has_sent(own_everline):
    everline = own_everline
    li, room, _, old = room_with(everline, 3)
    everline.sql("UPDATE everline.epoch SET system_identifier = system_identifier + 1")
    pid = everline.pid("postgres")
    everline.kill("postgres")
    end = time.monotonic() + 120
    while everline.pid("postgres") == pid:
        assert time.monotonic() < end
        time.sleep(0.02)
    while True:
        answer = li.call("message.edit", room=room, epoch=old, seq=1, clientId=str(uuid.uuid4()), body="x")
        assert "error" in answer, answer
        if answer["error"]["data"]["name"] == "epoch.changed":
            break
        assert answer["error"]["data"]["retryable"] and time.monotonic() < end, answer
    assert current(everline) != old


def test_an_older_epoch_that_comes_back_is_no_epoch(own_everline):
    """Old rows were put back with their epoch: its numbers are not those that clients hold under that name."""
    everline = own_everline
    li, room, _, first = room_with(everline, 3)
    second = everline.sql(f"SELECT everline.new_epoch('{first}')", "everline_guardian")[0][0]
    du = everline.user("杜甫")
    end = time.monotonic() + 120
    while "error" in (answer := du.call("room.open", room=room)) or answer["result"]["epoch"] != second:
        assert time.monotonic() < end, answer
        time.sleep(0.05)
    generation, token = first.split("-")
    everline.sql(f"UPDATE everline.epoch SET generation = {generation}, token = '{token}'")
    assert du.push("room.reset")["epoch"] not in (first, second)
    assert int(current(everline).split("-")[0]) > int(generation)


def test_a_session_that_ended_without_a_word_is_noticed(everline):
    line = everline.user("孟浩然")
    everline.sql("DELETE FROM everline.sessions WHERE user_id = (SELECT id FROM everline.users WHERE username = '孟浩然')")
    line.push("session.ended")
    assert line.error("room.list") == "session.required"
