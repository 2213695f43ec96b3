"""Edits, deletions and reactions: numbered by `rev`, pushed, paged and resumed as messages are."""
import time
import uuid

import pytest

from client import RPC
from test_chat import from_redis


def key():
    return str(uuid.uuid4())


@pytest.fixture
def room(everline):
    """A public room of three: its owner, a member and another."""
    name = f"修訂-{uuid.uuid4().hex[:8]}"
    people = [everline.user(f"{who}-{uuid.uuid4().hex[:6]}") for who in ("shu", "mo", "bi")]
    people[0].result("room.create", room=name, kind="public")
    for one in people[1:]:
        one.result("room.join", room=name)
    return name, *people


def revise(line, method, room, epoch, seq, **more):
    return line.result(f"message.{method}", room=room, epoch=epoch, seq=seq, **({"clientId": key()} | more))


def revisions(line, count):
    """The next `count` pushes about revisions."""
    found = []
    while len(found) < count:
        for push in [push for push in line.pushes if push["method"] in ("message.edited", "message.deleted")]:
            line.pushes.remove(push)
            found.append(push)
        if len(found) < count:
            line.take()
    return found


def test_revisions_are_numbered_pushed_and_shown(everline, room):
    name, owner, member, other = room
    epoch = other.result("room.open", room=name)["epoch"]
    for body in ("白日依山盡", "黃河入海流", "欲窮千里目"):
        member.send(name, body)
    assert revise(member, "edit", name, epoch, 1, body="白日依山盡。") == {"rev": 1, "epoch": epoch}
    assert revise(other, "react", name, epoch, 1, reaction="👍")["rev"] == 2
    assert revise(owner, "react", name, epoch, 1, reaction="👍")["rev"] == 3
    assert revise(member, "delete", name, epoch, 2)["rev"] == 4
    assert revise(other, "react", name, epoch, 1, reaction="👍", remove=True)["rev"] == 5
    pushed = revisions(other, 5)
    assert [push["params"]["rev"] for push in pushed] == [1, 2, 3, 4, 5]
    assert [push["method"] for push in pushed] == ["message.edited"] * 3 + ["message.deleted", "message.edited"]
    assert pushed[0]["params"]["body"] == "白日依山盡。" and "editedAt" in pushed[0]["params"]
    assert pushed[2]["params"]["reactions"] == [{"reaction": "👍", "count": 2, "users": [other.name, owner.name]}]
    assert pushed[3]["params"]["body"] == "" and pushed[3]["params"]["deleted"] is True and pushed[3]["params"]["seq"] == 2

    # The same by every way of reading, and from PostgreSQL when the window is gone.
    opened = owner.result("room.open", room=name)
    assert opened["lastSeq"] == 3 and opened["lastRev"] == 5
    recent = from_redis(owner, name)
    page = owner.result("history.page", room=name, after=0)
    assert opened["messages"] == recent["messages"] == page["messages"]
    first, second, third = page["messages"]
    assert first["body"] == "白日依山盡。" and first["rev"] == 5 and first["reactions"] == [{"reaction": "👍", "count": 1, "users": [owner.name]}]
    assert second["deleted"] and second["body"] == "" and second["rev"] == 4
    assert "rev" not in third and "reactions" not in third
    everline.redis("DEL", *(f"everline:window:{{{id}}}{end}" for [id] in everline.sql(f"SELECT id FROM everline.rooms WHERE name = '{name}'") for end in ("", ":meta")))
    assert owner.result("history.recent", room=name)["messages"] == page["messages"]
    # A record of who did what.
    assert everline.sql(
        f"SELECT v.rev, v.seq, v.kind, u.username FROM everline.revisions v JOIN everline.users u ON u.id = v.actor_id "
        f"JOIN everline.rooms r ON r.id = v.room_id WHERE r.name = '{name}' ORDER BY 1") == [
        ["1", "1", "edit", member.name], ["2", "1", "react", other.name], ["3", "1", "react", owner.name], ["4", "2", "delete", member.name],
        ["5", "1", "unreact", other.name]]


def test_revisions_are_resumed(everline, room):
    name, owner, member, other = room
    epoch = owner.result("room.open", room=name)["epoch"]
    for number in range(5):
        member.send(name, f"第 {number} 行")
    for number in range(300):
        revise(member, "edit", name, epoch, number % 5 + 1, body=f"改 {number}")
    revise(member, "delete", name, epoch, 1)
    reader = everline.user(other.name)
    opened = reader.result("room.open", room=name, epoch=epoch, after=2, afterRev=10)
    assert opened["messages"] == [] and opened["lastRev"] == 301
    assert [message["seq"] for message in reader.posted(3)] == [3, 4, 5]
    caught_up = revisions(reader, 291)
    assert [push["params"]["rev"] for push in caught_up] == list(range(11, 302))
    # What was taken back is not shown to anyone again.
    assert not any(push["params"]["body"] for push in caught_up if push["params"]["seq"] == 1)
    final = {push["params"]["seq"]: push["params"]["body"] for push in caught_up}
    assert final == {1: ""} | {n + 1: f"改 {295 + n}" for n in range(1, 5)}
    # And the live ones follow without a seam.
    revise(member, "edit", name, epoch, 3, body="末")
    assert revisions(reader, 1)[0]["params"]["rev"] == 302
    # A number that was never given is of another history.
    assert reader.result("room.open", room=name, epoch=epoch, after=2, afterRev=900)["reset"] is True


def test_repeating_a_revision_is_harmless(everline, room):
    name, owner, member, other = room
    epoch = owner.result("room.open", room=name)["epoch"]
    member.send(name, "一")
    mine = key()
    first = revise(member, "edit", name, epoch, 1, clientId=mine, body="二")
    assert revise(member, "edit", name, epoch, 1, clientId=mine, body="三") == first | {"duplicate": True}
    # Nothing to change takes no number.
    assert revise(other, "react", name, epoch, 1, reaction="好")["rev"] == 2
    assert revise(other, "react", name, epoch, 1, reaction="好")["rev"] == 2
    assert revise(owner, "react", name, epoch, 1, reaction="好", remove=True)["rev"] == 2
    owner.result("message.delete", room=name, epoch=epoch, seq=1, clientId=key())
    assert revise(owner, "delete", name, epoch, 1)["rev"] == 3
    # Also after its sender was banned.
    owner.result("room.remove", room=name, username=member.name, ban=True)
    assert revise(member, "edit", name, epoch, 1, clientId=mine, body="四") == first | {"duplicate": True}
    assert owner.result("room.open", room=name)["lastRev"] == 3


def test_who_may_revise(everline, room):
    name, owner, member, other = room
    epoch = owner.result("room.open", room=name)["epoch"]
    member.send(name, "床前明月光")

    def refused(line, method, **more):
        return line.error(f"message.{method}", **({"room": name, "epoch": epoch, "seq": 1, "clientId": key()} | more))

    assert refused(other, "edit", body="改") == "room.forbidden"
    assert refused(other, "delete") == "room.forbidden"
    owner.result("room.setRole", room=name, username=other.name, role="moderator")
    assert revise(other, "edit", name, epoch, 1, body="床前明月光，")["rev"] == 1
    stranger = everline.user(f"ke-{uuid.uuid4().hex[:6]}")
    assert refused(stranger, "edit", body="改") == "room.not_member"
    assert refused(stranger, "react", reaction="好") == "room.not_member"
    assert refused(member, "edit", body="改", seq=2) == "message.not_found"
    assert refused(member, "edit", body="改", epoch="0-none") == "epoch.changed"
    assert refused(member, "edit", body="") == "invalid_params"
    assert refused(member, "react", reaction="x" * 200) == "invalid_params"
    assert refused(member, "react", reaction="a\nb") == "invalid_params"
    assert member.error("message.edit", room=name, seq=1, clientId=key(), body="改") == "invalid_params"
    assert member.error("message.edit", room="無此房", epoch=epoch, seq=1, clientId=key(), body="改") == "room.not_found"
    for number in range(20):
        revise(member, "react", name, epoch, 1, reaction=f"r{number}")
    assert refused(member, "react", reaction="one more") == "invalid_params"
    revise(member, "delete", name, epoch, 1)
    assert refused(member, "edit", body="改") == "message.not_found"
    assert refused(member, "react", reaction="好") == "message.not_found"
    # A room that one may not know of is not there.
    owner.result("room.create", room=name + "密", kind="private")
    owner.send(name + "密", "密")
    assert refused(stranger, "react", room=name + "密", reaction="好") == "room.not_found"


def test_moderation(everline, room):
    name, owner, member, other = room
    other.result("room.open", room=name)
    assert member.error("room.remove", room=name, username=other.name) == "room.forbidden"
    assert member.error("room.setRole", room=name, username=member.name, role="owner") == "room.forbidden"
    assert owner.error("room.setRole", room=name, username=owner.name, role="member") == "room.forbidden", "the last owner remains"
    assert owner.error("room.setRole", room=name, username=other.name, role="king") == "invalid_params"
    assert owner.error("room.setRole", room=name, username="無此人", role="member") == "user.not_found"
    owner.result("room.setRole", room=name, username=member.name, role="moderator")
    assert member.error("room.remove", room=name, username=owner.name) == "room.forbidden"
    mine = key()
    number = other.send(name, "禁言之前", mine)["seq"]
    member.result("room.remove", room=name, username=other.name, ban=True)
    while other.push("room.changed")["change"] not in ("banned", "removed"):
        pass
    # Banned: neither reads nor writes nor comes back, but a send of before has its number for ever.
    assert other.error("message.send", room=name, clientId=key(), body="又") in ("room.not_member", "room.not_found")
    assert other.error("room.join", room=name) == "room.banned"
    assert other.error("history.recent", room=name) == other.error("room.open", room=name) == "room.not_found"
    again = other.send(name, "禁言之前", mine)
    assert again["seq"] == number and again["duplicate"] is True
    owner.send(name, "他看不到")
    time.sleep(1.2)
    other.result("room.list")
    assert not any(push["method"] == "message.posted" and push["params"]["body"] == "他看不到" for push in other.pushes)
    # An invitation by a moderator lifts the ban.
    member.result("room.invite", room=name, username=other.name)
    assert other.send(name, "回來")["seq"] == number + 2


def test_a_removed_member_stops_receiving_through_another_gateway_without_a_signal(everline, room):
    """The counter carries `members_rev`: the removal is done behind the gateways' backs."""
    name, owner, member, other = room
    other.result("room.open", room=name)
    [[id, user]] = everline.sql(
        f"SELECT r.id, u.id FROM everline.rooms r, everline.users u WHERE r.name = '{name}' AND u.username = '{other.name}'")
    [[by]] = everline.sql(f"SELECT id FROM everline.users WHERE username = '{owner.name}'")
    everline.sql(f"SELECT everline.remove_member({id}, {by}, {user}, false)", role="everline_gateway")
    deadline = time.monotonic() + 120
    while other.push("room.changed")["change"] != "removed":
        assert time.monotonic() < deadline
    owner.send(name, "之後")
    other.result("room.list")
    assert not any(push["method"] == "message.posted" for push in other.pushes)


def test_edits_of_old_and_new_lines_race_with_sends(everline, room):
    """The window is never served as it was before an edit."""
    name, owner, member, other = room
    epoch = owner.result("room.open", room=name)["epoch"]
    bodies = {}
    for number in range(1, 121):
        member.write("message.send", {"room": name, "clientId": key(), "body": f"原 {number}"}, id=f"s{number}")
        if number > 3:
            target = number - (number % 3)
            owner.result("message.edit", room=name, epoch=epoch, seq=max(1, target - 3), clientId=key(), body=f"改 {number}") \
                if "error" not in member.answer(f"s{number}") else None
            bodies[max(1, target - 3)] = f"改 {number}"
        else:
            member.answer(f"s{number}")
        recent = other.result("history.recent", room=name)["messages"]
        assert [message["seq"] for message in recent] == list(range(max(1, number - 49), number + 1))
        for message in recent:
            assert message["body"] == bodies.get(message["seq"], f"原 {message['seq']}"), (number, message)
