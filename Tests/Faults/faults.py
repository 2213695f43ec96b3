"""The faults, each small: it strikes, lasts, and is healed. Which one strikes when follows from the seed alone."""
import os
import pathlib
import random
import secrets
import signal
import subprocess
import tempfile
import threading
import time
from typing import NamedTuple


class Fault(NamedTuple):
    """One that is planned: `after` seconds since the one before, for `seconds`."""
    kind: str
    after: float
    seconds: float
    # Chooses among what is there at the moment: a gateway, a backend.
    choice: float

    def __str__(self):
        return f"{self.kind} for {self.seconds:.1f} s" if KINDS[self.kind].lasts else self.kind


class Kind(NamedTuple):
    strike: object
    lasts: bool


KINDS = {}


def kind(name, lasts=True):
    def remember(function):
        KINDS[name] = Kind(function, lasts)
        return function
    return remember


def plan(seed, kinds=None, pace=1.0):
    """Faults without end; each kind comes once before any comes again."""
    rng = random.Random(f"faults {seed}")
    while True:
        deck = sorted(kinds or KINDS)
        rng.shuffle(deck)
        for name in deck:
            yield Fault(name, rng.uniform(0.3, 2.5) * pace, rng.choice([rng.uniform(0.2, 1.5), rng.uniform(1.5, 6)]), rng.random())


class Scene:
    """What faults strike: a running Everline, its proxy, and its WAL's disk if it has one of its own."""

    def __init__(self, everline, proxy, disk=None):
        self.everline, self.proxy, self.disk = everline, proxy, disk

    def gateway(self, fault):
        return int(fault.choice * self.everline.gateways)

    def signal(self, name, number):
        """To a process of this run only: a number may have been given to another meanwhile."""
        try:
            pid = self.everline.pid(name)
            if f"EVERLINE_HOME={self.everline.home}".encode() in pathlib.Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                os.kill(pid, number)
                return pid
        except (OSError, ValueError):
            pass
        return None

    def hold(self, name, seconds):
        pid = self.signal(name, signal.SIGSTOP)
        time.sleep(seconds)
        go_on([pid] if pid else [])

    def backends(self):
        try:
            return children(self.everline.pid("postgres"))
        except (OSError, ValueError):
            return []

    def through_proxy(self, name, mode, seconds, delay=0.0):
        self.proxy.set(name, mode, delay)
        time.sleep(seconds)
        self.proxy.set(name, "open")

    def redis(self, *command):
        return self.everline.redis(*command, user="chaos")


def children(pid):
    return [int(one) for one in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def go_on(pids):
    for pid in pids:
        try:
            os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            pass


def prepare_redis(everline):
    """A user of Redis who may do everything, in this run's own list: the services' users cannot empty it, which is as it should be."""
    secret = secrets.token_hex(16)
    (everline.home / "secrets/redis-chaos").write_text(secret)
    with open(everline.home / "redis/users.acl", "a") as file:
        file.write(f"user chaos on >{secret} allchannels allkeys +@all\n")
    everline.kill("redis")
    end = time.monotonic() + 120
    while everline.redis("PING", user="chaos") != "PONG":
        assert time.monotonic() < end, "Redis did not come back"
        time.sleep(0.05)


for service in ("message-gateway", "history", "auth"):
    def name_of(scene, fault, service=service):
        return {"message-gateway": f"message-gateway-{scene.gateway(fault)}", "history": "history-0", "auth": "auth"}[service]

    @kind(f"{service} killed", lasts=False)
    def killed(scene, fault, name_of=name_of):
        scene.signal(name_of(scene, fault), signal.SIGKILL)

    @kind(f"{service} stopped")
    def stopped(scene, fault, name_of=name_of):
        scene.hold(name_of(scene, fault), fault.seconds)


@kind("message-gateway told to end", lasts=False)
def told_to_end(scene, fault):
    scene.signal(f"message-gateway-{scene.gateway(fault)}", signal.SIGTERM)


@kind("PostgreSQL backend killed", lasts=False)
def backend_killed(scene, fault):
    found = []
    for pid in scene.backends():
        try:
            if b"everline_" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
        except OSError:
            pass
    if found:
        try:
            os.kill(found[int(fault.choice * len(found))], signal.SIGKILL)
        except ProcessLookupError:
            pass


@kind("PostgreSQL postmaster killed", lasts=False)
def postmaster_killed(scene, fault):
    scene.signal("postgres", signal.SIGKILL)


@kind("PostgreSQL stopped")
def postgres_stopped(scene, fault):
    pids = scene.backends()
    master = scene.signal("postgres", signal.SIGSTOP)
    for pid in pids:
        try:
            os.kill(pid, signal.SIGSTOP)
        except ProcessLookupError:
            pass
    time.sleep(fault.seconds)
    go_on(pids + ([master] if master else []))


@kind("Redis killed", lasts=False)
def redis_killed(scene, fault):
    scene.signal("redis", signal.SIGKILL)


@kind("Redis stopped")
def redis_stopped(scene, fault):
    scene.hold("redis", fault.seconds)


@kind("Redis emptied", lasts=False)
def redis_emptied(scene, fault):
    scene.redis("FLUSHALL")


@kind("Redis paused")
def redis_paused(scene, fault):
    scene.redis("CLIENT", "PAUSE", str(int(fault.seconds * 1000)), "ALL")


@kind("Redis full")
def redis_full(scene, fault):
    """Every write is answered with an error."""
    scene.redis("CONFIG", "SET", "maxmemory-policy", "noeviction", "maxmemory", "1")
    time.sleep(fault.seconds)
    end = time.monotonic() + 120
    # Killed meanwhile, it has its own settings back already.
    while scene.redis("CONFIG", "SET", "maxmemory-policy", "allkeys-lru", "maxmemory", "256mb") != "OK" and time.monotonic() < end:
        time.sleep(0.2)


for target in ("clients", "PostgreSQL", "Redis"):
    def to(scene, fault, target=target):
        return f"clients-{scene.gateway(fault)}" if target == "clients" else target

    @kind(f"{target} cut")
    def cut(scene, fault, to=to):
        scene.through_proxy(to(scene, fault), "cut", fault.seconds / 3)

    @kind(f"{target} half open")
    def half_open(scene, fault, to=to):
        scene.through_proxy(to(scene, fault), "swallow", fault.seconds)

    @kind(f"{target} delayed")
    def delayed(scene, fault, to=to):
        scene.through_proxy(to(scene, fault), "open", fault.seconds, delay=0.02 + fault.choice * 0.5)


@kind("WAL disk full")
def disk_full(scene, fault):
    if scene.disk:
        scene.disk.full(scene.everline, fault.seconds)


class Disk:
    """A small disk for `pg_wal`. Mounting takes root."""

    def __init__(self, folder):
        self.folder = folder
        self.one_at_a_time = threading.Lock()

    @classmethod
    def made(cls, megabytes=384):
        """None where it cannot be mounted. Not in the run's own folder, where PostgreSQL's user may not look."""
        folder = tempfile.mkdtemp(prefix="everline-wal-")
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=711", "everline-wal", folder], capture_output=True, text=True)
        if done.returncode == 0:
            return cls(folder)
        os.rmdir(folder)
        print(f"no full disk in this run: nothing can be mounted here ({done.stderr.strip()})")
        return None

    def take(self, everline):
        """Moves the WAL of a stopped Everline here."""
        data = (everline.home / "postgres").resolve()
        subprocess.run(["cp", "-a", f"{data}/pg_wal", f"{self.folder}/pg_wal"], check=True)
        subprocess.run(["rm", "-r", f"{data}/pg_wal"], check=True)
        os.symlink(f"{self.folder}/pg_wal", data / "pg_wal")
        with open(data / "postgresql.auto.conf", "a") as file:
            file.write("max_wal_size = '64MB'\nmin_wal_size = '32MB'\n")

    def full(self, everline, seconds):
        """Full until PostgreSQL has noticed, and for `seconds` more."""
        with self.one_at_a_time:
            seen = len(everline.server_log)
            ballast = f"{self.folder}/ballast"
            try:
                self.fill(ballast)
                end = time.monotonic() + 120
                while "No space left on device" not in everline.server_log[seen:]:
                    assert time.monotonic() < end, "PostgreSQL did not notice that its disk is full"
                    try:
                        # Segments that are made already are used up first.
                        everline.sql("SELECT pg_switch_wal()")
                    except (RuntimeError, subprocess.TimeoutExpired):
                        pass
                    # What was freed meanwhile, by a checkpoint or by the archiver, is filled too.
                    self.fill(ballast)
                    time.sleep(0.05)
                time.sleep(seconds)
            finally:
                os.unlink(ballast)

    def fill(self, ballast):
        with open(ballast, "ab", buffering=0) as file:
            try:
                while file.write(bytes(1 << 20)):
                    pass
            except OSError:
                pass

    def remove(self):
        subprocess.run(["umount", "-l", self.folder], check=True, capture_output=True)
        os.rmdir(self.folder)
