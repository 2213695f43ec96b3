"""Everything that goes wrong around backups, one after the other."""
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import time

import pytest

from guarding import BINARY, Copy, cut, flip, says_of_rooms

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")


ARTEFACTS = {
    "base": "base.tar", "dump": "dump.tar", "manifest": "backups/*-base-*/manifest.json", "copy": "backups/*-base-*/manifest.copy",
    "description": "repository.json", "verified": "verified.json", "ledger": "*.ledger", "drill": "drills/*.json", "catalogue": "catalogue.json",
}


def artefact(copy, kind):
    """The file, and whether it can be told that it is gone."""
    if kind == "segment":
        # One in the middle: between the backup and the newest.
        return copy.last_wal()[-2]
    return copy.file(ARTEFACTS[kind])


@pytest.mark.parametrize("kind", [*ARTEFACTS, "segment"])
@pytest.mark.parametrize("damage", [flip, cut, os.unlink])
def test_damage_is_named(kept, kind, damage):
    if damage is os.unlink and kind == "description":
        pytest.skip("then it is no repository at all, which every verb says")
    if damage is os.unlink and kind in ("verified", "drill", "catalogue"):
        pytest.skip("nothing depends on one of these")
    copy = Copy(kept)
    assert copy.json("verify") == {"ok": True, "problems": []}
    path = artefact(copy, kind)
    damage(path)
    found = copy.json("verify", check=1)
    assert not found["ok"] and any(path.name in one["artefact"] for one in found["problems"]), found


@pytest.mark.parametrize("kind", ["base", "manifest", "segment"])
@pytest.mark.parametrize("damage", [flip, cut, os.unlink])
def test_nothing_that_starts_is_restored_from_damage(kept, kind, damage):
    copy = Copy(kept)
    path = artefact(copy, kind)
    damage(path)
    place = kept.place("damaged")
    done = copy.run("restore", "--to", place, "--latest", "--json")
    if kind == "segment" and damage is os.unlink:
        # A hole: the newest moment before it can be restored, and what is lost is said.
        result = json.loads(done.stdout)
        assert done.returncode == 0 and (result["lost"] or result["notes"])
    else:
        assert done.returncode == 1 and "HINT:" in done.stderr, done
        assert not place.exists()
    if kind == "segment":
        windows = copy.json("pitr", "windows")
        if damage is not flip:
            assert [hole["segment"] for hole in windows[0]["holes"]] == [path.name] or damage is cut
    if kind == "manifest":
        assert any("made" in one for one in copy.json("backup", "rebuild")["rebuilt"])
        assert copy.json("verify")["ok"]
        assert copy.json("restore", "--to", kept.place("damaged"), "--latest")["backup"] == kept.base["id"]


def test_a_damaged_ledger_stands_in_no_restores_way(kept):
    """It only says what would be lost; an older one, or none, says less."""
    copy = Copy(kept)
    for ledger in copy.path.rglob("*.ledger"):
        data = bytearray(ledger.read_bytes())
        data[-20] ^= 1
        ledger.write_bytes(data)
    plan = copy.json("restore", "--to", kept.place("plan"), "--latest", "--plan")
    assert plan["backup"] == kept.base["id"]
    assert any("ledger" in one["artefact"] for one in copy.json("verify", check=1)["problems"])


def test_without_any_segment_the_backup_still_comes_back(kept):
    copy = Copy(kept)
    for segment in copy.last_wal():
        segment.unlink()
    plan = copy.json("restore", "--to", kept.place("plan"), "--latest", "--plan")
    assert plan["backup"] == kept.base["id"] and plan["directory"]
    done = copy.json("restore", "--to", kept.place("alone"), "--latest")
    assert done["backup"] == kept.base["id"]


def test_a_plan_refuses_what_the_restore_would(kept):
    for more in ([], ["--plan"]):
        said = kept.error("restore", "--to", kept.place("none"), "--backup", kept.dump["id"], "--database", "nope", *more)
        assert "no database nope" in said and "HINT" in said
    # A slash at the end names the same folder; and a dump holds what was there when it began.
    plan = kept.json("restore", "--to", f"{kept.place('slash')}/", "--backup", kept.dump["id"], "--plan")
    assert not plan["directory"].endswith("/") and plan["reached"][:10] == kept.dump["startedAt"][:10]


def test_times_that_cannot_be_restored(kept):
    copy = Copy(kept)
    place = kept.place("never")
    [window] = copy.json("pitr", "windows")
    assert "before the end of the first backup" in copy.error("restore", "--to", place, "--at", "2020-01-01T00:00:00Z")
    assert "after the end of the archived WAL" in copy.error("restore", "--to", place, "--at", "2099-01-01T00:00:00+08:00", "--plan")
    assert "no restore point" in copy.error("restore", "--to", place, "--name", "沒有這一點")
    # A hole: a moment in it is refused with the segment and the cause; one before it still works.
    segments = [path for path in copy.last_wal()]
    gone = segments[-2]
    gone.unlink()
    said = copy.error("restore", "--to", place, "--at", window["to"])
    assert gone.name in said and "not in the archive" in said
    [broken] = copy.json("pitr", "windows")
    assert [hole["segment"] for hole in broken["holes"]] == [gone.name] and broken["holes"][0]["cause"]
    assert broken["to"] < window["to"]
    assert not place.exists()
    assert copy.json("wal", "status", check=1)["holes"][0]["segment"] == gone.name


def test_a_destination_that_is_not_empty(kept):
    place = kept.place("full")
    place.mkdir()
    (place / "precious").write_text("mine")
    said = kept.error("restore", "--to", place, "--latest")
    assert "not empty" in said and (place / "precious").read_text() == "mine"
    (place / "precious").unlink()
    assert kept.json("restore", "--to", place, "--latest")["backup"] == kept.base["id"]


def test_the_key_is_missing_or_wrong(kept, tmp_path):
    copy = Copy(kept)
    place = kept.place("nokey")
    for make, word in ((lambda path: None, "is missing"), (lambda path: path.write_text("x"), "no key file")):
        path = tmp_path / word.replace(" ", "")
        make(path)
        for verb in (["verify"], ["restore", "--to", place, "--latest"], ["backup", "base"], ["drill"], ["backup", "list"]):
            said = copy.error(*verb, "--repository-key-file", path)
            assert word in said, (verb, said)
        status = copy.json("status", "--repository-key-file", path, check=1)
        assert not status["ok"] and word in status["problems"][0]
        assert not path.exists() or path.read_text() == "x"
    other = tmp_path / "other"
    (tmp_path / "place").mkdir()
    kept.run("repository", "create", "--repository-paths", tmp_path / "place", "--repository-key-file", other, check=0)
    assert "is not the key file of" in copy.error("verify", "--repository-key-file", other)
    assert not place.exists()
    # wal fetch cannot tell, so recovery stops instead of promoting early.
    segment = copy.last_wal()[-1].name
    done = copy.run("wal", "fetch", segment, tmp_path / "out", "--repository-key-file", other)
    assert done.returncode > 125 and not (tmp_path / "out").exists() and done.stderr.count("\n") == 1


def test_fetch_tells_missing_from_damaged(kept, tmp_path):
    copy = Copy(kept)
    out = tmp_path / "out"
    segment = copy.last_wal()[-2]
    assert copy.run("wal", "fetch", segment.name, out).returncode == 0 and out.stat().st_size == 16 << 20
    out.unlink()
    for name in ("0000000100000000000000FF", "00000002.history", "0000000100000000000000FF.partial", "nonsense"):
        assert copy.run("wal", "fetch", name, out).returncode == 1 and not out.exists(), name
    flip(segment)
    # Again and again: it ends while other threads are decrypting yet.
    for _ in range(30):
        assert copy.run("wal", "fetch", segment.name, out).returncode == 200 and not out.exists()
    copy.path.rename(str(copy.path) + "-gone")
    kept.places.append(pathlib.Path(str(copy.path) + "-gone"))
    assert copy.run("wal", "fetch", segment.name, out).returncode > 125 and not out.exists()


def test_two_repositories_stand_in_for_each_other(kept):
    one, two = Copy(kept), kept.place("second")
    subprocess.run(["cp", "-a", str(one.path), str(two)], check=True)
    both = f"{one.path},{two}"
    flip(one.file("base.tar"))
    flip(one.last_wal()[-1])
    place = kept.place("both")
    with kept.start(kept.json("restore", "--to", place, "--latest", "--repository-paths", both)) as restored:
        assert says_of_rooms(restored) == says_of_rooms(kept.everline)
    found = kept.json("verify", "--repository-paths", both, check=1)
    assert len(found["problems"]) == 2 and all(str(one.path) in problem["artefact"] for problem in found["problems"])
    # A new backup goes to both.
    new = kept.json("backup", "base", "--repository-paths", both)
    for path in (one.path, two):
        assert new["id"] in [backup["id"] for backup in kept.json("backup", "list", "--repository-paths", path)]


def test_rotation(kept, tmp_path):
    copy = Copy(kept)
    key = tmp_path / "key"
    shutil.copy(os.path.realpath(kept.everline.home / "guardian") + "/repository.key", key)
    before = copy.json("key", "check", "--repository-key-file", key)["keys"]
    after = copy.json("key", "rotate", "--repository-key-file", key)["keys"]
    assert len(before) == 1 and after[:1] == before and len(after) == 2 and key.stat().st_mode & 0o777 == 0o600
    new = copy.json("backup", "base", "--repository-key-file", key)
    assert any(after[1] in need for need in copy.json("backup", "show", new["id"], "--repository-key-file", key)["needs"])
    for backup in (kept.base["id"], new["id"]):
        place = kept.place("rotated")
        assert copy.json("restore", "--to", place, "--backup", backup, "--repository-key-file", key)["backup"] == backup
    # The old key alone no longer opens what is new.
    assert not copy.json("verify", check=1)["ok"]


# The disk.

@pytest.fixture
def small_disk():
    path = pathlib.Path("/var/lib/everline") if os.path.isdir("/var/lib/everline") else pathlib.Path("/tmp")
    path = path / f"small-disk-{os.getpid()}"
    path.mkdir(exist_ok=True)
    mounted = []

    def mount(size):
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=711", "tmpfs", str(path)], check=True)
        mounted.append(path)
        return path
    yield mount
    for one in mounted:
        subprocess.run(["umount", "-l", str(one)], check=True)
    path.rmdir()


def newer(kept, path):
    """A segment that no copy made until now has."""
    name = kept.switch()
    kept.run("wal", "fetch", name, path / name, check=0)
    return path / name


@root_only
def test_the_repository_is_full_read_only_or_gone(kept, small_disk, tmp_path):
    disk = small_disk("64m")
    home = disk / "repository"
    subprocess.run(["cp", "-a", str(Copy(kept).path), str(home)], check=True)
    # Unbuffered, as closing would try once more to write what did not fit.
    with open(disk / "filler", "wb", buffering=0) as filler:
        try:
            while True:
                filler.write(b"x" * 65536)
        except OSError:
            pass
    before = kept.json("backup", "list", "--repository-paths", home)
    segment = newer(kept, tmp_path)
    for verb in (["backup", "base"], ["backup", "database"]):
        assert "No space left" in kept.error(*verb, "--repository-paths", home), verb
    done = kept.run("wal", "push", segment, "--repository-paths", home)
    assert 1 <= done.returncode <= 125 and "No space left" in done.stderr and done.stderr.count("\n") == 1
    assert kept.json("backup", "list", "--repository-paths", home) == before
    assert not [path for path in home.rglob("*unfinished*")]
    # Reading goes on, also when nothing can be written at all.
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    assert "Read-only" in kept.error("backup", "base", "--repository-paths", home)
    assert "Read-only" in kept.run("wal", "push", segment, "--repository-paths", home).stderr
    place = kept.place("readonly")
    assert kept.json("restore", "--to", place, "--latest", "--repository-paths", home)["backup"] == kept.base["id"]
    assert kept.json("drill", "--repository-paths", home)["ok"]
    gone = disk / "nowhere"
    for verb in (["backup", "base"], ["restore", "--to", place, "--latest"], ["verify"], ["drill"]):
        assert str(gone) in kept.error(*verb, "--repository-paths", gone), verb
    assert not kept.json("status", "--repository-paths", gone, check=1)["ok"]
    assert 1 <= kept.run("wal", "push", segment, "--repository-paths", gone).returncode <= 125


@root_only
def test_the_disk_is_full_during_a_restore(kept, small_disk):
    disk = small_disk("40m")
    said = kept.error("restore", "--to", disk / "here", "--latest")
    assert "MiB free" in said and not (disk / "here").exists()
    subprocess.run(["mount", "-o", "remount,size=230m", str(disk)], check=True)
    # It fills while the restore goes on.
    filler = subprocess.Popen(["sh", "-c", f"while [ ! -e {disk}/here ]; do :; done; head -c 200m /dev/zero > {disk}/filler"])
    done = kept.run("restore", "--to", disk / "here", "--latest", "--json")
    filler.wait()
    if done.returncode:
        assert "HINT:" in done.stderr or "No space" in done.stderr, done.stderr
        assert not (disk / "here" / "PG_VERSION").exists()
    else:
        assert json.loads(done.stdout)["backup"] == kept.base["id"]


# Faults of single calls, by strace.

def strace(*injections):
    return ["strace", "-f", "-qq", "-o", "/dev/null", *(word for one in injections for word in ("-e", f"inject={one}"))]


@pytest.mark.parametrize("injection", [
    "write:error=ENOSPC:when=1", "write:error=EIO:when=2", "fsync:error=EIO:when=1", "fsync:error=EIO:when=2", "fsync:error=ENOSPC:when=3", "link:error=EIO:when=1",
    "fsync:signal=KILL:when=1", "fsync:signal=KILL:when=2", "fsync:signal=KILL:when=3", "link:signal=KILL:when=1", "unlink:signal=KILL:when=1", "write:signal=KILL:when=1"])
def test_a_fault_at_each_call_of_the_archiver(kept, injection, tmp_path):
    """Run again, it succeeds or refuses; never is there a wrong file under a final name."""
    copy = Copy(kept)
    segment = kept.segment(tmp_path)
    for known in copy.path.rglob(segment.name):
        known.unlink()
    first = copy.run("wal", "push", segment, prefix=strace(injection))
    stored = [path for path in copy.path.rglob(segment.name)]
    out = tmp_path / "out"
    # strace counts calls by thread; those of which there is but one always hit.
    if first.returncode >= 0 and (first.returncode or injection in ("fsync:error=EIO:when=1", "fsync:error=EIO:when=2", "link:error=EIO:when=1")):
        assert first.returncode == 1 and first.stderr.count("\n") == 1, first
    if stored:
        copy.run("wal", "fetch", segment.name, out, check=0)
        assert out.read_bytes() == segment.read_bytes()
        out.unlink()
    copy.run("wal", "push", segment, check=0)
    copy.run("wal", "fetch", segment.name, out, check=0)
    assert out.read_bytes() == segment.read_bytes()


def test_a_disk_that_hangs_is_given_up_in_time(kept, tmp_path):
    """A file that never answers, as on a mount whose server is gone."""
    copy = Copy(kept)
    stored = copy.last_wal()[-1]
    source = tmp_path / stored.name
    copy.run("wal", "fetch", stored.name, source, check=0)
    stored.unlink()
    os.mkfifo(stored)
    done = copy.run("wal", "push", source, "--set", "repository.timeout=2", timeout=300)
    assert done.returncode == 1 and "given up" in done.stderr and done.stderr.count("\n") == 1
    done = copy.run("wal", "fetch", stored.name, tmp_path / "out", "--set", "repository.timeout=2", timeout=300)
    assert done.returncode > 125 and "given up" in done.stderr
    stored.unlink()
    copy.run("wal", "push", source, check=0)


# The WAL that comes.

def test_segments_that_must_not_come_in(kept, tmp_path):
    copy = Copy(kept)
    source = segment = kept.segment(tmp_path)
    copy.run("wal", "push", segment, check=0)
    copy.run("wal", "push", segment, check=0)
    stored = next(copy.path.rglob(segment.name)).read_bytes()

    def refused(change, word, name=segment.name):
        data = bytearray(source.read_bytes())
        change(data)
        other = tmp_path / "other" / name
        other.parent.mkdir(exist_ok=True)
        other.write_bytes(data)
        done = copy.run("wal", "push", other)
        assert done.returncode == 1 and word in done.stderr and done.stderr.count("\n") == 1, done
        assert next(copy.path.rglob(segment.name)).read_bytes() == stored

    refused(lambda data: data.__setitem__(slice(5000, 5004), b"evil"), "other bytes")
    refused(lambda data: data.__setitem__(slice(24, 32), (1234567890123456789).to_bytes(8, "little")), "foreign")
    refused(lambda data: data.__delitem__(slice(len(data) // 2, None)), "cut")
    refused(lambda data: data.__setitem__(slice(0, 2), b"\0\0"), "does not begin as a WAL segment")
    refused(lambda data: None, "says inside", segment.name[:-1] + ("0" if segment.name[-1] != "0" else "1"))
    # A person finds what was refused.
    assert any("refused WAL files" in one for one in copy.json("status", check=1)["problems"])


# Processes that die.

def test_killed_in_every_verb(own_guardian):
    """At random moments; run again it works, and what is visible is whole."""
    guardian = own_guardian
    li = guardian.everline.user("李白")
    li.result("room.create", room="唐詩")
    li.send("唐詩", "第 1 句")
    chance = random.Random(7)
    for verb in (["backup", "base"], ["backup", "database"], ["backup", "cluster"], ["ledger"], ["drill"], ["verify"], ["key", "rotate"], ["backup", "prune", "--yes", "--weekly", "1", "--days", "0"],
                 ["backup", "rebuild"], ["wal", "receive"], ["restore", "--to", guardian.place("killed"), "--latest"]):
        for _ in range(3):
            process = subprocess.Popen(
                [BINARY, *map(str, verb)], env=guardian.everline.environment, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL)
            time.sleep(chance.uniform(0.02, 1.2))
            process.kill()
            process.wait()
            place = pathlib.Path(verb[2]) if verb[0] == "restore" else None
            if place and place.exists() and not (place / "PG_VERSION").exists():
                # Nothing that would start; it is refused until it is taken away.
                assert not (place / "global/pg_control").exists()
                guardian.error(*verb)
                # Its server ends with it.
                end = time.monotonic() + 120
                while True:
                    try:
                        shutil.rmtree(place)
                        break
                    except OSError:
                        assert time.monotonic() < end
                        time.sleep(0.1)
            elif place and place.exists():
                shutil.rmtree(place)
        found = guardian.json("verify", check=None)
        assert found["ok"], (verb, found)
        works_again(guardian, verb)
    assert guardian.json("verify")["ok"]
    # None of its children has outlived it, and nothing lies in the clear.
    end = time.monotonic() + 120
    while subprocess.run(["pgrep", "-f", f"{guardian.everline.home}/staging|{guardian.repository.parent}/guardian/drills"], capture_output=True).returncode == 0:
        assert time.monotonic() < end
        time.sleep(0.1)
    assert [path.name for path in (guardian.everline.home / "staging").iterdir() if path.name != "receive"] == []


def works_again(guardian, verb):
    if verb != ["wal", "receive"]:
        done = guardian.run(*verb, "--json")
        assert done.returncode == 0, (verb, done)
        return
    # It goes on until it is told to stop, from where the one before was killed.
    last = guardian.now()
    process = subprocess.Popen([BINARY, *verb, "--json"], env=guardian.everline.environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == '{"receiving":true}\n'
    end = time.monotonic() + 120
    while guardian.json("pitr", "windows")[-1]["to"] < last:
        guardian.everline.sql("SELECT txid_current()")
        assert time.monotonic() < end, guardian.json("pitr", "windows")
        time.sleep(0.2)
    process.send_signal(signal.SIGTERM)
    assert process.wait(120) == 0


def test_two_at_once(kept):
    """One waits for the other; with no patience it is refused, by name."""
    copy = Copy(kept)
    both = [subprocess.Popen([BINARY, "backup", "base", "--json", "--repository-paths", str(copy.path)], env=kept.everline.environment,
                             stdout=subprocess.PIPE, text=True) for _ in range(2)]
    refused = copy.run("backup", "base", "--set", "repository.wait=0")
    # Who has just taken the lock may not have said yet who it is.
    end = time.monotonic() + 120
    while refused.returncode == 75 and "in use by: backup base" not in refused.stderr and time.monotonic() < end:
        refused = copy.run("backup", "base", "--set", "repository.wait=0")
    ids = [json.loads(one.communicate(timeout=120)[0])["id"] for one in both]
    assert len(set(ids)) == 2
    assert refused.returncode in (0, 75)
    if refused.returncode == 75:
        assert "in use by: backup base" in refused.stderr and "HINT:" in refused.stderr
    assert copy.json("verify")["ok"]


def test_an_older_client(kept, tmp_path):
    """Programs of an older PostgreSQL than the server's are refused before they make something that is not whole."""
    tools = tmp_path / "bin"
    tools.mkdir()
    real = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))[-1]
    for name in ("pg_dump", "pg_dumpall", "pg_basebackup", "postgres", "pg_verifybackup", "pg_restore", "pg_ctl"):
        (tools / name).write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo "{name} (PostgreSQL) 13.9" && exit\nexec {real}/{name} "$@"\n')
        (tools / name).chmod(0o755)
    copy = Copy(kept)
    before = copy.json("backup", "list")
    for verb in (["backup", "base"], ["backup", "database"], ["backup", "cluster"]):
        said = copy.error(*verb, "--tools-folder", tools)
        assert "PostgreSQL 13" in said and "15" in said
    place = kept.place("older")
    assert "PostgreSQL 15" in copy.error("restore", "--to", place, "--latest", "--tools-folder", tools)
    assert copy.json("backup", "list") == before and not place.exists()


def test_postgres_restarts_in_mid_backup(own_guardian):
    guardian = own_guardian
    everline = guardian.everline
    guardian.json("backup", "base")
    everline.sql("CREATE TABLE public.ballast AS SELECT repeat(md5(g::text), 20) AS t FROM generate_series(1, 200000) g")
    everline.sql("ALTER TABLE public.ballast OWNER TO everline_guardian")
    # Slow enough not to be done before.
    tools = guardian.tools("tools", pg_basebackup="--max-rate=1M")
    process = subprocess.Popen([BINARY, "backup", "base", "--set", f"tools.folder={tools}"], env=everline.environment, stderr=subprocess.PIPE, text=True)
    staging = everline.home / "staging"
    end = time.monotonic() + 120
    while not list(staging.glob("everline-staging-*/data/base")):
        assert process.poll() is None and time.monotonic() < end, everline.logs()
        time.sleep(0.005)
    everline.kill("postgres", signal.SIGINT)
    said = process.communicate(timeout=120)[1]
    assert process.returncode == 1 and "error:" in said and "HINT:" in said, said
    listed = guardian.json("backup", "list")
    assert len(listed) == 1 and guardian.json("verify")["ok"] and list(staging.iterdir()) == []
    end = time.monotonic() + 120
    while guardian.run("backup", "base").returncode:
        assert time.monotonic() < end
        time.sleep(0.2)
    assert len(guardian.json("backup", "list")) == 2


def test_the_stream_brings_the_last_second(own_guardian):
    """Without waiting for a segment to end."""
    guardian = own_guardian
    everline = guardian.everline
    li = everline.user("李白")
    li.result("room.create", room="唐詩")
    guardian.json("backup", "base")
    receive = subprocess.Popen([BINARY, "wal", "receive"], env=everline.environment)
    try:
        for n in range(1, 51):
            li.send("唐詩", f"第 {n} 句")
        last = guardian.now()
        end = time.monotonic() + 120
        while guardian.json("pitr", "windows")[0]["to"] < last:
            everline.sql("SELECT txid_current()")
            assert time.monotonic() < end, guardian.json("pitr", "windows")
            time.sleep(0.2)
    finally:
        receive.send_signal(signal.SIGTERM)
        receive.wait(120)
    everline.kill("postgres")
    result = guardian.json("restore", "--to", guardian.place("stream"), "--latest")
    with guardian.start(result) as restored:
        assert says_of_rooms(restored)[0][:3] == ["唐詩", "50", "50"]
