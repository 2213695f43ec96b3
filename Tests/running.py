"""A whole Everline on ports and in a folder of its own, run as `make run` runs it."""
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
from client import Line

BASES = [7443, 8443, 7501, 7502, 7503, 7432, 7379, 9101, 9102, 9103, 9104]
# Of the second and the third gateway.
MORE = [7453, 8453, 9112, 7463, 8463, 9122]


def free_offset():
    """Ports that nobody has, also for the second and the third gateway."""
    # Two runs at once look from different places on.
    offsets = list(range(2000, 20000, 137))
    first = os.getpid() * 31 % len(offsets)
    for offset in offsets[first:] + offsets[:first]:
        try:
            for base in BASES + MORE:
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", base + offset))
            return offset
        except OSError:
            continue
    raise RuntimeError("no free ports")


def free_ports(count, *everlines, also=()):
    """Ports for what is started beside Everlines that may not have taken theirs yet; each with those that lie `also` above it. They are below those
    that the kernel gives to whoever connects, so that nobody is on one by the time that it is bound."""
    taken = {base + one.offset for one in everlines for base in BASES + MORE}
    found = []
    while len(found) < count:
        port = random.randrange(10_000, 32_000 - max(also, default=0))
        ports = [port, *(port + more for more in also)]
        try:
            for one in ports:
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", one))
        except OSError:
            continue
        if not taken & set(ports):
            taken |= set(ports)
            found.append(port)
    return found


class Everline:
    def __init__(self, gateways=1):
        self.folder = tempfile.mkdtemp(prefix="everline-test-")
        self.home = pathlib.Path(self.folder) / "home"
        self.offset = free_offset()
        self.gateways = gateways
        self.process = None
        self.begun = time.time()
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
            "EVERLINE_SCHEDULE_LEDGER": "0", "EVERLINE_SCHEDULE_RECEIVE": "0",
            # How long a reader is waited for is tried where it is set lower; a slow machine is no slow reader.
            "EVERLINE_READER_PATIENCE": "600",
            # What tests do as superuser is found, and would be told in a room that they do not count on.
            "EVERLINE_AUDIT_ROOM": "none",
        } | self.extra

    def start(self):
        self.output = open(f"{self.folder}/run.log", "ab")
        mark = self.said.count("everline is ready")
        self.process = subprocess.Popen(
            ["make", "run"], cwd=ROOT, env=self.environment, stdout=self.output, stderr=subprocess.STDOUT, start_new_session=True)
        end = time.monotonic() + 300
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
            return self.process.wait(120)
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
        return pathlib.Path(f"{self.folder}/run.log").read_text(errors="replace")

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
            timeout=300)

    def sql(self, statement, role="postgres"):
        """Rows as lists of text."""
        done = subprocess.run(
            ["psql", "-XAtqF\t", "-v", "ON_ERROR_STOP=1", "-c", statement,
             f"host=127.0.0.1 port={self.database_port or self.port(7432)} dbname=everline user={role} sslmode=verify-full sslrootcert={self.ca}"],
            env=os.environ | {"PGPASSWORD": (self.home / f"secrets/postgres-{role}").read_text().strip()},
            capture_output=True, text=True, timeout=300)
        if done.returncode:
            raise RuntimeError(done.stderr)
        return [line.split("\t") for line in done.stdout.splitlines()]

    def run_sql_file(self, file, role="postgres", timeout=600):
        subprocess.run(
            ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-f", str(file),
             f"host=127.0.0.1 port={self.port(7432)} dbname=everline user={role} sslmode=verify-full sslrootcert={self.ca}"],
            env=os.environ | {"PGPASSWORD": (self.home / f"secrets/postgres-{role}").read_text().strip()}, check=True, capture_output=True, timeout=timeout)

    def until_indexed(self, seconds=180):
        """Until searching and statistics need look at no message where it is."""
        end = time.monotonic() + seconds
        while self.sql("SELECT coalesce(sum(c.last_seq - coalesce(p.seq, 0)), 0) FROM everline.room_counters c LEFT JOIN everline.search_progress p USING (room_id)") != [["0"]]:
            assert time.monotonic() < end, self.logs()
            time.sleep(0.1)

    def redis(self, *command, user="history"):
        secret = (self.home / f"secrets/redis-{user}").read_text().strip()
        done = subprocess.run(
            ["redis-cli", "-p", str(self.port(7379)), "--tls", "--cacert", self.ca, "--user", user, "--no-auth-warning", *command],
            env=os.environ | {"REDISCLI_AUTH": secret}, capture_output=True, text=True, timeout=120)
        return done.stdout.strip()

    def until_ready(self):
        """Until each part says of itself that it is."""
        for port in [self.port(base) for base in (9101, 9103, 9104)] + [self.port(9102, k) for k in range(self.gateways)]:
            end = time.monotonic() + 120
            while True:
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=30).close()
                    break
                except OSError:
                    assert time.monotonic() < end, self.logs()
                    time.sleep(0.1)

    def line(self, instance=0, **options):
        return Line(self.port(7443, instance), self.ca, **options)

    def user(self, name, display_name=None, instance=0):
        """A connection of a user who is made if need be."""
        line = self.line(instance)
        end = time.monotonic() + 180
        while True:
            answer = line.call("auth.login", username=name, password=PASSWORD)
            if "error" in answer and not answer["error"]["data"]["retryable"]:
                answer = line.call("auth.register", username=name, password=PASSWORD, **({"displayName": display_name} if display_name else {}))
            # As any client does; and what was not known to be done may be done by now.
            error = answer.get("error", {}).get("data", {})
            if not (error.get("retryable") or error.get("name") == "auth.username_taken") or time.monotonic() > end:
                break
            time.sleep(0.2)
        assert "result" in answer, answer
        line.session = answer["result"]["session"]
        line.name = name
        return line


PASSWORD = "床前明月光，疑是地上霜"
