"""The primary is lost for good, and a synchronous standby takes its place: nothing acknowledged is lost, and everybody is told."""
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import pytest

from campaign import until
from checker import check
from load import Load
from running import Everline


class Standby:
    """A streaming standby of a running Everline, beside it."""

    def __init__(self, everline, port):
        self.everline, self.port = everline, port
        self.programs = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))[-1]
        self.primary = (everline.home / "postgres").resolve()
        self.data = pathlib.Path(tempfile.mkdtemp(prefix="everline-standby-"))
        self.as_user = []
        if os.getuid() == 0:
            owner = self.primary.stat()
            os.chown(self.data, owner.st_uid, owner.st_gid)
            self.as_user = ["setpriv", f"--reuid={owner.st_uid}", f"--regid={owner.st_gid}", "--clear-groups", "--"]
        self.process = None

    def start(self):
        secret = (self.everline.home / "secrets/postgres-replicator").read_text().strip()
        self.run("pg_basebackup", "-D", self.data, "-R", "-X", "stream", "-c", "fast", "-d",
                 f"host=127.0.0.1 port={self.everline.port(7432)} user=replicator application_name=standby sslmode=verify-full "
                 f"sslrootcert={self.primary}/ca.pem", PGPASSWORD=secret)
        self.log = open(f"{self.everline.folder}/standby.log", "wb")
        self.process = subprocess.Popen(
            [*self.as_user, self.programs / "postgres", "-D", self.data, "-p", str(self.port), "-c", "archive_mode=off"],
            cwd="/", env=self.environment(), stdout=self.log, stderr=subprocess.STDOUT)
        self.everline.sql("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
        self.everline.sql("SELECT pg_reload_conf()")
        until(lambda: self.everline.sql("SELECT sync_state FROM pg_stat_replication") == [["sync"]], 30, "the standby does not follow")

    def environment(self, **more):
        """libpq looks for certificates in the home of whoever started us, where the store's user may not look."""
        return os.environ | {"HOME": str(self.data)} | more

    def run(self, program, *arguments, **more):
        done = subprocess.run(
            [*self.as_user, self.programs / program, *arguments], cwd="/", env=self.environment(**more), capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr

    def promote(self):
        self.run("pg_ctl", "promote", "-D", self.data, "-w")

    def remove(self):
        if self.process:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(20)
            self.log.close()
        shutil.rmtree(self.data, ignore_errors=True)


@pytest.fixture
def pair():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    everline = Everline(gateways=2)
    everline.extra = {"EVERLINE_POSTGRES_HOSTS": f"127.0.0.1:{everline.port(7432)},127.0.0.1:{port}"}
    standby = None
    try:
        everline.start()
        standby = Standby(everline, port)
        standby.start()
        yield everline, standby
    finally:
        everline.remove()
        if standby:
            standby.remove()


def test_a_standby_takes_the_place_of_the_primary(pair):
    everline, standby = pair
    [[old]] = everline.sql("SELECT generation || '-' || token FROM everline.epoch")
    ways = [(kind, everline.port(base, k)) for k in range(2) for kind, base in (("line", 7443), ("web", 8443))]
    # Without revisions: those name the epoch, and are refused in the next one.
    load = Load(everline, ways, seed=1, rooms=6, senders=6, readers=4, depth=10, revising=False, turned_back=True)
    try:
        until(lambda: load.count["acknowledged"] > 2000, 60, "the load does not begin")
        # Never to start again.
        primary = everline.pid("postgres")
        os.rename(standby.primary / "postgresql.conf", standby.primary / "postgresql.conf.gone")
        os.kill(primary, signal.SIGKILL)
        until(lambda: not everline_backends(everline), 30, "the primary does not die")
        at_death = load.count["acknowledged"]
        standby.promote()
        everline.database_port = standby.port
        until(lambda: load.count["acknowledged"] > at_death + 2000, 60, "sending does not go on")
        assert load.quiet() == [] and load.complaints == []
        [[new]] = everline.sql("SELECT generation || '-' || token FROM everline.epoch")
        assert int(new.split("-")[0]) > int(old.split("-")[0])
        found = [str(one) for room in load.records(epochs=[old]) for one in check(room)]
        assert found == []
        # Each reader was told of each of its rooms.
        following = {(name, room.name) for room in load.records() for name in room.readers}
        assert {(name, room) for name, room, _ in load.resets} == following
        assert {epoch for _, _, epoch in load.resets} == {new}
    finally:
        load.close()


def everline_backends(everline):
    """Processes on the primary's data."""
    data = str((everline.home / "postgres").resolve()).encode()
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if os.readlink(entry / "cwd").encode() == data and (entry / "comm").read_text().startswith("postgres"):
                    found.append(int(entry.name))
            except OSError:
                pass
    return found
