"""The supervisor starts again whatever ends, also what ends while it is busy starting another."""
import os
import signal
import subprocess
import time

from running import ROOT

PARTS = ["message-gateway-0", "history-0", "auth", "db-guardian"]


def test_parts_that_end_one_shortly_after_the_other_all_come_back(own_everline):
    everline = own_everline
    for pause in [0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25] * 2:
        old = {name: everline.pid(name) for name in PARTS}
        for name in PARTS:
            everline.kill(name)
            time.sleep(pause)
        end = time.monotonic() + 120
        for name in PARTS:
            while everline.pid(name) == old[name] or not os.path.exists(f"/proc/{everline.pid(name)}"):
                assert time.monotonic() < end, (name, everline.said)
                time.sleep(0.02)
    everline.until_ready()
    du = everline.user("杜甫")
    du.result("room.create", room="又回來")


def test_a_killed_database_comes_back_although_a_backend_of_it_stands_still(own_everline):
    """As one does that waits for a lock of another that was killed: it never sees that the postmaster is gone."""
    everline = own_everline
    line = everline.user("李白")
    line.result("room.create", room="靜夜思")
    line.send("靜夜思", "牀前明月光")
    old = everline.pid("postgres")
    backends = [int(row[0]) for row in everline.sql(
        "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND usename = 'everline_gateway'")]
    assert backends
    for pid in backends:
        os.kill(pid, signal.SIGSTOP)
    everline.kill("postgres")
    end = time.monotonic() + 120
    while everline.pid("postgres") == old or any(os.path.exists(f"/proc/{pid}") for pid in backends):
        assert time.monotonic() < end, everline.said
        time.sleep(0.05)
    while True:
        answer = line.call("message.send", room="靜夜思", clientId="6f2c1d9e-53a5-4a55-9d6c-0c7f4c1f4a10", body="疑是地上霜")
        if "result" in answer:
            break
        assert answer["error"]["data"]["retryable"] and time.monotonic() < end, answer
        time.sleep(0.1)
    assert answer["result"]["seq"] == 2


def test_what_ends_while_it_is_looked_at_ends_nothing_else(tmp_path):
    """A process of a killed PostgreSQL that is gone by the time it is looked at, or killed, and a part that is gone when all are stopped."""
    script = f"""
        set -euo pipefail
        source compose/local/parts/postgres.sh
        source compose/local/parts/supervisor.sh
        postgres_data={tmp_path}
        find() {{ echo /proc/999999999/cwd; }}
        end_orphans
        mkdir {tmp_path}/run
        home={tmp_path}
        pids[auth]=999999999
        stop auth
        echo goes on
        """
    done = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.stdout == "goes on\n", done
