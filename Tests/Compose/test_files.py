"""What can be seen of the containers without an engine; the stack itself is tried by `make test-compose`."""
import json
import re
import shutil
import subprocess

import pytest

from stack import ROOT, SERVICES

COMPOSE = ROOT / "compose"
FILE = (COMPOSE / "compose.yaml").read_text()
DOCKERFILE = (COMPOSE / "Dockerfile").read_text()


def service(name):
    """Its part of the file."""
    [part] = re.findall(rf"^  {name}:\n((?:    .*\n|\n)+)", FILE[FILE.index("\nservices:"):], re.M)
    return part


def test_every_service_is_confined():
    assert re.findall(r"^  ([a-z-]+):$", FILE[FILE.index("\nservices:"):FILE.index("\nnetworks:")], re.M) == SERVICES
    common = FILE[FILE.index("x-service"):FILE.index("x-health")]
    for wanted in ("read_only: true", "cap_drop: [ALL]", '"no-new-privileges:true"', 'user: "10001:10001"', "restart: unless-stopped", "max-size", "pids_limit", "cpus"):
        assert wanted in common
    for name in SERVICES:
        part = service(name)
        assert "<<: *service" in part and "mem_limit:" in part and "healthcheck:" in part
        assert not re.search(r"privileged|cap_add|network_mode: host|pid:|docker\.sock|user:|read_only: false", part)
        # Only the edge is reached from outside, and it is not on the database's network.
        assert ("ports:" in part) == (name == "edge")
        assert ("back" in (re.search(r"networks: \[(.*)\]", part) or [None, ""])[1]) == (name not in ("edge", "keeper"))
    assert re.search(r"back:\n    internal: true", FILE)


def test_each_service_sees_its_own_secrets_alone():
    for name in SERVICES:
        mounted = re.findall(r"given-([a-z-]+):\S+", service(name))
        assert mounted == {"keeper": ["auth", "message-gateway", "history", "db-guardian", "postgres", "redis"], "edge": []}.get(name, [name])
        if name != "keeper":
            assert all(line.endswith(":ro") for line in re.findall(r"given-\S+", service(name)))


def test_versions_are_pinned_and_nothing_secret_is_in_the_files():
    assert re.findall(r"^ARG (\w+)=(.*)$", DOCKERFILE, re.M) == [("DEBIAN", "debian:bookworm-slim"), ("SWIFT", "swift:6.3-bookworm")]
    assert "latest" not in FILE + DOCKERFILE
    for text in (DOCKERFILE, (COMPOSE / "image/install-postgres").read_text()):
        for line in text.replace("\\\n", " ").splitlines():
            for installed in re.findall(r"(?:RUN install-packages|^install-packages|apt-get install) ([^&]+)", line):
                for package in installed.split():
                    # What the system itself is made of comes with Debian's own release.
                    assert "=" in package or package.startswith("-") or package in ("ca-certificates", "tzdata", "pkg-config"), package
    for file in [*COMPOSE.glob("*"), *COMPOSE.glob("*/*")]:
        if file.is_file():
            text = file.read_text()
            assert "PRIVATE KEY-----\n" not in text and not re.search(r"(?i)(password|secret|token)[\"']?\s*[=:]\s*[\"']?[A-Za-z0-9+]{12,}", text), file


@pytest.mark.parametrize("name", ["auth", "history", "message-gateway", "db-guardian"])
def test_the_configuration_has_only_keys_that_the_service_knows(name):
    file = COMPOSE / f"configuration/{name}.json"
    listed = subprocess.run([ROOT / f".build/release/{name}", "config", "--config", file], capture_output=True, text=True, check=True, timeout=30).stdout
    effective = dict(line.split(" = ", 1) for line in listed.splitlines())

    def keys(value, path=""):
        for key, inner in value.items():
            yield from keys(inner, f"{path}{key}.") if isinstance(inner, dict) else [(f"{path}{key}", str(inner))]

    for key, value in keys(json.loads(file.read_text())):
        assert effective.get(key) == value, key


@pytest.mark.skipif(not shutil.which("docker-compose"), reason="docker-compose is not here")
def test_docker_compose_takes_the_file():
    done = subprocess.run(["docker-compose", "-f", COMPOSE / "compose.yaml", "config", "-q"], cwd=COMPOSE, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_images_have_the_headers_that_the_package_is_made_of():
    """Before our sources the packages are built, with what SwiftPM will not do without: each system library's module map."""
    wanted = re.findall(r'systemLibrary\(\s*name: "\w+", path: "([^"]+)"', (ROOT / "Package.swift").read_text())
    packages = DOCKERFILE.split(" AS packages")[1].split("RUN placeholders")[0]
    copied = re.findall(r"^COPY (\S+) (\S+)$", packages, re.M)
    assert len(wanted) > 1 and {(path, path) for path in wanted} <= set(copied)
