"""A whole Everline on ports and in a folder of its own, run as `make run` runs it."""
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
from client import Line

BASES = [7443, 8443, 7501, 7502, 7503, 7432, 7379, 9101, 9102, 9103, 9104]


def free_offset():
    """Ports that nobody has, also for the second and the third gateway."""
    # Two runs at once look from different places on.
    offsets = list(range(2000, 20000, 137))
    first = os.getpid() * 31 % len(offsets)
    for offset in offsets[first:] + offsets[:first]:
        try:
            for base in BASES + [7453, 8453, 9112, 7463, 8463, 9122]:
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", base + offset))
            return offset
        except OSError:
            continue
    raise RuntimeError("no free ports")


class Everline:
    def __init__(self, gateways=1):
        self.folder = tempfile.mkdtemp(prefix="everline-test-")
        self.home = pathlib.Path(self.folder) / "home"
        self.offset = free_offset()
        self.gateways = gateways
        self.process = None
        self.extra = {}
        # Where `sql` asks, if not at this run's own PostgreSQL.
        self.database_port = None

    @property
    def environment(self):
        return os.environ | {
            "EVERLINE_HOME": str(self.home), "EVERLINE_PORT_OFFSET": str(self.offset), "EVERLINE_SKIP_BUILD": "1",
            "GATEWAYS": str(self.gateways),
            # What the guardian does by itself would come between the tests' own doings.
            "EVERLINE_SCHEDULE_BASE": "0", "EVERLINE_SCHEDULE_DUMP": "0", "EVERLINE_SCHEDULE_DRILL": "0", "EVERLINE_SCHEDULE_PRUNE": "0",
            "EVERLINE_SCHEDULE_RECEIVE": "0",
            # What tests do as superuser is found, and would be told in a room that they do not count on.
            "EVERLINE_AUDIT_ROOM": "none",
        } | self.extra

    def start(self):
        self.output = open(f"{self.folder}/run.log", "ab")
        self.process = subprocess.Popen(
            ["make", "run"], cwd=ROOT, env=self.environment, stdout=self.output, stderr=subprocess.STDOUT, start_new_session=True)
        end = time.monotonic() + 120
        mark = self.said.count("everline is ready")
        while time.monotonic() < end:
            if self.said.count("everline is ready") > mark:
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise RuntimeError("make run did not get ready:\n" + self.said + self.logs())

    def stop(self):
        """As an operator does; the exit code."""
        if self.process is None:
            return 0
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(40)
        finally:
            self.process = None

    def remove(self):
        self.stop()
        # What could not lie in the home lies where this leads.
        elsewhere = self.home / ".elsewhere"
        if elsewhere.is_symlink():
            shutil.rmtree(os.path.realpath(elsewhere), ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def said(self):
        return pathlib.Path(f"{self.folder}/run.log").read_text()

    @property
    def server_log(self):
        """What PostgreSQL has logged, one JSON object a line."""
        return "".join(file.read_text(errors="replace") for file in sorted(pathlib.Path(os.path.realpath(self.home / "server-log")).glob("*.json")))

    def logs(self):
        return "".join(f"== {log.name}\n{log.read_text(errors='replace')[-2000:]}" for log in sorted((self.home / "log").glob("*.log")))

    def port(self, base, instance=0):
        return base + self.offset + 10 * instance

    @property
    def ca(self):
        return str(self.home / "certs/ca.pem")

    def pid(self, name):
        return int((self.home / f"run/{name}.pid").read_text())

    def kill(self, name, with_signal=signal.SIGKILL):
        os.kill(self.pid(name), with_signal)

    def run(self, *arguments, input=None, check=True):
        binary = ROOT / ".build/release" / arguments[0]
        return subprocess.run(
            [str(binary), *arguments[1:]], cwd=ROOT, env=self.environment, input=input, capture_output=True, text=True, check=check,
            timeout=60)

    def sql(self, statement, role="postgres"):
        """Rows as lists of text."""
        done = subprocess.run(
            ["psql", "-XAtqF\t", "-v", "ON_ERROR_STOP=1", "-c", statement,
             f"host=127.0.0.1 port={self.database_port or self.port(7432)} dbname=everline user={role} sslmode=verify-full sslrootcert={self.ca}"],
            env=os.environ | {"PGPASSWORD": (self.home / f"secrets/postgres-{role}").read_text().strip()},
            capture_output=True, text=True, timeout=60)
        if done.returncode:
            raise RuntimeError(done.stderr)
        return [line.split("\t") for line in done.stdout.splitlines()]

    def run_sql_file(self, file, role="postgres", timeout=120):
        subprocess.run(
            ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-f", str(file),
             f"host=127.0.0.1 port={self.port(7432)} dbname=everline user={role} sslmode=verify-full sslrootcert={self.ca}"],
            env=os.environ | {"PGPASSWORD": (self.home / f"secrets/postgres-{role}").read_text().strip()}, check=True, capture_output=True, timeout=timeout)

    def until_indexed(self, seconds=60):
        """Until searching and statistics need look at no message where it is."""
        end = time.monotonic() + seconds
        while self.sql("SELECT coalesce(sum(c.last_seq - coalesce(p.seq, 0)), 0) FROM everline.room_counters c LEFT JOIN everline.search_progress p USING (room_id)") != [["0"]]:
            assert time.monotonic() < end, self.logs()
            time.sleep(0.1)

    def redis(self, *command, user="history"):
        secret = (self.home / f"secrets/redis-{user}").read_text().strip()
        done = subprocess.run(
            ["redis-cli", "-p", str(self.port(7379)), "--tls", "--cacert", self.ca, "--user", user, "--no-auth-warning", *command],
            env=os.environ | {"REDISCLI_AUTH": secret}, capture_output=True, text=True, timeout=30)
        return done.stdout.strip()

    def line(self, instance=0, **options):
        return Line(self.port(7443, instance), self.ca, **options)

    def user(self, name, display_name=None, instance=0):
        """A connection of a user who is made if need be."""
        line = self.line(instance)
        answer = line.call("auth.login", username=name, password=PASSWORD)
        if "error" in answer:
            answer = line.call("auth.register", username=name, password=PASSWORD, **({"displayName": display_name} if display_name else {}))
        assert "result" in answer, answer
        line.session = answer["result"]["session"]
        line.name = name
        return line


PASSWORD = "床前明月光，疑是地上霜"
