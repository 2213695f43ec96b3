import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from running import Everline  # noqa: E402


def pytest_terminal_summary(terminalreporter):
    from watching import Watch
    if waits := sorted(Watch.waits):
        terminalreporter.write_line(
            f"{len(waits)} alarms of the watch came {waits[len(waits) // 2]:.2f} s after what they are about (half of them), the last of them {waits[-1]:.2f} s")


@pytest.fixture(scope="session")
def everline():
    one = Everline(gateways=2)
    try:
        one.start()
        yield one
    finally:
        one.remove()


@pytest.fixture
def own_everline():
    """For tests that kill parts of it."""
    one = Everline()
    try:
        one.start()
        yield one
    finally:
        one.remove()


@pytest.fixture
def guardian(everline):
    from guarding import Guardian
    one = Guardian(everline)
    try:
        yield one
    finally:
        one.clean()


@pytest.fixture
def own_guardian(own_everline):
    from guarding import Guardian
    one = Guardian(own_everline)
    try:
        yield one
    finally:
        one.clean()


@pytest.fixture(scope="module")
def kept():
    """An Everline with a base backup, a dump, a ledger and a drill; damage is done to copies of its repository."""
    from guarding import Guardian
    one = Everline()
    try:
        one.start()
        guardian = Guardian(one)
        li = one.user("李白")
        li.result("room.create", room="唐詩")
        for n in range(1, 21):
            li.send("唐詩", f"第 {n} 句")
        guardian.base = guardian.json("backup", "base")
        for n in range(21, 31):
            li.send("唐詩", f"第 {n} 句")
        guardian.moment = guardian.now()
        for n in range(31, 41):
            li.send("唐詩", f"第 {n} 句")
        guardian.json("ledger")
        guardian.switch()
        guardian.dump = guardian.json("backup", "database")
        guardian.switch()
        assert guardian.json("drill")["ok"]
        yield guardian
        guardian.clean()
    finally:
        one.remove()
