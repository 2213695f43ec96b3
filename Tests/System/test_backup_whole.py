"""Whether all that must be in a repository is there, and as it was written: what is gone or damaged is named before anybody needs it."""
import json
import os
import pathlib
import random
import shutil
import subprocess

import pytest

from guarding import Copy, flip


def named(found):
    return {pathlib.Path(one["artefact"]).name for one in found["problems"]}


@pytest.mark.parametrize("many", [1, 3, 1_000])
def test_the_newest_wal_is_gone(kept, many):
    """Nothing behind it leaves a gap, so only what is known of it tells."""
    copy = Copy(kept)
    # Nobody needs what was written before the first backup.
    start = kept.json("backup", "show", kept.base["id"])["wal"]["start"].split("/")
    first = int(start[0], 16) * 256 + (int(start[1], 16) >> 24)
    gone = [segment for segment in copy.last_wal() if int(segment.name[8:16], 16) * 256 + int(segment.name[16:], 16) >= first][-many:]
    for segment in gone:
        segment.unlink()
    names = {segment.name for segment in gone}
    assert names <= named(copy.json("verify", check=1))
    assert names <= {hole["segment"] for window in copy.json("pitr", "windows") for hole in window["holes"]}
    assert names <= {hole["segment"] for hole in copy.json("wal", "status", check=1)["holes"]}
    problems = copy.json("status", check=1)["problems"]
    assert any("holes in the archived WAL" in one and gone[0].name in one for one in problems), problems
    # Whoever restores is told; whoever has looked at it and goes on without is not told for ever.
    plan = copy.json("restore", "--to", kept.place("plan"), "--latest", "--plan")
    assert many == 1_000 or any(gone[0].name in note for note in plan["notes"]), plan
    assert any("archived.json" in one for one in copy.json("backup", "rebuild")["rebuilt"])


def test_a_ledger_is_gone(kept):
    copy = Copy(kept)
    ledgers = sorted(copy.path.rglob("*.ledger"))
    for which in (ledgers[-1], ledgers[0]):
        which.unlink()
        assert which.name in named(copy.json("verify", check=1))
    assert any(ledgers[0].stem in one for one in copy.json("status", check=1)["problems"])
    assert any(ledgers[0].stem in one for one in copy.json("backup", "rebuild")["rebuilt"])
    assert copy.json("verify")["ok"]


def test_every_file_is_missed_and_minded(kept):
    """One byte flipped in each file of the repository: verify names it, and a restore refuses before it touches anything or is right."""
    chance = random.Random(11)
    whole = Copy(kept)
    files = sorted(path.relative_to(whole.path) for path in whole.path.rglob("*") if path.is_file() and not path.name.startswith("."))
    assert len(files) > 12
    expected = kept.json("restore", "--to", kept.place("plan"), "--latest", "--plan", "--repository-paths", whole.path)
    tried = set()
    for name in files:
        path = whole.path / name
        before = path.read_bytes()
        data = bytearray(before)
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        path.write_bytes(data)
        found = whole.json("verify", check=1)
        assert any(one["artefact"].endswith(str(name)) for one in found["problems"]), (name, found)
        # One restore for each kind is enough.
        kind = name.name if name.suffix else "segment"
        place = kept.place("flipped")
        done = whole.run("restore", "--to", place, "--latest", "--plan", "--json")
        if done.returncode == 0:
            plan = json.loads(done.stdout)
            assert plan["backup"] == expected["backup"] and plan["wal"] == expected["wal"], name
        else:
            assert done.returncode == 1 and "HINT:" in done.stderr, (name, done)
        if name.name == "base.tar" and kind not in tried:
            assert whole.run("restore", "--to", place, "--latest").returncode == 1
        assert not place.exists()
        tried.add(kind)
        path.write_bytes(before)
        # verify has noted what it found of a backup.
        assert whole.json("verify")["ok"], name


def test_a_damaged_segment_is_refused_before_anything_is_touched(kept):
    copy = Copy(kept)
    segment = copy.last_wal()[-2]
    # In its body, not in what tells of it.
    data = bytearray(segment.read_bytes())
    data[-100] ^= 1
    segment.write_bytes(data)
    place = kept.place("body")
    place.mkdir()
    os.chown(place, 0, 0)
    place.chmod(0o750)
    for more in ([], ["--plan"]):
        said = copy.error("restore", "--to", place, "--latest", *more)
        assert segment.name in said and "not what was written" in said
    # As it was told: the moment before it can be restored.
    moment = said.split("restore --at ")[1].strip()
    assert copy.json("restore", "--to", kept.place("before"), "--at", moment)["reached"] <= moment
    # Neither its owner nor its mode were touched.
    status = place.stat()
    assert (status.st_uid, status.st_mode & 0o777) == (0, 0o750) and list(place.iterdir()) == []
    # Another repository has it whole.
    assert kept.json("restore", "--to", place, "--latest", "--repository-paths", f"{copy.path},{kept.repository}")["backup"] == kept.base["id"]
    # What the backup has along itself can be restored to without the archive.
    for each in copy.last_wal():
        flip(each)
    assert copy.json("restore", "--to", kept.place("alone"), "--backup", kept.base["id"])["backup"] == kept.base["id"]


def test_verify_tells_a_program_whatever_is_wrong(kept, tmp_path):
    copy = Copy(kept)
    (tmp_path / "wrong").write_text("x")
    shutil.copy(os.path.realpath(kept.everline.home / "guardian") + "/repository.key", tmp_path / "damaged")
    text = (tmp_path / "damaged").read_text()
    (tmp_path / "damaged").write_text(text[:40] + ("0" if text[40] != "0" else "1") + text[41:])
    (tmp_path / "empty").mkdir()
    cases = [(["--repository-key-file", tmp_path / name], word) for name, word in (("none", "is missing"), ("wrong", "no key file"), ("damaged", "damaged"))]
    cases += [(["--repository-paths", tmp_path / "empty"], "no repository"), (["--repository-paths", tmp_path / "gone"], "No such file")]
    for more, word in cases:
        base = [] if "--repository-paths" in more else ["--repository-paths", copy.path]
        found = kept.json("verify", *base, *more, check=1)
        assert found["ok"] is False and word in found["problems"][0]["problem"] and found["problems"][0]["artefact"], (more, found)
        assert word in kept.error("verify", *base, *more)
        drilled = kept.json("drill", *base, *more, check=1)
        assert drilled["ok"] is False and word in drilled["differences"][0]
    assert kept.json("verify", "nothing", "--repository-paths", copy.path, check=1)["problems"][0]["artefact"] == "nothing"
    # One that is gone does not keep the other from being looked through.
    segment = copy.last_wal()[-2]
    flip(segment)
    found = kept.json("verify", "--repository-paths", f"{tmp_path / 'gone'},{copy.path}", check=1)
    assert segment.name in named(found) and any(one["artefact"] == str(tmp_path / "gone") for one in found["problems"])


def test_lz4(kept):
    copy = Copy(kept)
    large = copy.json("backup", "base", "--compression", "lz4")
    assert copy.json("backup", "database", "--compression", "lz4")["verified"]
    small = copy.json("backup", "base", "--compression", "zstd")
    header = next(copy.path.rglob(f"{large['id']}/base.tar")).read_bytes()[:12]
    assert header[8:11] == bytes([1, 2, 1]) and next(copy.path.rglob(f"{small['id']}/base.tar")).read_bytes()[9] == 1
    assert large["storedBytes"] < large["bytes"] and small["storedBytes"] < large["storedBytes"]
    assert copy.json("verify") == {"ok": True, "problems": []}
    assert copy.json("restore", "--to", kept.place("lz4"), "--backup", large["id"])["backup"] == large["id"]
    path = next(copy.path.rglob(f"{large['id']}/base.tar"))
    flip(path)
    assert "base.tar" in named(copy.json("verify", check=1))
    assert "zstd or lz4" in copy.error("backup", "base", "--compression", "gzip", check=64)


def test_each_repository_is_proven_by_its_own_drill(kept):
    """With nothing but its own files: what the other has does not stand in for what lacks here."""
    one, two = Copy(kept), kept.place("other")
    subprocess.run(["cp", "-a", str(one.path), str(two)], check=True)
    for path in (one.path, two):
        for proof in path.rglob("proven.json"):
            proof.unlink()
    both = f"{one.path},{two}"

    def proven(path):
        return {backup["id"]: backup["proven"] for backup in kept.json("backup", "list", "--repository-paths", path)}[kept.base["id"]]

    assert not proven(one.path) and not proven(two)
    kept.json("drill", "--repository-paths", both, "--repository", two)
    assert not proven(one.path) and proven(two)
    assert "no base backup is proven" in kept.error("backup", "prune", "--yes", "--repository-paths", both)
    drilled = kept.json("drill", "--repository-paths", both)
    assert drilled["ok"] and [each["repository"] for each in drilled["repositories"]] == [str(one.path), str(two)] and proven(one.path)
    assert len(kept.json("backup", "prune", "--yes", "--repository-paths", both)) == 2
    # The second has a damaged segment that the first has whole.
    flip([path for path in sorted(two.glob("systems/*/wal/*/0*")) if len(path.name) == 24][-2])
    drilled = kept.json("drill", "--repository-paths", both, check=1)
    assert not drilled["ok"] and [each["ok"] for each in drilled["repositories"]] == [True, False] and str(two) in drilled["differences"][0]
    assert proven(one.path) and not proven(two)
    assert "none of the configured" in kept.error("drill", "--repository-paths", both, "--repository", "/nowhere")


def test_settings_that_lie_elsewhere_come_along_and_lead_nowhere_else(own_guardian):
    """As Debian has them, in a folder of their own: the restored server reads its copies, and not the files of the one that was backed up."""
    guardian = own_guardian
    everline = guardian.everline
    data = pathlib.Path(os.path.realpath(everline.home / "postgres"))
    li = everline.user("李白")
    li.result("room.create", room="設定")
    li.send("設定", "床前明月光")
    folder = guardian.place("settings")
    (folder / "conf.d").mkdir(parents=True)
    (folder / "conf.d/more.conf").write_text("work_mem = '7MB'\n")
    names = ("postgresql.conf", "pg_hba.conf", "pg_ident.conf")
    try:
        for name in names:
            shutil.move(data / name, folder / name)
        with open(folder / "postgresql.conf", "a") as file:
            file.write(f"\ninclude_dir = 'conf.d'\ndata_directory = '{data}'\nhba_file='{folder}/pg_hba.conf'\n  Ident_File = '{folder}/pg_ident.conf'\n")
        said = guardian.error("backup", "base")
        assert "postgresql.conf" in said and "backup.configuration" in said and "HINT:" in said
        assert "pg_hba.conf" in guardian.error("backup", "base", "--set", f"backup.configuration={folder / 'conf.d'}").replace("postgresql.conf", "pg_hba.conf")
        assert not [one for one in guardian.json("backup", "list") if one["kind"] == "base"]
        guardian.json("backup", "base", "--set", f"backup.configuration={folder}")
    finally:
        for name in names:
            if (folder / name).exists() and not (data / name).exists():
                shutil.copy(folder / name, data / name)
    guardian.switch()
    # The other's files are there still; nothing may lead to them.
    place = guardian.place("restored")
    result = guardian.json("restore", "--to", place, "--latest")
    with guardian.start(result) as restored:
        assert restored.sql("SHOW data_directory") == [[str(place)]] and restored.sql("SHOW work_mem") == [["7MB"]]
        assert restored.sql("SHOW hba_file") == [[f"{place}/pg_hba.conf"]]
        assert restored.sql("SELECT count(*) FROM everline.messages") == [["1"]]
