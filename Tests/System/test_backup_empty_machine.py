"""A drill and a restore where there is nothing but a repository and its key: no settings, no variables, no server, no data."""
import json
import os
import pathlib
import pwd
import shutil
import subprocess

import pytest

from guarding import BINARY, Restored, says_of_rooms


def test_the_repository_and_the_key_are_enough(own_guardian):
    guardian = own_guardian
    everline = guardian.everline
    li = everline.user("李白")
    li.result("room.create", room="唐詩")
    for n in range(1, 21):
        li.send("唐詩", f"第 {n} 句")
    base = guardian.json("backup", "base")
    for n in range(21, 41):
        li.send("唐詩", f"第 {n} 句")
    guardian.json("ledger")
    guardian.switch()
    expected = says_of_rooms(everline)
    place = guardian.place("elsewhere")
    place.mkdir()
    place.chmod(0o711)
    repository, key = place / "repository", place / "key"
    subprocess.run(["cp", "-a", str(guardian.repository), str(repository)], check=True)
    shutil.copy(everline.home / "guardian/repository.key", key)
    program = place / "db-guardian"
    shutil.copy(BINARY, program)

    def bare(*arguments, user=None):
        become = [] if user is None else ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--"]
        return subprocess.run(
            ["env", "-i", *become, str(program), *map(str, arguments), "--json", "--repository-paths", str(repository), "--repository-key-file", str(key)],
            cwd="/", capture_output=True, text=True, timeout=300)

    everline.stop()
    servers = []
    # Nothing of the origin is where it was.
    real = os.path.realpath(everline.home / "postgres")
    home = os.path.realpath(everline.home)
    moved = [(path, pathlib.Path(f"{path}-away")) for path in (real, os.path.realpath(guardian.repository), os.path.realpath(everline.home / "guardian"), home)]
    for path, away in moved:
        if os.path.exists(path):
            os.rename(path, away)
    try:
        users = [None] + ([pwd.getpwnam("nobody")] if os.geteuid() == 0 else [])
        for number, user in enumerate(users):
            if user:
                os.chown(place, user.pw_uid, user.pw_gid)
                subprocess.run(["chown", "-R", f"{user.pw_uid}:{user.pw_gid}", str(repository), str(key)], check=True)
            drills = place / f"drills-{number}"
            drilled = bare("drill", "--set", f"drill.folder={drills}", user=user)
            assert drilled.returncode == 0, (drilled.stdout, drilled.stderr)
            drill = json.loads(drilled.stdout)
            assert drill["ok"] and drill["differences"] == [] and drill["backup"] == base["id"] and drill["messages"] == 40
            assert not drills.exists() or list(drills.iterdir()) == []
            restored = bare("restore", "--to", place / f"restored-{number}", "--latest", user=user)
            assert restored.returncode == 0, (restored.stdout, restored.stderr)
            result = json.loads(restored.stdout)
            assert result["lost"] == [] and result["backup"] == base["id"]
            if user:
                # It is for whoever restored it to start.
                result["startCommand"] = f"setpriv --reuid={user.pw_uid} --regid={user.pw_gid} --clear-groups -- {result['startCommand']}"
            started = subprocess.run(["env", "-i", "sh", "-c", result["startCommand"]], cwd="/", capture_output=True, text=True, timeout=120)
            assert started.returncode == 0, (started, (pathlib.Path(result["directory"]) / "startup.log").read_text())
            servers.append(Restored(guardian, result))
    finally:
        for path, away in reversed(moved):
            if away.exists():
                os.rename(away, path)
    for server in servers:
        with server:
            assert says_of_rooms(server) == expected


@pytest.mark.parametrize("arguments, needed", [([], "--repository-paths"), (["--repository-paths", "/nowhere"], "--repository-key-file")])
def test_what_it_needs_it_names(arguments, needed):
    done = subprocess.run(["env", "-i", BINARY, "drill", *arguments], cwd="/", capture_output=True, text=True, timeout=300)
    assert done.returncode == 1 and needed in done.stderr and "HINT:" in done.stderr, done
