"""The guardian's verbs, called as an operator or a program would."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import time

from running import ROOT

BINARY = str(ROOT / ".build/release/db-guardian")


class Guardian:
    def __init__(self, everline):
        self.everline = everline
        self.places = []

    def run(self, *arguments, check=None, prefix=(), environment=None, timeout=600):
        """Ends with the wanted code; None for any."""
        done = subprocess.run(
            [*prefix, BINARY, *map(str, arguments)], cwd=ROOT, env=self.everline.environment | (environment or {}), capture_output=True,
            text=True, timeout=timeout)
        if check is not None:
            assert done.returncode == check, (arguments, done.returncode, done.stdout[-3000:], done.stderr[-3000:])
        return done

    def json(self, *arguments, check=0, **more):
        return json.loads(self.run(*arguments, "--json", check=check, **more).stdout)

    def error(self, *arguments, check=1, **more):
        """What it says when it refuses: what, where from, and what to do."""
        done = self.run(*arguments, check=check, **more)
        assert done.stderr.startswith(("error: ", "db-guardian ")), done.stderr
        assert "HINT:" in done.stderr, done.stderr
        return done.stderr

    # Where things are.

    @property
    def repository(self):
        return pathlib.Path(os.path.realpath(self.everline.home / "backups"))

    @property
    def system(self):
        return self.everline.sql("SELECT system_identifier FROM pg_control_system()")[0][0]

    def files(self, under=""):
        return sorted(path for path in (self.repository / under).rglob("*") if path.is_file() and not path.name.startswith("."))

    def wal(self, timeline="00000001"):
        return self.repository / "systems" / self.system / "wal" / timeline

    def place(self, name):
        """A folder beside the database's, where its user can look; it goes with the test."""
        path = pathlib.Path(os.path.realpath(self.everline.home / "postgres") + "-" + name)
        shutil.rmtree(path, ignore_errors=True)
        self.places.append(path)
        return path

    def copied(self, name):
        """The repository as it stood at one moment, in a place of that name."""
        def stand():
            # What the watch keeps there goes with nothing else.
            return [(path, path.lstat().st_size, path.lstat().st_mtime_ns) for path in sorted(self.repository.rglob("*"))
                    if path.relative_to(self.repository).parts[0] not in ("journal", "watch")]

        end = time.monotonic() + 120
        while True:
            assert time.monotonic() < end, "the repository never rests"
            place = self.place(name)
            try:
                before = stand()
                done = subprocess.run(["cp", "-a", str(self.repository), str(place)], capture_output=True, text=True)
                # Something may be archived at any time.
                if done.returncode == 0 and stand() == before:
                    return place
            except FileNotFoundError:
                pass

    def tools(self, name, **programs):
        """A folder of PostgreSQL's programs, of which these are called with more words."""
        real = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))[-1]
        folder = self.place(name)
        folder.mkdir()
        for program in real.iterdir():
            if program.name in programs:
                (folder / program.name).write_text(f'#!/bin/sh\nexec {program} "$@" {programs[program.name]}\n')
                (folder / program.name).chmod(0o755)
            else:
                (folder / program.name).symlink_to(program)
        folder.chmod(0o755)
        return folder

    def segment(self, path):
        """A whole segment, as PostgreSQL wrote it, under its name in that folder. What lies beside the database may be used anew meanwhile."""
        name = sorted(one.name for one in self.wal().iterdir() if len(one.name) == 24)[0]
        self.run("wal", "fetch", name, path / name, check=0)
        return path / name

    def clean(self):
        for path in self.places:
            shutil.rmtree(path, ignore_errors=True)

    # The database's clock and its archive.

    def now(self):
        return self.everline.sql("SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")[0][0]

    def switch(self):
        """Ends the segment that is being written, and waits until it is archived; its name."""
        # A commit behind what one may want to restore to.
        self.everline.sql("SELECT txid_current()")
        [[name]] = self.everline.sql("SELECT pg_walfile_name(pg_current_wal_lsn())")
        self.everline.sql("SELECT pg_switch_wal()")
        end = time.monotonic() + 180
        while not (self.wal(name[:8]) / name).exists():
            assert time.monotonic() < end, self.everline.logs()
            time.sleep(0.05)
        return name

    # A restored server.

    def start(self, result):
        done = subprocess.run(["sh", "-c", result["startCommand"]], capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stdout + done.stderr
        return Restored(self, result)


class Restored:
    def __init__(self, guardian, result):
        self.guardian = guardian
        self.directory = pathlib.Path(result["directory"])
        self.result = result
        lines = (self.directory / "postmaster.pid").read_text().splitlines()
        self.port = int(lines[3])

    def sql(self, statement, database="everline", role="postgres"):
        everline = self.guardian.everline
        done = subprocess.run(
            ["psql", "-XAtqF\t", "-v", "ON_ERROR_STOP=1", "-c", statement,
             f"host=127.0.0.1 port={self.port} dbname={database} user={role} sslmode=require"],
            env=os.environ | {"PGPASSWORD": (everline.home / f"secrets/postgres-{role}").read_text().strip()}, capture_output=True, text=True,
            timeout=300)
        if done.returncode:
            raise RuntimeError(done.stderr)
        return [line.split("\t") for line in done.stdout.splitlines()]

    def stop(self):
        stop = re.sub(r" -l .* start$", " -m fast -w stop", self.result["startCommand"])
        done = subprocess.run(["sh", "-c", stop], capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.stop()


def says_of_rooms(server):
    """Every room's counter and its messages' numbers, whichever server is asked."""
    return server.sql(
        "SELECT r.name, c.last_seq, count(m.seq), coalesce(min(m.seq), 0), coalesce(max(m.seq), 0), md5(string_agg(m.body, '|' ORDER BY m.seq)) "
        "FROM everline.room_counters c JOIN everline.rooms r ON r.id = c.room_id LEFT JOIN everline.messages m ON m.room_id = c.room_id "
        "GROUP BY 1, 2 ORDER BY 1")


class Copy:
    """A repository like another's, to be damaged; and what is found then."""

    def __init__(self, guardian):
        self.guardian = guardian
        self.path = guardian.copied("copy")

    def json(self, *arguments, check=0, **more):
        return self.guardian.json(*arguments, "--repository-paths", self.path, check=check, **more)

    def error(self, *arguments, check=1, **more):
        return self.guardian.error(*arguments, "--repository-paths", self.path, check=check, **more)

    def run(self, *arguments, check=None, **more):
        return self.guardian.run(*arguments, "--repository-paths", self.path, check=check, **more)

    def file(self, pattern):
        return sorted(path for path in self.path.rglob(pattern) if path.is_file())[0]

    def last_wal(self, name="0*"):
        return sorted(path for path in self.path.glob(f"systems/*/wal/*/{name}") if len(path.name) == 24)


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x20
    path.write_bytes(data)


def cut(path):
    os.truncate(path, path.stat().st_size // 2)
