"""A restore that was taken into use: from there on there are two histories, and both can be gone back to."""
import os
import pathlib
import shutil

from guarding import Guardian


def chat(guardian, text, count):
    li = guardian.everline.user("李白")
    for n in range(count):
        li.send("唐詩", f"{text} {n}")


def take_over(guardian, directory):
    """As the README says: stop, put the restored folder where the database lies, run."""
    everline = guardian.everline
    everline.stop()
    data = os.path.realpath(everline.home / "postgres")
    guardian.places.append(pathlib.Path(data + "-left"))
    shutil.move(data, data + "-left")
    shutil.move(directory, data)
    everline.start()


def forget(guardian, ledger):
    """So that a drill's random older ledger is a certain one."""
    for path in guardian.repository.rglob(f"{ledger}.ledger"):
        path.unlink()
    guardian.json("backup", "rebuild")


def test_both_histories_can_be_restored_and_drilled(own_guardian):
    guardian: Guardian = own_guardian
    everline = guardian.everline
    everline.user("李白").result("room.create", room="唐詩")
    chat(guardian, "共", 20)
    guardian.json("backup", "base")
    first = sorted(path.stem for path in guardian.repository.rglob("*.ledger"))
    before = guardian.now()
    chat(guardian, "棄", 10)
    left = guardian.now()
    everline.sql("SELECT pg_create_restore_point('on-the-first')")
    chat(guardian, "更棄", 5)
    abandoned = guardian.json("ledger")
    guardian.switch()
    result = guardian.json("restore", "--to", guardian.place("taken"), "--at", before)
    assert result["lost"] == [{"room": "唐詩", "from": 21, "to": 35}]
    take_over(guardian, result["directory"])
    chat(guardian, "新", 3)
    guardian.switch()
    for ledger in first:
        forget(guardian, ledger)
    # No ledger lies on the new way yet, and the newest base backup leads to both ends.
    drill = guardian.json("drill")
    assert drill["ok"] and drill["target"] == abandoned["id"] and drill["messages"] == 35, drill
    everline.sql("SELECT pg_create_restore_point('on-the-second')")
    moment = guardian.now()
    chat(guardian, "更新", 4)
    ledger = guardian.json("ledger")
    guardian.switch()
    # To the newest, and to a random older one, of which there is but one: what the first held after it had been left.
    drill = guardian.json("drill")
    assert drill["ok"] and drill["target"] == ledger["id"] and drill["older"] == abandoned["id"] and drill["messages"] == 27, drill
    assert [window["timeline"] for window in guardian.json("pitr", "windows")] == [1, 2]

    def restored(*target):
        place = guardian.place("either")
        result = guardian.json("restore", "--to", place, *target)
        with guardian.start(result) as server:
            [[count, last]] = server.sql("SELECT count(*), (SELECT body FROM everline.messages ORDER BY seq DESC LIMIT 1) FROM everline.messages")
        shutil.rmtree(place)
        return int(count), last, result

    assert restored("--name", "on-the-first")[:2] == (30, "棄 9")
    assert restored("--name", "on-the-second")[:2] == (23, "新 2")
    assert restored("--at", moment)[:2] == (23, "新 2")
    assert restored("--latest")[:2] == (27, "更新 3")
    # On the newest timeline nothing had come after the first was left; that the first went on is said, not guessed.
    count, last, result = restored("--at", left)
    assert (count, last, result["timeline"]) == (20, "共 19", 2) and any("--timeline 1" in note for note in result["notes"]), result
    count, last, result = restored("--at", left, "--timeline", "1")
    assert (count, last, result["timeline"]) == (30, "棄 9", 1) and not any("--timeline" in note for note in result["notes"])
    assert restored("--latest", "--timeline", "1")[:2] == (35, "更棄 4")
    assert "there is no timeline 9" in guardian.error("restore", "--to", guardian.place("x"), "--latest", "--timeline", "9")
    guardian.error("restore", "--to", guardian.place("x"), "--backup", "x", "--timeline", "1", check=64)
    assert "there is no restore point nowhere" in guardian.error("restore", "--to", guardian.place("x"), "--name", "nowhere")
    assert guardian.json("verify") == {"ok": True, "problems": []}
