"""Keeping people out or silent: whatever comes at the same moment, and whoever tries."""
import datetime
import threading
import time
import uuid

import pytest

from psql import Psql
from running import PASSWORD
from test_account_protection import boss  # noqa: F401
from test_rooms_people import changed, fresh, listed, people, room, stranger, until  # noqa: F401


def soon(seconds):
    return (datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def test_bans(everline, room, stranger):
    name, li, du, wang = room
    far = everline.line(instance=1)
    far.result("session.resume", session=du.session)
    far.result("room.open", room=name)
    end = soon(3_600)
    li.result("room.ban", room=name, username=du.name, until=end, reason="喧嘩")
    # From here on nothing is pushed there.
    changed(far, name, "removed")
    [ban] = li.result("room.bans", room=name)["bans"]
    assert (ban["username"], ban["by"], ban["until"], ban["reason"]) == (du.name, li.name, end, "喧嘩")
    assert du.error("room.join", room=name) == "room.banned"
    assert du.error("room.open", room=name) == du.error("history.recent", room=name) == du.error("history.page", room=name, after=0) == "room.not_found"
    assert listed(du, name) is None
    li.send(name, "他看不到")
    far.result("room.list")
    assert not [push for push in far.pushes if push["method"] == "message.posted"]
    # A second ban takes the place of the first; a plain member neither bans nor lifts it.
    li.result("room.ban", room=name, username=du.name)
    assert "until" not in li.result("room.bans", room=name)["bans"][0]
    for method in ("room.ban", "room.unban", "room.mute", "room.unmute", "room.transfer", "room.invite"):
        assert wang.error(method, room=name, username=du.name) == "room.forbidden", method
    assert wang.error("room.bans", room=name) == "room.forbidden"
    li.result("room.unban", room=name, username=du.name)
    changed(du, name, "unbanned")
    assert li.error("room.unban", room=name, username=du.name) == "user.not_found"
    du.result("room.join", room=name)
    # One who never was a member is kept out as well.
    li.result("room.ban", room=name, username=stranger.name)
    assert stranger.error("room.join", room=name) == "room.banned"


def test_nobody_is_spared_by_being_disabled(everline, room, boss):
    name, li, _, _ = room
    du = fresh(everline)
    du.result("room.join", room=name)
    li.result("room.setRole", room=name, username=du.name, role="moderator")
    boss.result("admin.disable", username=du.name)
    # Nothing more is given to who cannot come in, and all can be taken away.
    for method, params in (("room.setRole", {"role": "owner"}), ("room.transfer", {}), ("room.invite", {})):
        assert li.error(method, room=name, username=du.name, **params) == "user.not_found", method
    assert li.error("room.create", kind="direct", **{"with": du.name}) == "user.not_found"
    li.result("room.setRole", room=name, username=du.name, role="member")
    for method in ("room.mute", "room.unmute", "room.remove", "room.ban", "room.unban", "room.ban"):
        assert li.result(method, room=name, username=du.name) == {}, method
    assert [ban["username"] for ban in li.result("room.bans", room=name)["bans"]] == [du.name]
    boss.result("admin.enable", username=du.name)
    again = everline.user(du.name)
    assert again.error("room.join", room=name) == "room.banned"
    # A deleted account is nobody, by whatever name.
    [[id]] = everline.sql(f"SELECT id FROM everline.users WHERE username = '{du.name}'")
    again.result("auth.deleteAccount", password=PASSWORD)
    for username in (du.name, f"deleted:{id}", "db:guardian"):
        for method in ("room.ban", "room.unban", "room.mute", "room.remove", "room.invite", "room.transfer"):
            assert li.error(method, room=name, username=username) in ("user.not_found", "invalid_params"), (username, method)


def test_a_ban_ends_by_itself(room):
    name, li, du, _ = room
    li.result("room.ban", room=name, username=du.name, until=soon(3_600))
    assert du.error("room.join", room=name) == "room.banned"
    # The same with an end that is near.
    li.result("room.ban", room=name, username=du.name, until=soon(8))
    until(lambda: "result" in du.call("room.join", room=name), "the ban ends")
    assert li.result("room.bans", room=name)["bans"] == []
    du.send(name, "回來")
    for method in ("room.ban", "room.mute"):
        for wrong in ("2001-01-01T00:00:00Z", "tomorrow", 5):
            assert li.error(method, room=name, username=du.name, until=wrong) == "invalid_params"


def test_mutes(everline, room):
    name, li, du, wang = room
    mine = du.send(name, "先")
    epoch = mine["epoch"]
    # The fast append knows this sender by now.
    for _ in range(3):
        du.send(name, "又")
    li.result("room.mute", room=name, username=du.name)
    changed(du, name, "muted")

    def tries():
        key = lambda: str(uuid.uuid4())  # noqa: E731
        yield du.call("message.send", room=name, clientId=key(), body="說")
        yield du.call("message.send", room=name, clientId=key(), body="答", replyTo=1, epoch=epoch)
        yield du.call("message.edit", room=name, epoch=epoch, seq=1, clientId=key(), body="改")
        yield du.call("message.react", room=name, epoch=epoch, seq=1, clientId=key(), reaction="好")
        yield du.call("room.typing", room=name)
    assert [answer["error"]["data"]["name"] for answer in tries()] == ["room.muted"] * 5
    # Reading goes on, as does taking back; and who was muted says so in the list.
    assert len(du.result("history.recent", room=name)["messages"]) == 4
    assert {one["username"]: one.get("mutedUntil") for one in wang.result("room.members", room=name)["members"]} == {
        li.name: None, du.name: "9999-12-31T23:59:59.999Z", wang.name: None}
    du.result("message.delete", room=name, epoch=epoch, seq=1, clientId=str(uuid.uuid4()))
    # Leaving and coming back does not help.
    du.result("room.leave", room=name)
    du.result("room.join", room=name)
    assert du.error("message.send", room=name, clientId=str(uuid.uuid4()), body="說") == "room.muted"
    wang.send(name, "我能說")
    li.result("room.unmute", room=name, username=du.name)
    assert du.send(name, "又能說")["seq"] == 6
    assert li.error("room.unmute", room=name, username=du.name) == "user.not_found"
    li.result("room.mute", room=name, username=du.name, until=soon(3_600))
    assert du.error("message.send", room=name, clientId=str(uuid.uuid4()), body="說") == "room.muted"
    li.result("room.mute", room=name, username=du.name, until=soon(8))
    until(lambda: "result" in du.call("message.send", room=name, clientId=str(uuid.uuid4()), body="完"), "the mute ends")


def test_who_may_moderate_whom(room, stranger):
    name, li, du, wang = room
    li.result("room.setRole", room=name, username=du.name, role="moderator")
    for method in ("room.ban", "room.mute"):
        assert du.error(method, room=name, username=li.name) == "room.forbidden"
        assert du.error(method, room=name, username=du.name) == li.error(method, room=name, username=li.name) == "room.forbidden"
        assert stranger.error(method, room=name, username=wang.name) == "room.not_member"
        assert li.error(method, room=name, username="無此人") == "user.not_found"
    assert du.error("room.mute", room=name, username=stranger.name) == "user.not_found"
    du.result("room.mute", room=name, username=wang.name)
    assert du.result("room.update", room=name, title="盛唐")["title"] == "盛唐"
    assert "title" not in li.result("room.update", room=name)
    assert wang.error("room.update", room=name, title="x") == "room.forbidden"
    assert stranger.error("room.update", room=name, title="x") == "room.not_member"
    assert li.error("room.update", room=name, title="x" * 201) == li.error("room.update", room=name, title=" ") == "invalid_params"
    assert du.error("room.transfer", room=name, username=wang.name) == "room.forbidden"
    assert li.error("room.transfer", room=name, username=stranger.name) == "user.not_found"
    li.result("room.transfer", room=name, username=wang.name)
    assert {one["username"]: one["role"] for one in li.result("room.members", room=name)["members"]} == {
        li.name: "moderator", du.name: "moderator", wang.name: "owner"}
    assert li.error("room.transfer", room=name, username=li.name) == "room.forbidden"


def ids(everline, name, *lines):
    [[number]] = everline.sql(f"SELECT id FROM everline.rooms WHERE name = '{name}'")
    return number, *(everline.sql(f"SELECT id FROM everline.users WHERE username = '{line.name}'")[0][0] for line in lines)


def test_two_owners_demote_each_other_at_once(everline, room):
    """The one who comes second is no owner any more; one always remains."""
    name, li, du, _ = room
    li.result("room.setRole", room=name, username=du.name, role="owner")
    number, one, other = ids(everline, name, li, du)
    first, second = Psql(everline), Psql(everline)
    first.run("BEGIN")
    assert first.run(f"SELECT status FROM everline.set_role({number}, {one}, {other}, 'member')") == [["0"]]
    second.begin(f"SELECT status FROM everline.set_role({number}, {other}, {one}, 'member')")
    second.until_it_waits()
    first.run("COMMIT")
    assert second.finish() == [["3"]]
    first.close()
    second.close()
    assert {x["username"]: x["role"] for x in li.result("room.members", room=name)["members"]}[li.name] == "owner"
    # By the wire, over and over.
    for _ in range(10):
        li.result("room.setRole", room=name, username=du.name, role="owner")
        pair = [(li, du), (du, li)]
        written = [(line, line.write("room.setRole", {"room": name, "username": theirs.name, "role": "member"})) for line, theirs in pair]
        answers = [line.answer(id) for line, id in written]
        assert sorted("error" in answer for answer in answers) == [False, True], answers
        owners = [x["username"] for x in li.result("room.members", room=name)["members"] if x["role"] == "owner"]
        assert len(owners) == 1
        if owners == [du.name]:
            du.result("room.setRole", room=name, username=li.name, role="owner")
            li.result("room.setRole", room=name, username=du.name, role="member")


def test_joining_while_being_banned(everline, room):
    """Whichever comes first: in the end they are out, and stay out."""
    name, li, du, _ = room
    du.result("room.leave", room=name)
    number, one, other = ids(everline, name, li, du)
    ban = f"SELECT status FROM everline.ban_user({number}, {one}, {other}, 'infinity', NULL)"
    join = f"SELECT status FROM everline.join_room({number}, {other})"
    for early, late, outcome in [(ban, join, "6"), (join, ban, "0")]:
        first, second = Psql(everline), Psql(everline)
        first.run("BEGIN")
        assert first.run(early) == [["0"]]
        second.begin(late)
        second.until_it_waits()
        first.run("COMMIT")
        assert second.finish() == [[outcome]]
        first.close()
        second.close()
        assert listed(du, name) is None and du.error("room.join", room=name) == "room.banned"
        assert du.error("message.send", room=name, clientId=str(uuid.uuid4()), body="x") in ("room.not_member", "room.not_found")
        li.result("room.unban", room=name, username=du.name)


def test_muted_while_sending(everline, room):
    """The mute holds from the moment that it is answered, also for the fast append, and numbers stay without a gap."""
    name, li, du, _ = room
    done = threading.Event()
    results, unknown = [], []

    def send():
        while not done.is_set():
            began = time.monotonic()
            answer = du.call("message.send", room=name, clientId=str(uuid.uuid4()), body="說")
            if "error" in answer and answer["error"]["data"]["retryable"]:
                # Not known: it may have been numbered.
                unknown.append(answer)
            results.append((began, "result" in answer, time.monotonic()))
    thread = threading.Thread(target=send)
    thread.start()
    spans = []
    for _ in range(10):
        until(lambda: results and results[-1][1])
        li.result("room.mute", room=name, username=du.name)
        begun = time.monotonic()
        until(lambda: results and results[-1][0] > begun)
        ended = time.monotonic()
        spans.append((begun, ended))
        li.result("room.unmute", room=name, username=du.name)
    done.set()
    thread.join()
    # One that is answered after the end of the mute may have been numbered after it, too.
    assert not any(accepted for began, accepted, answered in results for begun, ended in spans if begun <= began and answered <= ended)
    [[count, last]] = everline.sql(
        f"SELECT count(*), max(m.seq) FROM everline.messages m JOIN everline.rooms r ON r.id = m.room_id WHERE r.name = '{name}'")
    sure = sum(accepted for _, accepted, _ in results)
    assert count == last and sure <= int(count) <= sure + len(unknown)
