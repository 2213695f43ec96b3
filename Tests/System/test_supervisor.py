"""The supervisor starts again whatever ends, also what ends while it is busy starting another."""
import os
import signal
import time

PARTS = ["message-gateway-0", "history-0", "auth", "db-guardian"]


def test_parts_that_end_one_shortly_after_the_other_all_come_back(own_everline):
    everline = own_everline
    end = time.monotonic() + 90
    for pause in [0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25] * 2:
        old = {name: everline.pid(name) for name in PARTS}
        for name in PARTS:
            everline.kill(name)
            time.sleep(pause)
        for name in PARTS:
            while everline.pid(name) == old[name] or not os.path.exists(f"/proc/{everline.pid(name)}"):
                assert time.monotonic() < end, (name, everline.said)
                time.sleep(0.02)
    du = everline.user("杜甫")
    du.result("room.create", room="又回來")
