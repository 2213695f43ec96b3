"""Everline in containers, under a project name and on ports of its own."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "Tests"), str(ROOT / "Tests/Faults")]

from client import Line
from running import PASSWORD

SERVICES = ["keeper", "postgres", "redis", "db-guardian", "auth", "history", "message-gateway", "edge"]


class Stack:
    """What the load and the checker ask of an Everline, by way of the edge and of the containers."""

    def __init__(self, project, lines, https, repository="repository", version="1"):
        self.project, self.lines, self.https = project, lines, https
        self.folder = tempfile.mkdtemp(prefix="everline-compose-")
        self.environment = os.environ | {
            "COMPOSE_PROJECT_NAME": project, "EVERLINE_BIND": "127.0.0.1", "EVERLINE_LINES_PORT": str(lines), "EVERLINE_HTTPS_PORT": str(https),
            "EVERLINE_NAMES": "localhost,127.0.0.1", "EVERLINE_REPOSITORY": repository, "EVERLINE_VERSION": version, "EVERLINE_SKIP_BUILD": "1",
        }

    def everline(self, *arguments, input=None, check=True, seconds=400):
        done = subprocess.run(
            [str(ROOT / "compose/everline"), *arguments], env=self.environment, input=input, capture_output=True, text=True, timeout=seconds)
        if check and done.returncode:
            raise RuntimeError(f"{' '.join(arguments)}: {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
        return done.stdout

    def up(self):
        begun = time.monotonic()
        said = self.everline("up")
        self.ready_after = time.monotonic() - begun
        pathlib.Path(self.ca).write_text(self.everline("authority"))
        return said

    def remove(self):
        self.everline("compose", "down", "-v", "--remove-orphans", check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def ca(self):
        return f"{self.folder}/ca.pem"

    def containers(self, service):
        # By the labels of both docker-compose and Compose v2; asking either itself takes a second.
        return subprocess.run(
            ["docker", "ps", "-q", "--no-trunc", "--filter", f"label=com.docker.compose.project={self.project}",
             "--filter", f"label=com.docker.compose.service={service}"], capture_output=True, text=True, check=True, timeout=60).stdout.split()

    def logs(self, service):
        """Of its containers, both outputs."""
        return "".join(
            subprocess.run(["docker", "logs", one], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60).stdout
            for one in self.containers(service))

    def inside(self, service, *command, input=None, check=True):
        container = self.containers(service)[0]
        done = subprocess.run(["docker", "exec", "-i", container, *command], input=input, capture_output=True, text=True, timeout=300)
        if check and done.returncode:
            raise RuntimeError(f"{service}: {' '.join(command)}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        return done.stdout

    def sql(self, statement):
        """Rows as lists of text."""
        out = self.inside(
            "postgres", "bash", "-c",
            'PGPASSWORD=$(</run/everline/postgres-postgres) exec /usr/lib/postgresql/15/bin/psql -h /run/postgres -p 7432 -U postgres -d everline '
            '-XAtqF "\t" -v ON_ERROR_STOP=1', input=statement)
        return [line.split("\t") for line in out.splitlines()]

    def findings(self):
        return json.loads(self.inside("db-guardian", "db-guardian", "audit", "findings", "--json"))

    @property
    def ways(self):
        return [("line", self.lines), ("web", self.https)]

    def line(self, **options):
        return Line(self.lines, self.ca, **options)

    def user(self, name):
        line = self.line()
        answer = line.call("auth.login", username=name, password=PASSWORD)
        if "error" in answer:
            answer = line.call("auth.register", username=name, password=PASSWORD)
        assert "result" in answer, answer
        line.session, line.name = answer["result"]["session"], name
        return line

    def wait(self, what, seconds=60):
        end = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < end, "that took too long"
            time.sleep(0.1)

    def is_healthy(self, service):
        return all(
            subprocess.run(["docker", "inspect", "-f", "{{.State.Health.Status}}", one], capture_output=True, text=True).stdout.strip() == "healthy"
            for one in self.containers(service))
