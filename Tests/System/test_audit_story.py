"""From the deed to the finding, and from the finding back to the moment before."""
import json
import pathlib
import subprocess
import time

from guarding import Guardian
from running import Everline


def until(condition, seconds=120):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end
        time.sleep(0.1)
    return found


def test_who_dropped_that_table_and_the_way_back(own_guardian):
    guardian = own_guardian
    everline = guardian.everline
    li = everline.user("李白")
    li.result("room.create", room="唐詩")
    for n in range(1, 21):
        li.send("唐詩", f"第 {n} 句")
    guardian.json("backup", "base")
    for n in range(21, 41):
        li.send("唐詩", f"第 {n} 句")
    until(lambda: "the watch begins" in everline.logs() or "the watch begins" in (everline.home / "log/db-guardian.log").read_text())
    everline.sql("DROP TABLE everline.messages -- password 'hunter2'")
    found = until(lambda: [one for one in guardian.json("audit", "findings") if "to bring back the moment before: " in one["advice"]])
    one = found[0]
    assert one["role"] == "postgres" and one["database"] == "everline" and "drop table everline.messages" in json.dumps(found).lower() and "hunter2" not in json.dumps(found)
    assert any(".json:" in line for line in one["evidence"]) and one["severity"] in ("critical", "high")
    # And the statement is counted among those of its class.
    until(lambda: "DDL" in {kind["name"] for kind in guardian.json("audit", "report", "--since", "1h")["statementsByClass"] if kind["count"] > 0}, 120)
    guardian.switch()
    # The command as it stands, as an operator pastes it.
    command = one["advice"].split("to bring back the moment before: ")[1].splitlines()[0]
    done = subprocess.run(["sh", "-c", command + " --json"], env={"PATH": "/usr/bin:/bin"}, cwd="/", capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    guardian.places.append(pathlib.Path(result["directory"]))
    with guardian.start(result) as restored:
        assert restored.sql("SELECT count(*) FROM everline.messages") == [["40"]]
    # It is in the room of the admins, once they look.
    admin = everline.line()
    admin.result("auth.login", username="admin", password=(everline.home / "admin-password").read_text().strip())
    assert one["id"] in {one["id"] for one in admin.result("guardian.findings")["findings"]}
    assert guardian.json("audit", "verify-journal")["ok"]
