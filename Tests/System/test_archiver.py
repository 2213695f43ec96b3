"""One call of `wal push` takes along what waits behind its file; the calls for those come soon after."""
from guarding import Copy, flip


def test_what_was_taken_along_is_not_taken_on_trust(kept, tmp_path):
    copy = Copy(kept)
    folder = tmp_path / "pg_wal"
    (folder / "archive_status").mkdir(parents=True)
    archived = copy.last_wal()[:3]
    assert len(archived) == 3
    files = []
    for path in archived:
        copy.run("wal", "fetch", path.name, folder / path.name, check=0)
        (folder / "archive_status" / f"{path.name}.ready").touch()
        files.append(folder / path.name)
        path.unlink()
    first, second, third = files
    copy.run("wal", "push", first, check=0)
    assert all(path.exists() for path in archived)
    # Known to be the same without being read.
    assert copy.json("wal", "push", second) == {"outcomes": ["known already"]}
    # Nothing is left of what it was known by, so now the bytes decide; and so they do where the file was written to, or is gone.
    assert copy.json("wal", "push", second) == {"outcomes": ["known already"]}
    flip(second)
    assert "other bytes" in copy.run("wal", "push", second, check=1).stderr
    archived[2].unlink()
    assert copy.json("wal", "push", third) == {"outcomes": ["archived"]}
    for path in archived[1:]:
        path.unlink()
    copy.run("wal", "push", first, check=0)
    assert not archived[1].exists()
    archived[0].unlink()
    copy.run("wal", "push", first, check=0)
    flip(third)
    assert "other bytes" in copy.run("wal", "push", third, check=1).stderr
    assert not list(copy.path.glob(f".{third.name}.along*"))
