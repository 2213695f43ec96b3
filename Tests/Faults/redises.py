"""Servers of Redis of our own beside an Everline, with its users and certificates: a master that Sentinels watch, or a Cluster."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

from campaign import until
from running import ROOT, free_ports

SECRET = "國破山河在"


# What servers may do with each other: as an operator is told it.
BETWEEN = [line.replace(">…", f">{SECRET}") for line in re.findall(r"^    (user .*)$", (ROOT / "compose/SCALING.md").read_text(), re.M)]


class Server:
    def __init__(self, redises, port, lines, *arguments):
        self.redises, self.port, self.arguments = redises, port, arguments
        self.folder = redises.folder / str(port)
        self.folder.mkdir()
        (self.folder / "redis.conf").write_text("\n".join(lines) + "\n")
        self.process = None

    def start(self):
        self.process = subprocess.Popen(
            ["redis-server", "redis.conf", *self.arguments], cwd=self.folder, stdout=open(self.folder / "log", "ab"), stderr=subprocess.STDOUT)

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.process.kill()
        self.process.wait(120)

    def cli(self, *command):
        done = subprocess.run(self.redises.words(self.port) + [*command], env=self.redises.environment, capture_output=True, text=True, timeout=120)
        return done.stdout.strip()

    @property
    def role(self):
        return (self.cli("ROLE").split() or [""])[0]

    @property
    def slots(self):
        """How many slots of its Cluster it has itself."""
        for line in self.cli("CLUSTER", "NODES").splitlines():
            words = line.split()
            if "myself" in words[2]:
                ranges = [[int(end) for end in word.split("-")] for word in words[8:] if not word.startswith("[")]
                return sum(one[-1] - one[0] + 1 for one in ranges)
        return 0

    @property
    def id(self):
        return self.cli("CLUSTER", "MYID")


class Redises:
    """`ports` are chosen before the Everline starts, as it is told of them; `start` comes after, as its certificates are needed."""

    def __init__(self, everline, count):
        self.everline = everline
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="everline-redis-"))
        # A Cluster's bus has the port 10,000 higher.
        self.ports = free_ports(count, everline, also=(10_000,))
        # All of them, and those without the Sentinels.
        self.servers, self.data = [], []

    @property
    def environment(self):
        return os.environ | {"REDISCLI_AUTH": SECRET}

    def words(self, port):
        return ["redis-cli", "-p", str(port), "--tls", "--cacert", self.everline.ca, "--user", "admin", "--no-auth-warning"]

    def tls(self, port):
        certificate = self.everline.home / "certs/redis"
        return [f"bind 127.0.0.1\nport 0\ntls-port {port}", f"tls-cert-file {certificate}.pem", f"tls-key-file {certificate}.key",
                f"tls-ca-cert-file {self.everline.ca}", "tls-auth-clients no", "tls-replication yes"]

    def server(self, port, *lines):
        users = (self.everline.home / "redis/users.acl").read_text()
        one = Server(self, port, [*self.tls(port), "aclfile users.acl", "masteruser replica", f'masterauth "{SECRET}"', 'save ""',
                                  "repl-diskless-sync-delay 0", *lines])
        # The services', the servers' own, and ours.
        (one.folder / "users.acl").write_text("\n".join([users.strip(), *BETWEEN, f"user admin on >{SECRET} ~* &* +@all", ""]))
        self.servers.append(one)
        self.data.append(one)
        one.start()
        until(lambda: one.cli("PING") == "PONG", 180, "a Redis does not start")
        return one

    def refused(self):
        """Who wanted what of a server that he may not, as those that run remember it."""
        return [(entry["username"], entry["reason"], entry["object"]) for one in self.data if one.process.poll() is None
                for entry in json.loads(one.cli("--json", "ACL", "LOG"))]

    def remove(self):
        for server in self.servers:
            if server.process and server.process.poll() is None:
                server.process.send_signal(signal.SIGCONT)
                server.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class Sentinels(Redises):
    """One master, `replicas`, and three Sentinels."""

    def __init__(self, everline, replicas=2):
        super().__init__(everline, 4 + replicas)
        self.watching = self.ports[:3]
        self.addresses = ",".join(f"127.0.0.1:{port}" for port in self.watching)

    def start(self):
        first, *others = self.ports[3:]
        self.server(first)
        for port in others:
            self.server(port, f"replicaof 127.0.0.1 {first}")
        until(lambda: f"connected_slaves:{len(others)}" in self.data[0].cli("INFO", "replication"), 180, "the replicas do not follow")
        for port in self.watching:
            one = Server(self, port, [
                *self.tls(port), f"sentinel monitor everline 127.0.0.1 {first} 2", "sentinel auth-user everline sentinel",
                f'sentinel auth-pass everline "{SECRET}"', "sentinel down-after-milliseconds everline 1000",
                "sentinel failover-timeout everline 5000"], "--sentinel")
            self.servers.append(one)
            one.start()
        until(lambda: "num-other-sentinels\n2" in self.ask("MASTER", "everline") and f"num-slaves\n{len(others)}" in self.ask("MASTER", "everline"),
              180, "the Sentinels do not find each other")

    def ask(self, *words):
        done = subprocess.run(
            ["redis-cli", "-p", str(self.watching[0]), "--tls", "--cacert", self.everline.ca, "SENTINEL", *words], capture_output=True, text=True, timeout=300)
        return done.stdout.strip()

    @property
    def master(self):
        port = self.ask("GET-MASTER-ADDR-BY-NAME", "everline").split()[-1:]
        return next((one for one in self.data if [str(one.port)] == port), None)


class Cluster(Redises):
    """Three masters with a replica each."""

    def __init__(self, everline):
        super().__init__(everline, 6)
        # Some of them are enough.
        self.addresses = ",".join(f"127.0.0.1:{port}" for port in self.ports[:2])

    def start(self):
        for port in self.ports:
            self.server(port, "cluster-enabled yes", "tls-cluster yes", "cluster-node-timeout 2000", "cluster-config-file nodes.conf")
        self.manage("create", *(f"127.0.0.1:{port}" for port in self.ports), "--cluster-replicas", "1", "--cluster-yes")
        until(self.is_well, 180, "the Cluster does not come about")

    def manage(self, *words):
        done = subprocess.run(self.words(self.ports[0]) + ["--cluster", *words], env=self.environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def running(self):
        return [one for one in self.servers if one.process.poll() is None]

    def is_well(self):
        """All slots have a master, as everyone who runs sees it, and no one is missing."""
        return all("cluster_state:ok" in one.cli("CLUSTER", "INFO") for one in self.running()) and len(self.masters) == 3

    @property
    def masters(self):
        return [one for one in self.running() if one.role == "master" and one.slots]
