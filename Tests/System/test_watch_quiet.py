"""Whatever is normal raises nothing."""
import json
import signal
import time

from guarding import Guardian
from running import Everline


def alarms(everline):
    found = []
    for line in (everline.home / "log/db-guardian.log").read_text().splitlines():
        if line.startswith("{") and (entry := json.loads(line)).get("message") == "finding":
            found.append(entry)
    return found


def begun(everline, times=1):
    end = time.monotonic() + 30
    while (everline.home / "log/db-guardian.log").read_text().count("the watch begins") < times:
        assert time.monotonic() < end, everline.logs()
        time.sleep(0.1)


def until_answered(ask):
    """As a client does whose server is being restarted."""
    end = time.monotonic() + 30
    while True:
        try:
            return ask()
        except (AssertionError, OSError):
            assert time.monotonic() < end
            time.sleep(0.2)


def test_a_day_of_chat_backups_drills_and_restarts_raises_nothing():
    everline = Everline(gateways=2)
    everline.extra = {"EVERLINE_SCHEDULE_RECEIVE": "1", "EVERLINE_SCHEDULE_LEDGER": "5"}
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
        # The guardian's own verbs, each twice where it changes something.
        for verb in [("migrate",), ("roles",), ("backup", "base"), ("backup", "database"), ("backup", "cluster"), ("ledger",), ("drill",), ("verify",)]:
            guardian.run(*verb, check=0)
        everline.run("auth", "users", "list")
        assert alarms(everline) == []
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
        assert alarms(everline) == []
        # And it is not deaf.
        everline.sql("CREATE ROLE mallory SUPERUSER")
        end = time.monotonic() + 15
        while not any(one["rule"] == "superuser-gain" for one in alarms(everline)):
            assert time.monotonic() < end, alarms(everline)
            time.sleep(0.1)
    finally:
        guardian.clean()
        everline.remove()
