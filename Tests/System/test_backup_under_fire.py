"""Guardian and PostgreSQL are killed again and again in mid-backup, under chat: what was acknowledged and archived comes back, each message once."""
import os
import random
import signal
import subprocess
import threading
import time

import pytest

from guarding import BINARY, Guardian, says_of_rooms
from running import Everline
from test_faults import Sender, back

ROUNDS = int(os.environ.get("FIRE_ROUNDS", 4))


def until(condition, seconds=120, say=lambda: ""):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, say()
        time.sleep(0.02)
    return found


class Repeating(threading.Thread):
    """Does something over and over, whatever comes of it."""

    def __init__(self, what, pause):
        super().__init__(daemon=True)
        self.what, self.pause, self.done = what, pause, threading.Event()
        self.start()

    def run(self):
        while not self.done.wait(self.pause):
            try:
                self.what()
            except (RuntimeError, subprocess.SubprocessError):
                pass

    def end(self):
        self.done.set()
        self.join(120)


def pushers(guardian):
    found = subprocess.run(["pgrep", "-f", f"db-guardian wal push .*{os.path.realpath(guardian.everline.home / 'guardian')}"], capture_output=True, text=True)
    return [int(one) for one in found.stdout.split()]


def kill(number):
    try:
        os.kill(number, signal.SIGKILL)
    except ProcessLookupError:
        pass


def check(server, senders, acknowledged, least):
    """Rooms 1..N with every acknowledged line up to N in its place and none twice; each N."""
    ends = {}
    for sender, known, sure in zip(senders, acknowledged, least):
        rows = server.sql(
            "SELECT m.seq, m.body FROM everline.messages m JOIN everline.rooms r ON r.id = m.room_id "
            f"WHERE r.name = '{sender.room}' ORDER BY m.seq")
        bodies = {int(seq): body for seq, body in rows}
        assert list(bodies) == list(range(1, len(rows) + 1)) and len(set(bodies.values())) == len(rows), sender.room
        assert len(rows) >= max(sure), (sender.room, len(rows), max(sure))
        assert {seq: bodies[seq] for seq in known if seq <= len(rows)} == {seq: body for seq, body in known.items() if seq <= len(rows)}
        ends[sender.room] = len(rows)
    assert all(low == "1" and count == last == high for _, last, count, low, high, _ in says_of_rooms(server))
    return ends


def create(user, room):
    """The guardian's jobs begin at once, so that the database may be too busy for it; then nothing was done."""
    for _ in range(20):
        answer = user.call("room.create", room=room)
        if answer.get("error", {}).get("data", {}).get("detail") != "the database cannot serve now":
            break
        time.sleep(0.5)
    assert "result" in answer, answer


@pytest.mark.parametrize("receive", ["0", "1"], ids=["archived alone", "streamed too"])
def test_killed_in_mid_backup_again_and_again(receive):
    seed = int(os.environ.get("FIRE_SEED", random.randrange(1 << 30)))
    print(f"FIRE_SEED={seed}")
    chance = random.Random(seed)
    everline = Everline()
    everline.extra = {
        "EVERLINE_SCHEDULE_GRACE": "0", "EVERLINE_SCHEDULE_BASE": "1", "EVERLINE_SCHEDULE_LEDGER": "2", "EVERLINE_SCHEDULE_RECEIVE": receive,
        # Serve and the prompt take turns, and are killed in both.
        "EVERLINE_REPOSITORY_WAIT": "5",
    }
    guardian = Guardian(everline)
    repeating = []
    try:
        everline.start()
        senders = []
        for n, room in enumerate(["望廬山瀑布", "登鸛雀樓", "春曉", "相思"]):
            user = everline.user(f"詩人{n}")
            create(user, room)
            senders.append(Sender(everline, user.session, room))
            senders[-1].start()
        until(lambda: guardian.run("backup", "base").returncode == 0)
        staging = everline.home / "staging"
        repeating = [
            Repeating(lambda: everline.sql("SELECT pg_switch_wal()"), 0.3),
            Repeating(lambda: subprocess.run([BINARY, "backup", "base"], env=everline.environment, capture_output=True, timeout=120), 0.1),
        ]
        for number in range(ROUNDS):
            until(lambda: list(staging.glob("everline-staging-*/data/base")), say=everline.logs)
            time.sleep(chance.uniform(0, 1.5))
            old = {name: everline.pid(name) for name in ("postgres", "db-guardian")}
            for name in chance.sample(sorted(old), 2):
                kill(old[name])
                time.sleep(chance.choice([0, 0.05, 0.3]))
            if number % 2:
                for one in pushers(guardian):
                    kill(one)
            for name in old:
                try:
                    back(everline, name, old[name])
                except AssertionError as error:
                    raise AssertionError(everline.said + everline.logs()) from error
            mark = [len(sender.acknowledged) for sender in senders]
            until(lambda: all(len(sender.acknowledged) > before + 5 for sender, before in zip(senders, mark)), say=everline.logs)
        # What was acknowledged by now is in segments that are archived soon after.
        least = [dict(sender.acknowledged) for sender in senders]
        until(lambda: switched(guardian))
        mark = [len(sender.acknowledged) for sender in senders]
        until(lambda: all(len(sender.acknowledged) > before + 20 for sender, before in zip(senders, mark)), say=everline.logs)
        for one in repeating:
            one.end()
        # The end of the machine, at a random moment.
        time.sleep(chance.uniform(0, 1))
        of_it = [everline.pid(name) for name in ("postgres", "redis", "auth", "message-gateway-0", "history-0", "db-guardian")]
        os.killpg(everline.process.pid, signal.SIGKILL)
        everline.process.wait()
        everline.process = None
        # What was running may take a moment to end, and what starts next would find its ports taken.
        until(lambda: not [pid for pid in of_it if os.path.exists(f"/proc/{pid}")])
        for sender in senders:
            sender.done.set()
        first = guardian.json("restore", "--to", guardian.place("first"), "--latest")
        acknowledged = [dict(sender.acknowledged) for sender in senders]
        with guardian.start(first) as restored:
            ends = check(restored, senders, acknowledged, least)

        # It comes back by itself with all that was acknowledged; and so it is known exactly what the restore would have lost.
        everline.start()
        for sender in senders:
            sender.join(700)
            assert sender.failure is None and not sender.is_alive(), sender.failure
        acknowledged = [dict(sender.acknowledged) for sender in senders]
        now = check(everline, senders, acknowledged, acknowledged)
        claimed = {one["room"]: one for one in first["lost"]}
        for room, one in claimed.items():
            assert one["from"] == ends[room] + 1 and one["from"] <= one["to"] <= now[room], (one, ends, now)
        second = guardian.json("restore", "--to", guardian.place("second"), "--latest")
        last = {name: int(last) for name, last, *_ in says_of_rooms(everline)}
        with guardian.start(second) as restored:
            kept = check(restored, senders, acknowledged, least)
        assert second["lost"] == [
            {"room": room, "from": kept[room] + 1, "to": last[room]} for room in sorted(last) if last[room] > kept[room]]
        # Whatever was killed: what is visible is whole, and no segment is missed.
        verified = guardian.json("verify", check=None)
        assert verified["ok"], verified
        assert all(window["holes"] == [] for window in guardian.json("pitr", "windows"))
    finally:
        for one in repeating:
            one.done.set()
        guardian.clean()
        everline.remove()


def switched(guardian):
    try:
        return guardian.switch()
    except RuntimeError:
        return None
