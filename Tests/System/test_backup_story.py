"""The whole story: chat, a backup, more chat, DROP TABLE, restore to the moment before, and the chat goes on."""
import os
import shutil
import time

from guarding import says_of_rooms
from running import PASSWORD
from test_faults import Sender, everything


def wait(condition, seconds=120, say=lambda: ""):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, say()
        time.sleep(0.05)


def test_drop_table_and_back(own_guardian):
    guardian = own_guardian
    everline = guardian.everline
    rooms = [f"詩 {n}" for n in range(1, 6)]
    senders = []
    for n, room in enumerate(rooms):
        user = everline.user(f"詩人{n}")
        user.result("room.create", room=room)
        sender = Sender(everline, user.session, room)
        sender.start()
        senders.append(sender)
    reader = everline.user("讀者")
    reader.result("room.join", room=rooms[0])
    old_epoch = reader.result("room.open", room=rooms[0])["epoch"]

    backup = guardian.json("backup", "base")
    assert backup["kind"] == "base" and backup["verified"]
    mark = [len(sender.acknowledged) for sender in senders]
    wait(lambda: all(len(sender.acknowledged) > before + 50 for sender, before in zip(senders, mark)))

    acknowledged = [dict(sender.acknowledged) for sender in senders]
    moment = guardian.now()
    mark = [len(sender.acknowledged) for sender in senders]
    wait(lambda: all(len(sender.acknowledged) > before + 5 for sender, before in zip(senders, mark)))
    everline.sql("DROP TABLE everline.messages CASCADE")
    for sender in senders:
        sender.done.set()
    # What is shown right after the accident: where one can go.
    guardian.switch()
    [window] = guardian.json("pitr", "windows")
    assert window["from"] < moment < window["to"] and window["holes"] == []

    place = guardian.place("restored")
    plan = guardian.json("restore", "--to", place, "--at", moment, "--plan")
    assert plan["backup"] == backup["id"] and not place.exists()
    result = guardian.json("restore", "--to", place, "--at", moment)
    assert result["backup"] == backup["id"] and result["directory"] == str(place) and result["reached"] <= moment
    with guardian.start(result) as restored:
        found = says_of_rooms(restored)
        restored_epoch = restored.sql("SELECT generation || '-' || token FROM everline.epoch")[0][0]
        assert restored.sql("SHOW archive_mode") == [["off"]]
    kept = {name: int(last) for name, last, *_ in found}
    for name, last, count, low, high, _ in found:
        assert (count, low, high) == (last, "1", last), name
    # Everything that was acknowledged before is there; what came after is counted as lost, to the last number.
    for room, known in zip(rooms, acknowledged):
        assert kept[room] >= max(known), room
    lost = {one["room"]: one for one in result["lost"]}
    for room, sender in zip(rooms, senders):
        last = max(sender.acknowledged)
        assert lost[room]["from"] == kept[room] + 1 and lost[room]["to"] >= last
    assert restored_epoch == result["epoch"] != old_epoch

    # It takes the old one's place, and the services run on it.
    everline.stop()
    real = os.path.realpath(everline.home / "postgres")
    os.rename(real, real + "-broken")
    guardian.places.append(real + "-broken")
    os.rename(place, real)
    everline.start()
    again = everline.line()
    again.result("auth.login", username="讀者", password=PASSWORD)
    opened = again.result("room.open", room=rooms[0], epoch=old_epoch, after=3)
    assert opened["reset"] is True and opened["epoch"] not in (old_epoch,)
    for n, (room, known) in enumerate(zip(rooms, acknowledged)):
        poet = everline.line()
        poet.result("auth.login", username=f"詩人{n}", password=PASSWORD)
        messages = everything(poet, room)
        assert [one["seq"] for one in messages] == list(range(1, len(messages) + 1))
        bodies = {one["seq"]: one["body"] for one in messages}
        assert {seq: bodies.get(seq) for seq in known} == known
        assert poet.send(room, "又一行")["seq"] == len(messages) + 1

    # It goes on archiving, on a timeline of its own; both can be restored, and a drill proves the newest.
    guardian.switch()
    windows = {one["timeline"]: one for one in guardian.json("pitr", "windows")}
    assert set(windows) == {1, 2} and windows[2]["to"] > moment
    drill = guardian.json("drill")
    assert drill["ok"] and drill["differences"] == []
    second = guardian.place("second")
    with guardian.start(guardian.json("restore", "--to", second, "--latest")) as restored:
        assert says_of_rooms(restored) == says_of_rooms(everline)
        assert restored.sql("SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)") == [["00000003"]]
    # The first timeline, as it was before the accident, over the promotion.
    shutil.rmtree(second)
    with guardian.start(guardian.json("restore", "--to", second, "--at", moment)) as restored:
        assert {name: int(last) for name, last, *_ in says_of_rooms(restored)} == kept
