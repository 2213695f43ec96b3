"""Restores, drills and the stream when they are told to stop, or killed: nothing of theirs stays."""
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import time

import pytest

from guarding import BINARY, Copy

TEMPORARY = pathlib.Path(tempfile.gettempdir())


def wait(condition, say=lambda: "", seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, say()
        time.sleep(0.01)


def begin(kept, temporary, *verb):
    return subprocess.Popen(
        [BINARY, *map(str, verb)], env=kept.everline.environment | {"TMPDIR": str(temporary)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def servers(folder):
    return subprocess.run(["pgrep", "-f", f"postgres -D {folder}"], capture_output=True, text=True).stdout.split()


@pytest.fixture
def temporary(kept):
    """A TMPDIR of its own, where PostgreSQL's user may look."""
    path = kept.place("tmp")
    path.mkdir()
    path.chmod(0o1777)
    return path


@pytest.fixture
def endless(kept):
    """Makes a restore whose server replays without end, so that it is never done before it is stopped."""
    return ["--set", f"tools.folder={kept.tools('tools', postgres='-c recovery_min_apply_delay=1h')}"]


def running(file):
    """Whether a server has written there that it is."""
    return file.exists() and file.read_text().count("\n") > 1


def moments(place):
    """When a restore is stopped: while it unpacks, and while its server runs."""
    return {
        "unpacking": lambda: (place / ".everline-restoring/PG_VERSION").exists() or (place / ".everline-restoring/base").exists(),
        "replaying": lambda: running(place / ".everline-restoring/postmaster.pid"),
    }


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("moment", ["unpacking", "replaying"])
def test_a_restore_that_is_stopped_leaves_nothing(kept, temporary, endless, number, moment):
    above = kept.place("stopped")
    place = above / "new" / "here"
    process = begin(kept, temporary, "restore", "--to", place, "--latest", "--json", *endless)
    wait(lambda: moments(place)[moment]() or process.poll() is not None)
    process.send_signal(number)
    out, said = process.communicate(timeout=300)
    assert process.returncode == 128 + number and "HINT:" in said and out == "", (process.returncode, said)
    assert not above.exists() and list(temporary.iterdir()) == [] and not servers(place)
    assert kept.json("restore", "--to", place, "--latest")["backup"] == kept.base["id"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_drill_that_is_stopped_leaves_nothing_and_proves_nothing(kept, temporary, endless, number):
    copy = Copy(kept)
    folder = kept.place("drills")
    before = {path.name for path in copy.path.rglob("drills/*")}
    process = begin(kept, temporary, "drill", "--repository-paths", copy.path, "--set", f"drill.folder={folder}", *endless)
    wait(lambda: any(map(running, folder.glob("*/.everline-restoring/postmaster.pid"))) or process.poll() is not None)
    process.send_signal(number)
    said = process.communicate(timeout=300)[1]
    assert process.returncode == 128 + number and "HINT:" in said, said
    assert list(folder.iterdir()) == [] and list(temporary.iterdir()) == [] and not servers(folder)
    assert {path.name for path in copy.path.rglob("drills/*")} == before
    assert copy.json("backup", "list")[0]["proven"]


def test_what_a_killed_restore_left_goes_with_the_next(kept, temporary, endless):
    place = kept.place("killed")
    process = begin(kept, temporary, "restore", "--to", place, "--latest", *endless)
    wait(moments(place)["replaying"])
    [left] = list(temporary.iterdir())
    # While it lives nobody else touches what is its own.
    other = begin(kept, temporary, "restore", "--to", place, "--latest")
    said = other.communicate(timeout=300)[1]
    assert other.returncode == 75 and "going on" in said and "HINT:" in said, said
    aside = kept.place("aside")
    third = begin(kept, temporary, "restore", "--to", aside, "--latest")
    process.send_signal(signal.SIGSTOP)
    assert third.wait(120) == 0 and left.exists()
    process.kill()
    process.communicate()
    assert left.exists()
    # It is told what lies there and what to do; saying so does it.
    said = kept.error("restore", "--to", place, "--latest")
    assert "was not finished" in said and "--clear-unfinished" in said
    again = begin(kept, temporary, "restore", "--to", place, "--latest", "--clear-unfinished")
    assert again.wait(120) == 0, again.communicate()
    assert (place / "PG_VERSION").exists() and not (place / ".everline-restoring").exists()
    assert list(temporary.iterdir()) == []


def test_nothing_but_an_unfinished_restore_is_cleared(kept):
    place = kept.place("mixed")
    (place / ".everline-restoring").mkdir(parents=True)
    (place / "precious").write_text("mine")
    said = kept.error("restore", "--to", place, "--latest", "--clear-unfinished")
    assert "nothing in it starts" in said and (place / "precious").read_text() == "mine" and (place / ".everline-restoring").exists()
    (place / ".everline-restoring").rmdir()
    assert "not empty" in kept.error("restore", "--to", place, "--latest", "--clear-unfinished")
    assert (place / "precious").read_text() == "mine"


def test_folders_that_are_not_there_are_made_and_closed_ones_refused(kept):
    above = kept.place("deep")
    place = above / "one" / "two"
    assert kept.json("restore", "--to", place, "--latest")["directory"] == str(place)
    with kept.start(kept.json("restore", "--to", above / "three/four", "--latest")) as restored:
        assert restored.sql("SELECT last_seq FROM everline.room_counters") == [["40"]]
    if os.geteuid() != 0:
        return
    closed = kept.place("closed")
    closed.mkdir(mode=0o700)
    closed.chmod(0o700)
    for target in (closed / "here", closed / "deeper" / "here"):
        for more in ([], ["--plan"]):
            said = kept.error("restore", "--to", target, "--latest", *more)
            assert str(closed) in said and "cannot look into" in said and "chmod" in said, said
    assert list(closed.iterdir()) == []


def test_the_stream_ends_well_when_told(kept):
    copy = Copy(kept)
    folder = kept.place("stream")
    for number in (signal.SIGTERM, signal.SIGINT):
        process = begin(kept, TEMPORARY, "wal", "receive", "--json", "--repository-paths", copy.path, "--set", f"receive.folder={folder}")
        assert process.stdout.readline() == '{"receiving":true}\n'
        wait(lambda: list(folder.glob("*")) or process.poll() is not None)
        other = kept.run("wal", "receive", "--repository-paths", copy.path, "--set", f"receive.folder={folder}")
        assert other.returncode == 75 and "HINT:" in other.stderr
        process.send_signal(number)
        said = process.communicate(timeout=300)[1]
        assert process.returncode == 0 and said == "", (process.returncode, said)
        wait(lambda: subprocess.run(["pgrep", "-f", f"pg_receivewal.*{folder}"], capture_output=True).returncode != 0)


def test_a_password_does_not_outlive_a_killed_backup(kept, temporary):
    copy = Copy(kept)
    process = begin(kept, temporary, "backup", "base", "--repository-paths", copy.path)
    wait(lambda: list(temporary.glob("*/password")) or process.poll() is not None)
    process.kill()
    process.wait()
    again = begin(kept, temporary, "backup", "base", "--repository-paths", copy.path)
    assert again.wait(120) == 0 and list(temporary.iterdir()) == []


def test_a_server_that_cannot_be_asked_is_no_reason_to_wait(own_guardian):
    """The superuser of the backup's time has another name at the target's: that will not change by waiting."""
    guardian = own_guardian
    everline = guardian.everline
    guardian.json("backup", "base")
    everline.sql("ALTER ROLE everline_guardian SUPERUSER")
    everline.sql("ALTER ROLE postgres RENAME TO formerly", role="everline_guardian")
    try:
        everline.sql("SELECT txid_current()", role="everline_guardian")
        everline.sql("SELECT pg_switch_wal()", role="everline_guardian")
        wait(lambda: guardian.json("wal", "status", check=None)["behind"] == 0)
        place = guardian.place("renamed")
        said = guardian.error("restore", "--to", place, "--latest", timeout=300)
        assert 'role "postgres" does not exist' in said and not place.exists()
    finally:
        everline.sql("ALTER ROLE formerly RENAME TO postgres", role="everline_guardian")


def test_a_server_that_ends_is_noticed_with_its_last_words(kept, temporary, endless):
    place = kept.place("ended")
    process = begin(kept, temporary, "restore", "--to", place, "--latest", *endless)
    wait(moments(place)["replaying"])
    main = place / ".everline-restoring/postmaster.pid"
    pid = int(main.read_text().split()[0])
    os.kill(pid, signal.SIGKILL)
    said = process.communicate(timeout=300)[1]
    assert process.returncode == 1 and "signal 9" in said and "its last lines" in said and "HINT:" in said, said
    assert not place.exists()
