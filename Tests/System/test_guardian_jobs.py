"""What admins see of backups on the page, and begin there."""
import fcntl
import os
import time

from client import Line


def admin(everline):
    line = everline.line()
    line.result("auth.login", username="admin", password=(everline.home / "admin-password").read_text().strip())
    return line


def waited(line, job, holds):
    """The job, once that can be said of it; and everything that it said of its progress until then."""
    said = []
    end = time.monotonic() + 120
    while True:
        [one] = [one for one in line.result("guardian.jobs")["jobs"] if one["job"] == job]
        said += [one["progress"]] if one.get("progress") and one["progress"] not in said else []
        if holds(one):
            return one, said
        assert time.monotonic() < end and not (one["state"] == "failed" and not holds(one)), one
        time.sleep(0.02)


def ended(one):
    return one["state"] in ("done", "failed")


def test_backups_and_drills_are_begun_on_the_wire(kept):
    line = admin(kept.everline)
    assert line.result("guardian.windows")["windows"] == kept.json("pitr", "windows")
    drills = line.result("guardian.drills")["drills"]
    assert drills and drills[-1]["ok"] and drills[-1]["backup"] == kept.base["id"] and drills[-1]["repository"] == str(kept.repository)
    before = len(kept.json("backup", "list"))
    # Another has the repository: the job waits for it, and says for whom.
    with open(kept.repository / ".lock-jobs", "r+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        os.ftruncate(lock.fileno(), 0)
        os.pwrite(lock.fileno(), b"somebody else", 0)
        base = line.result("guardian.backup", kind="base")["job"]
        one, _ = waited(line, base, lambda one: "somebody else" in one.get("progress", ""))
        assert one["state"] == "waiting" and one["kind"] == "backup base" and "startedAt" in one and "finishedAt" not in one
        # The same asked for again is the same; another waits behind it.
        assert line.result("guardian.backup", kind="base")["job"] == base
        drill = line.result("guardian.drill")["job"]
        [behind] = [one for one in line.result("guardian.jobs")["jobs"] if one["job"] == drill]
        assert behind["state"] == "waiting" and "startedAt" not in behind
        assert len(kept.json("backup", "list")) == before
    one, said = waited(line, base, ended)
    assert one["state"] == "done" and one["startedAt"] < one["finishedAt"] and "message" not in one
    assert waited(line, drill, ended)[0]["state"] == "done"
    # Seen on the way, not afterwards; a small backup may be done before one looks.
    for _ in range(20):
        if any("packing" in step or "copying" in step or "reading back" in step for step in said):
            break
        _, said = waited(line, line.result("guardian.backup", kind="base")["job"], ended)
        assert waited(line, line.result("guardian.drill")["job"], ended)[0]["state"] == "done"
    else:
        raise AssertionError(said)
    newest = kept.json("backup", "list")[-1]
    assert newest["kind"] == "base" and newest["proven"] and line.result("guardian.drills")["drills"][-1]["backup"] == newest["id"]
    # One that fails says why.
    (kept.everline.home / "secrets/postgres-everline_guardian").rename(kept.everline.home / "secrets/hidden")
    try:
        failed, _ = waited(line, line.result("guardian.backup", kind="database")["job"], ended)
    finally:
        (kept.everline.home / "secrets/hidden").rename(kept.everline.home / "secrets/postgres-everline_guardian")
    assert failed["state"] == "failed" and "postgres-everline_guardian" in failed["message"] and "progress: " not in failed["message"], failed
    assert waited(line, line.result("guardian.backup", kind="database")["job"], ended)[0]["state"] == "done"


def test_only_admins_through_the_gateway(kept):
    everline = kept.everline
    line = admin(everline)
    for wrong in ({}, {"kind": "tape"}, {"kind": "base", "to": "x"}, {"kind": 1}):
        assert line.error("guardian.backup", **wrong) == "invalid_params", wrong
    li = everline.user("杜甫")
    certificates = everline.home / "certs"
    history = Line(everline.port(7503), everline.ca, str(certificates / "history.pem"), str(certificates / "history.key"), server="db-guardian")
    for method, params in (("guardian.windows", {}), ("guardian.drills", {}), ("guardian.jobs", {}), ("guardian.drill", {}), ("guardian.backup", {"kind": "base"})):
        assert li.error(method, **params) == "admin.required" and everline.line().error(method, **params) == "session.required"
    for method, params in (("guardian.drill", {}), ("guardian.backup", {"kind": "base"})):
        assert history.error(method, **params) == "peer.forbidden"
