"""Sleep and wake: a page that stood still, a network that went without a word, a tab that the browser froze."""
import contextlib
import os
import signal
import time
import uuid

import pytest
from acting import create_room, register, shows, write
from blackhole import Blackhole
from browser import Page


@pytest.fixture
def cuttable(everline):
    """A page whose way to the server can be cut, and that way."""
    with contextlib.closing(Blackhole(everline.port(8443))) as way, contextlib.closing(Page(f"https://localhost:{way.port}/", "en-US")) as page:
        yield page, way
        assert page.complaints() == []


def renderers(page):
    """The processes that run the page's scripts."""
    family = {page.driver.service.process.pid}
    while True:
        more = {int(one) for one in os.listdir("/proc") if one.isdigit() and parent(one) in family} - family
        if not more:
            break
        family |= more
    return [one for one in family if b"--type=renderer" in command(one)]


def parent(pid):
    with contextlib.suppress(OSError), open(f"/proc/{pid}/stat") as stat:
        return int(stat.read().rpartition(")")[2].split()[1])


def command(pid):
    with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as line:
        return line.read()
    return b""


def state(page):
    return page.js("return document.querySelector('.status-light')?.dataset.state")


def begun(page, everline):
    tag = uuid.uuid4().hex[:6]
    room = f"Sleep {tag}"
    register(page, f"sleep{tag}", "Sleep")
    create_room(page, room)
    write(page, "before")
    shows(page, ["before"])
    page.fill(".composer-text", "half a thought")
    other = everline.user(f"other{tag}")
    other.result("room.join", room=room)
    return room, other


def test_a_machine_that_slept(everline, cuttable):
    page, way = cuttable
    room, other = begun(page, everline)
    stopped = renderers(page)
    assert stopped
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        # Nobody tells either end that the other is gone.
        way.swallow()
        for n in range(3):
            other.send(room, f"while asleep {n}")
        # Longer than a tick that comes late.
        time.sleep(21)
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
    shows(page, ["before", "while asleep 0", "while asleep 1", "while asleep 2"], 40)
    page.wait(lambda: state(page) == "live")
    assert page.js("return document.querySelector('.composer-text').value") == "half a thought"
    write(page, "awake again")
    shows(page, ["before", "while asleep 0", "while asleep 1", "while asleep 2", "awake again"])


def test_what_is_sent_into_a_dead_socket_is_sent_again_once(everline, cuttable):
    page, way = cuttable
    room, other = begun(page, everline)
    way.swallow()
    write(page, "into the void")
    page.wait(lambda: page.bodies(".pending .body") == ["into the void"])
    other.send(room, "meanwhile")
    # The answer does not come, so the socket is given up.
    shows(page, ["before", "meanwhile", "into the void"], 40)
    page.wait(lambda: page.count(".pending") == 0 and state(page) == "live")
    assert [one["body"] for one in other.result("history.page", room=room, after=0)["messages"]] == ["before", "meanwhile", "into the void"]


def test_a_tab_that_the_browser_froze(everline, cuttable):
    page, way = cuttable
    room, other = begun(page, everline)
    page.run_cdp("Page.setWebLifecycleState", {"state": "frozen"})
    for n in range(3):
        other.send(room, f"while frozen {n}")
    way.swallow()
    page.run_cdp("Page.setWebLifecycleState", {"state": "active"})
    shows(page, ["before", "while frozen 0", "while frozen 1", "while frozen 2"], 70)
    page.wait(lambda: state(page) == "live")
    assert page.js("return document.querySelector('.composer-text').value") == "half a thought"
