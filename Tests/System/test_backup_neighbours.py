"""What is wrong with one backup, or one repository, stands in the way of no other."""
import pathlib
import subprocess

import pytest

from guarding import Copy, flip, says_of_rooms


def test_a_damaged_manifest_stands_in_no_neighbours_way(kept):
    copy = Copy(kept)
    whole = kept.place("whole")
    subprocess.run(["cp", "-a", str(copy.path), str(whole)], check=True)
    flip(copy.file("backups/*-database-*/manifest.json"))
    place = kept.place("neighbour")
    result = copy.json("restore", "--to", place, "--latest")
    assert result["backup"] == kept.base["id"] and any(kept.dump["id"] in note and "backup rebuild" in note for note in result["notes"]), result
    with kept.start(result) as restored:
        assert says_of_rooms(restored) == says_of_rooms(kept.everline)
    listed = copy.run("backup", "list", "--json", check=0)
    assert kept.base["id"] in listed.stdout and kept.dump["id"] not in listed.stdout and kept.dump["id"] in listed.stderr
    assert any(kept.dump["id"] in problem for problem in copy.json("status", check=1)["problems"])
    assert copy.json("status", check=1)["newestProven"] == kept.base["id"]
    # Of a copy in which nothing is damaged.
    assert copy.json("pitr", "windows") == kept.json("pitr", "windows", "--repository-paths", whole)
    assert copy.json("drill")["ok"]
    # Itself it is not, and nothing goes while nobody knows what it needs.
    for verb in (["restore", "--to", kept.place("itself"), "--backup", kept.dump["id"]], ["backup", "prune"], ["backup", "show", kept.dump["id"]]):
        said = copy.error(*verb)
        assert kept.dump["id"] in said and "backup rebuild" in said, said
    copy.run("backup", "rebuild", check=0)
    assert copy.json("backup", "show", kept.dump["id"])["id"] == kept.dump["id"] and copy.json("verify")["ok"]


def test_a_damaged_proof_proves_nothing_and_stops_nothing(kept):
    copy = Copy(kept)
    flip(copy.file("proven.json"))
    [base] = [one for one in copy.json("backup", "list") if one["id"] == kept.base["id"]]
    assert base["verified"] and not base["proven"]
    assert "no base backup is proven" in copy.error("backup", "prune")
    assert copy.json("drill")["ok"] and copy.json("verify")["ok"]


def test_all_manifests_and_lists_are_gone(kept):
    """The catalogue can be made anew from the files alone, and until then it is said that it must be."""
    copy = Copy(kept)
    for name in ("manifest.json", "verified.json", "proven.json", "catalogue.json", "wal.json", "archived.json", "ledgers.json", "pruned.json"):
        for path in copy.path.rglob(name):
            path.unlink()
    for verb in (["status"], ["backup", "list"]):
        done = copy.run(*verb)
        assert kept.base["id"] in done.stdout + done.stderr and "backup rebuild" in done.stdout + done.stderr, done
    copy.run("backup", "rebuild", check=0)
    assert {one["id"] for one in copy.json("backup", "list")} == {kept.base["id"], kept.dump["id"]}
    assert copy.json("verify")["ok"] and copy.json("drill")["ok"]


@pytest.fixture
def pair(kept):
    """Two repositories alike, the first of which goes away when told."""
    one, two = Copy(kept), kept.place("left")
    subprocess.run(["cp", "-a", str(one.path), str(two)], check=True)
    hidden = pathlib.Path(str(one.path) + "-hidden")
    kept.places.append(hidden)

    class Pair:
        first, second, both = one.path, two, f"{one.path},{two}"

        def lose(self):
            one.path.rename(hidden)

        def find(self):
            hidden.rename(one.path)
    return Pair()


def test_the_first_of_two_repositories_is_gone(kept, pair, tmp_path):
    pair.lose()
    place = kept.place("from-the-second")
    there = ("--repository-paths", pair.both)
    result = kept.json("restore", "--to", place, "--latest", *there)
    assert any(str(pair.first) in note for note in result["notes"])
    with kept.start(result) as restored:
        assert says_of_rooms(restored) == says_of_rooms(kept.everline)
    for verb in (["backup", "list"], ["pitr", "windows"], ["wal", "status"]):
        done = kept.run(*verb, *there, check=0)
        assert str(pair.first) in done.stderr and done.stdout, done
    assert kept.json("backup", "show", kept.base["id"], *there)["id"] == kept.base["id"]
    status = kept.json("status", *there, check=1)
    assert status["newestProven"] == kept.base["id"] and status["window"]["to"] and any(str(pair.first) in one for one in status["problems"])
    drill = kept.json("drill", *there, check=1)
    assert [(one["repository"], one["ok"]) for one in drill["repositories"]] == [(str(pair.second), True), (str(pair.first), False)]
    assert any(str(pair.first) in one["artefact"] for one in kept.json("verify", *there, check=1)["problems"])
    # What is in the other is found; of what is not nobody knows.
    segment = sorted(path for path in pair.second.rglob("0000*") if len(path.name) == 24)[0]
    kept.run("wal", "fetch", segment.name, tmp_path / "out", *there, check=0)
    kept.run("wal", "fetch", "0000000100000000000000FF", tmp_path / "none", *there, check=200)
    # PostgreSQL keeps a segment until each repository has it; the one that is there has it at once.
    name = segment.name
    source = tmp_path / name
    (tmp_path / "out").rename(source)
    segment.unlink()
    done = kept.run("wal", "push", source, *there, check=1)
    assert str(pair.first) in done.stderr and done.stderr.count("\n") == 1 and segment.exists()
    for verb in (["backup", "base"], ["backup", "database"], ["backup", "prune"]):
        assert str(pair.first) in kept.error(*verb, *there)
    pair.find()
    kept.run("wal", "push", source, *there, check=0)


def test_a_repository_that_the_archiver_forgets_is_named(kept):
    """One that was added to the configuration, and not to that of archive_command."""
    added = kept.place("added")
    added.mkdir(mode=0o700)
    key = kept.everline.home / "guardian/repository.key"
    kept.run("repository", "create", "--repository-paths", added, "--repository-key-file", key, check=0)
    for path in (added, *added.rglob("*")):
        subprocess.run(["chown", f"--reference={kept.repository}", str(path)], check=True)
    both = f"{kept.repository},{added}"
    done = kept.run("backup", "base", "--repository-paths", both, check=0)
    assert str(added) in done.stderr and "archive_command" in done.stderr, done


def test_tablespaces_are_refused_by_a_base_backup_and_left_out_of_a_dump(kept):
    everline = kept.everline
    folder = kept.place("tablespace")
    folder.mkdir(mode=0o700)
    subprocess.run(["chown", f"--reference={kept.repository}", str(folder)], check=True)
    everline.sql(f"CREATE TABLESPACE far LOCATION '{folder}'")
    try:
        everline.sql("CREATE TABLE public.distant TABLESPACE far AS SELECT generate_series(1, 1000) AS n")
        said = kept.error("backup", "base")
        assert "tablespaces" in said and "far" in said and "backup cluster" in said
        # Beside the one that was dumped, whose folder is taken.
        dump = kept.json("backup", "cluster")
        with kept.start(kept.json("restore", "--to", kept.place("near"), "--backup", dump["id"])) as restored:
            done = subprocess.run(
                ["psql", "-XAtq", "-c", "SELECT count(*), (SELECT count(*) FROM pg_tablespace) FROM public.distant",
                 f"host=127.0.0.1 port={restored.port} dbname=everline user=postgres"],
                env={"PGPASSWORD": (everline.home / "secrets/postgres-postgres").read_text().strip(), "PATH": "/usr/bin:/bin"},
                capture_output=True, text=True, check=True)
            assert done.stdout.strip() == "1000|2"
    finally:
        everline.sql("DROP TABLE IF EXISTS public.distant")
        everline.sql("DROP TABLESPACE far")
