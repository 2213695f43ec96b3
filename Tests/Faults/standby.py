"""Streaming standbys of a running Everline, beside it (PostgreSQL manual 27.2.5)."""
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

from campaign import until


class Standby:
    """`settings` are its own, such as recovery_min_apply_delay."""

    def __init__(self, everline, port, name="standby", **settings):
        self.everline, self.port, self.name = everline, port, name
        self.settings = {"port": port, "archive_mode": "off"} | settings
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
                 f"host=127.0.0.1 port={self.everline.port(7432)} user=replicator application_name={self.name} sslmode=verify-full "
                 f"sslrootcert={self.primary}/ca.pem", PGPASSWORD=secret)
        self.log = open(f"{self.everline.folder}/{self.name}.log", "wb")
        self.launch()
        until(lambda: self.everline.sql(f"SELECT state FROM pg_stat_replication WHERE application_name = '{self.name}'") == [["streaming"]],
              180, "the standby does not follow")

    def launch(self):
        self.process = subprocess.Popen(
            [*self.as_user, self.programs / "postgres", "-D", self.data, *(word for item in self.settings.items() for word in ("-c", "%s=%s" % item))],
            cwd="/", env=self.environment(), stdout=self.log, stderr=subprocess.STDOUT)

    def make_synchronous(self):
        """From now on nothing is acknowledged that is not here."""
        self.everline.sql(f"ALTER SYSTEM SET synchronous_standby_names = '{self.name}'")
        self.everline.sql("SELECT pg_reload_conf()")
        until(lambda: ["sync"] in self.everline.sql("SELECT sync_state FROM pg_stat_replication"), 180, "the standby is not waited for")

    def conninfo(self, role):
        return f"host=127.0.0.1 port={self.port} dbname=everline user={role} sslmode=verify-full sslrootcert={self.everline.ca}"

    def environment(self, **more):
        """libpq looks for certificates in the home of whoever started us, where the store's user may not look."""
        return os.environ | {"HOME": str(self.data)} | more

    def run(self, program, *arguments, **more):
        done = subprocess.run(
            [*self.as_user, self.programs / program, *arguments], cwd="/", env=self.environment(**more), capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr

    def promote(self):
        self.run("pg_ctl", "promote", "-D", self.data, "-w")

    def processes(self):
        """The postmaster and all that it has started."""
        children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.process.pid)], capture_output=True, text=True).stdout
        return [self.process.pid, *map(int, children.split())]

    def hold(self):
        """From now on it accepts and swallows everything."""
        for pid in self.processes():
            os.kill(pid, signal.SIGSTOP)

    def go_on(self):
        for pid in self.processes():
            os.kill(pid, signal.SIGCONT)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.go_on()
            self.process.send_signal(signal.SIGINT)
            self.process.wait(120)

    def remove(self):
        if self.process:
            self.stop()
            self.log.close()
        shutil.rmtree(self.data, ignore_errors=True)


def lose_primary(everline):
    """It dies, and never starts again; returns when nothing of it is left."""
    data = (everline.home / "postgres").resolve()
    pid = everline.pid("postgres")
    os.rename(data / "postgresql.conf", data / "postgresql.conf.gone")
    os.kill(pid, signal.SIGKILL)
    until(lambda: not backends(data), 180, "the primary does not die")


def backends(data):
    """Processes on a server's data."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if os.readlink(entry / "cwd").encode() == str(data).encode() and (entry / "comm").read_text().startswith("postgres"):
                    found.append(int(entry.name))
            except OSError:
                pass
    return found
