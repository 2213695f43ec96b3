"""Whatever is normal raises nothing."""
import json
import signal
import time

from guarding import Guardian
from running import PASSWORD, Everline


def alarms(everline):
    found = []
    # The last line may be half written yet.
    for line in (everline.home / "log/db-guardian.log").read_text(errors="replace").split("\n")[:-1]:
        if line.startswith("{") and (entry := json.loads(line)).get("message") == "finding":
            found.append(entry)
    return found


def begun(everline, times=1):
    end = time.monotonic() + 120
    while (everline.home / "log/db-guardian.log").read_text(errors="replace").count("the watch begins") < times:
        assert time.monotonic() < end, everline.logs()
        time.sleep(0.1)


def until_answered(ask):
    """As a client does whose server is being restarted."""
    end = time.monotonic() + 120
    while True:
        try:
            return ask()
        except (AssertionError, OSError):
            assert time.monotonic() < end
            time.sleep(0.2)


def look_after_people(everline, li, du):
    """What owners, users and admins do."""
    boss = everline.line()
    boss.result("auth.login", username="admin", password=(everline.home / "admin-password").read_text().strip())
    boss.result("admin.createUser", username="訪客", password=PASSWORD, mustChange=True)
    for method in ("room.invite", "room.mute", "room.unmute", "room.ban", "room.unban"):
        li.result(method, room="唐詩", username="訪客")
    li.result("room.create", kind="direct", **{"with": "杜甫"})
    sent = li.send("唐詩", "@杜甫 看")
    du.result("room.markRead", room="唐詩", epoch=sent["epoch"], seq=sent["seq"])
    du.result("presence", state="online")
    du.result("auth.changePassword", current=PASSWORD, new="野曠天低樹，江清月近人")
    du.result("auth.changePassword", current="野曠天低樹，江清月近人", new=PASSWORD)
    du.result("auth.secondFactor.begin", password=PASSWORD)
    for method, params in [("admin.users", {}), ("admin.logins", {}), ("admin.actions", {}), ("admin.sessions", {"username": "李白"}),
                           ("admin.setAdmin", {"username": "訪客", "admin": True}), ("admin.setAdmin", {"username": "訪客", "admin": False}),
                           ("admin.disable", {"username": "訪客"}), ("admin.enable", {"username": "訪客"}), ("admin.revoke", {"username": "訪客"})]:
        boss.result(method, **params)
    everline.run("auth", "users", "require-change", "訪客")
    everline.run("auth", "sessions", "list", "李白")
    everline.run("auth", "logins", "list")
    everline.run("auth", "users", "delete", "訪客", "--yes")


def test_a_day_of_chat_backups_drills_and_restarts_raises_nothing():
    everline = Everline(gateways=2)
    everline.extra = {
        "EVERLINE_SCHEDULE_RECEIVE": "1", "EVERLINE_SCHEDULE_LEDGER": "5",
        # A log that is written late, as where the machine does something else, is no silence.
        "EVERLINE_WATCH_THRESHOLDS": "audit-silence.canary=60"}
    guardian = Guardian(everline)
    try:
        everline.start()
        begun(everline)
        li, du = everline.user("李白"), everline.user("杜甫", instance=1)
        li.result("room.create", room="唐詩")
        du.result("room.join", room="唐詩")
        for n in range(300):
            (li if n % 2 else du).send("唐詩", f"第 {n} 句，床前明月光")
        for line in (li, du):
            line.result("history.recent", room="唐詩")
            line.result("history.page", room="唐詩", before=200, limit=50)
        assert "error" in everline.line().call("auth.login", username="李白", password="不對的密碼")
        look_after_people(everline, li, du)
        # The guardian's own verbs, each twice where it changes something.
        for verb in [("migrate",), ("roles",), ("backup", "base"), ("backup", "database"), ("backup", "cluster"), ("ledger",), ("drill",), ("verify",)]:
            guardian.run(*verb, check=0)
        everline.run("auth", "users", "list")
        # And those that only look, which say by their code what they think of what they see.
        for verb in [("check",), ("harden", "--plan"), ("findings",), ("report", "--since", "1h"), ("baselines",), ("verify-journal",), ("explain",)]:
            guardian.run("audit", *verb)
        # What is counted is looked at, and what has no record is given time for one.
        time.sleep(4)
        assert alarms(everline) == [], json.dumps(alarms(everline), ensure_ascii=False)
        # Everything is restarted, one by one and as a whole.
        for name in ["message-gateway-0", "history-0", "auth", "db-guardian"]:
            everline.kill(name)
        everline.kill("postgres", signal.SIGINT)
        until_answered(lambda: everline.user("王維"))
        begun(everline, 2)
        everline.stop()
        everline.start()
        begun(everline, 3)
        until_answered(lambda: everline.user("李白").send("唐詩", "低頭思故鄉"))
        guardian.run("backup", "base", check=0)
        # What is looked at more seldom has its turn, and grace for what is not explained yet has passed.
        time.sleep(8)
        assert alarms(everline) == [], json.dumps(alarms(everline), ensure_ascii=False)
        # And it is not deaf.
        everline.sql("CREATE ROLE mallory SUPERUSER")
        end = time.monotonic() + 120
        while not any(one["rule"] == "superuser-gain" for one in alarms(everline)):
            assert time.monotonic() < end, alarms(everline)
            time.sleep(0.1)
    finally:
        guardian.clean()
        everline.remove()
