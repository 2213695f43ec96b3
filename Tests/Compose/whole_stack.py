"""What an operator does with the stack, while people talk; then what everybody was told is compared with what PostgreSQL holds."""
import json
import os
import signal
import socket
import ssl
import subprocess
import time
import urllib.request

import pytest

import images
from checker import check
from client import RPC
from load import Load
from prober import Prober
from stack import ROOT, SERVICES, Stack

SIZE = {"rooms": 6, "senders": 6, "readers": 4, "depth": 10, "pace": 60}


# But for the room in which the guardian tells what it finds, as what is asked here is.
NUMBERS = """SELECT name, last_seq, last_rev FROM everline.rooms JOIN everline.room_counters ON room_id = rooms.id WHERE name <> 'ops' ORDER BY 1"""


class Talk:
    """A load through the edge; at its end nothing is lost, doubled or out of order."""

    begun = 0

    def __init__(self, stack):
        Talk.begun += 1
        self.load = Load(stack, stack.ways, Talk.begun, mark=f"{os.getpid()}-{Talk.begun}-", **SIZE)
        self.goes_on()

    def goes_on(self, more=150):
        """Waits until so many more lines were acknowledged and delivered."""
        goal = self.load.count["acknowledged"] + more
        end = time.monotonic() + 90
        while self.load.count["acknowledged"] < goal:
            assert time.monotonic() < end and not self.load.complaints, (self.load.count, self.load.complaints)
            time.sleep(0.1)

    def end(self):
        try:
            late = self.load.quiet()
            found = [str(one) for room in self.load.records() for one in check(room)]
            assert (late, self.load.complaints, found[:10]) == ([], [], [])
            print(dict(self.load.count))
        finally:
            self.load.close()


def metric(container, name, port=9102):
    """Of one container, from inside: only services reach it."""
    script = 'exec 3<>/dev/tcp/127.0.0.1/$0; printf "GET /metrics HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n" >&3; cat <&3'
    page = subprocess.run(["docker", "exec", container, "bash", "-c", script, str(port)], capture_output=True, text=True, timeout=30).stdout
    return sum(float(line.split()[-1]) for line in page.splitlines() if line.startswith(name))


def test_comes_up_and_admin_logs_in_as_it_says(stack):
    assert "compose/everline password" in stack.everline("up")
    password = stack.everline("password").strip()
    line = stack.line()
    assert line.result("auth.login", username="admin", password=password)["user"]["admin"] is True
    # The guardian answers, through the gateway.
    line.result("guardian.status")
    print(f"up to ready: {stack.ready_after:.1f} s")


def test_people_talk_through_the_edge_by_every_door(stack):
    du, li, room = stack.user("杜甫"), stack.user("李白"), f"唐詩 {os.getpid()}"
    du.result("room.create", room=room)
    li.result("room.join", room=room)
    li.result("room.open", room=room)
    assert du.send(room, "國破山河在")["seq"] == 1
    assert li.posted(1)[0]["body"] == "國破山河在"
    rpc = RPC(stack.https, stack.ca, du.session)
    page = rpc.call("history.page", room=room, before=10)
    assert [one["body"] for one in page["result"]["messages"]] == ["國破山河在"]
    html = urllib.request.urlopen(f"https://localhost:{stack.https}/", context=ssl.create_default_context(cafile=stack.ca)).read()
    assert b"<!doctype html>" in html


def test_the_clients_own_address_reaches_the_login_log(stack):
    stack.user("遠客")
    edge = subprocess.run(
        ["docker", "inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{.Gateway}}{{end}}", *stack.containers("edge")],
        capture_output=True, text=True).stdout.split()
    [[address]] = stack.sql("SELECT address FROM everline.login_log JOIN everline.users u ON u.id = user_id WHERE username = '遠客' ORDER BY at DESC LIMIT 1")
    # Docker's own address on that network stands for this machine.
    assert address != edge[0] and address == edge[1]


def test_a_gateway_believes_no_header_but_the_edges(stack):
    """Somebody else on the front network says that he is another: his header is no TLS, and that is all it is."""
    [gateway] = stack.containers("message-gateway")
    host = subprocess.run(
        ["docker", "inspect", "-f", f'{{{{(index .NetworkSettings.Networks "{stack.project}_front").IPAddress}}}}', gateway], capture_output=True,
        text=True).stdout.strip()
    header = b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xcb\x00\x71\x07\x0a\x00\x00\x01\xc0\x01\x1d\x13"
    with socket.create_connection((host, 7443), timeout=10) as raw:
        raw.sendall(header)
        with pytest.raises((ssl.SSLError, ConnectionError, OSError)):
            made = ssl.create_default_context(cafile=stack.ca)
            made.wrap_socket(raw, server_hostname="localhost")
    # Without one he is served, as himself.
    with socket.create_connection((host, 7443), timeout=10) as raw:
        ssl.create_default_context(cafile=stack.ca).wrap_socket(raw, server_hostname="localhost").close()


def test_nothing_is_found_in_a_quiet_stack(stack):
    """What this file itself asks as superuser is, and nothing else."""
    rules = {one["rule"] for one in stack.findings() if "psql" not in json.dumps(one) and one["rule"] not in ("bulk-export", "login-anomaly")}
    assert rules == set()


def test_gateways_and_histories_are_scaled_under_load(calm):
    talk = Talk(calm)
    calm.everline("scale", "message-gateway=3", "history=2", "auth=2")
    calm.wait(lambda: len(calm.containers("message-gateway")) == 3 and calm.is_healthy("message-gateway") and calm.is_healthy("history"))
    gateways = calm.containers("message-gateway")
    # Those who come now are spread; all of them have somebody.
    talk.goes_on()
    others = [calm.user(f"新人{n}") for n in range(12)]
    room = f"新來的 {os.getpid()}"
    for n, other in enumerate(others):
        other.result("room.join" if n else "room.create", room=room)
        assert other.send(room, f"第 {n} 個")["seq"] == n + 1
        assert len(other.result("history.page", room=room, before=n + 2)["messages"]) == n + 1
    assert all(metric(one, "everline_messages_accepted_total") > 0 for one in gateways)
    calm.everline("scale", "message-gateway=1", "history=1", "auth=1")
    talk.goes_on()
    assert len(calm.containers("message-gateway")) == 1
    talk.end()


@pytest.mark.parametrize("service", SERVICES)
def test_each_container_may_be_killed(calm, service):
    """By the machine, not by Docker, which would leave it stopped."""
    if os.geteuid() != 0:
        pytest.skip("only root may kill a container's process")
    talk = Talk(calm)
    [container] = calm.containers(service)
    pid = int(subprocess.run(["docker", "inspect", "-f", "{{.State.Pid}}", container], capture_output=True, text=True).stdout)
    os.kill(pid, signal.SIGKILL)
    calm.wait(lambda: int(subprocess.run(["docker", "inspect", "-f", "{{.RestartCount}}", container], capture_output=True, text=True).stdout) > 0)
    calm.wait(lambda: calm.is_healthy(service))
    talk.goes_on()
    talk.end()


def test_services_are_replaced_while_people_talk(calm):
    calm.everline("scale", "message-gateway=2", "history=2")
    calm.wait(lambda: calm.is_healthy("message-gateway"))
    before = {service: calm.containers(service) for service in SERVICES}
    talk, prober = Talk(calm), Prober(calm)
    # Another image under the same name, as an upgrade brings it.
    for service in ("keeper", "db-guardian", "auth", "history", "message-gateway"):
        name = f"everline/{service}:{calm.environment['EVERLINE_VERSION']}"
        subprocess.run(["docker", "build", "-q", "-t", name, "-"], input=f"FROM {name}\nLABEL upgraded={time.time()}\n", check=True, text=True,
                       capture_output=True, env=os.environ | {"DOCKER_BUILDKIT": "0"})
    calm.everline("upgrade", seconds=600)
    talk.goes_on()
    longest = prober.stop()
    talk.end()
    print(f"longest wait: {longest:.2f} s")
    for service in ("keeper", "db-guardian", "auth", "history", "message-gateway"):
        after = calm.containers(service)
        assert len(after) == len(before[service]) and not set(after) & set(before[service])
    assert longest < 3


def shown(stack):
    """The serial number of the certificate that clients are shown."""
    pem = ssl.get_server_certificate(("localhost", stack.https), ca_certs=stack.ca, timeout=10)
    return subprocess.run(["openssl", "x509", "-noout", "-serial"], input=pem, capture_output=True, text=True).stdout


def test_certificates_are_renewed_without_a_restart(calm):
    talk = Talk(calm)
    before, first = {service: calm.containers(service) for service in SERVICES}, shown(calm)
    calm.inside("keeper", "keeper", "renew")
    calm.wait(lambda: shown(calm) != first, 30)
    # PostgreSQL and Redis look every ten seconds, the services every five.
    logs = ["postgres", "redis", "auth", "history", "db-guardian", "message-gateway"]
    calm.wait(lambda: all("certificate was renewed" in calm.logs(service) for service in logs), 60)
    # Who connects now sees new ones everywhere, and is seen with a new one.
    calm.everline("scale", "message-gateway=2", "history=2", "auth=2")
    calm.wait(lambda: calm.is_healthy("message-gateway") and calm.is_healthy("history") and calm.is_healthy("auth"))
    talk.goes_on()
    talk.end()
    assert all(set(before[service]) <= set(calm.containers(service)) for service in SERVICES)


def test_an_own_certificate_is_shown_to_clients(calm, tmp_path):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", "/CN=chat.example.org",
         "-addext", "subjectAltName=DNS:localhost", "-keyout", tmp_path / "key.pem", "-out", tmp_path / "chain.pem"], check=True, capture_output=True)
    other = tmp_path / "other.pem"
    other.write_text(subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout"], capture_output=True, text=True).stdout)
    with pytest.raises(RuntimeError, match="the key is not that of the first certificate"):
        calm.everline("certificate", str(tmp_path / "chain.pem"), str(other))
    first = shown(calm)
    calm.everline("certificate", str(tmp_path / "chain.pem"), str(tmp_path / "key.pem"))

    def is_ours():
        try:
            return ssl.get_server_certificate(("localhost", calm.https), ca_certs=str(tmp_path / "chain.pem"), timeout=10) is not None
        except ssl.SSLError:
            return False

    calm.wait(is_ours, 30)
    calm.everline("certificate", "own")
    calm.wait(lambda: not is_ours() and shown(calm) == first, 30)


def test_a_new_host_is_filled_from_the_repository_and_its_key_alone(calm, tmp_path):
    """compose/RUNBOOK.md, Restore, as it is written."""
    talk = Talk(calm)
    calm.inside("db-guardian", "db-guardian", "backup", "base")
    talk.goes_on()
    talk.end()
    counters = calm.sql(NUMBERS)
    calm.everline("key", str(tmp_path / "repository.key"))
    calm.sql("SELECT pg_switch_wal()")
    calm.wait(lambda: calm.sql("SELECT last_archived_wal >= pg_walfile_name(pg_current_wal_lsn() - 1) FROM pg_stat_archiver")[0][0] == "t"
              or calm.sql("SELECT count(*) FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'")[0][0] == "0", 90)
    repository = tmp_path / "repository"
    subprocess.run(["docker", "cp", f"{calm.containers('postgres')[0]}:/var/lib/everline/repository", str(repository)], check=True, capture_output=True)
    other = Stack(f"{calm.project}-restored", 27443, 28443, version=calm.environment["EVERLINE_VERSION"])
    try:
        begun = time.monotonic()
        said = other.everline("restore", str(repository), str(tmp_path / "repository.key"))
        assert "no message that is known of is lost" in said, said
        other.up()
        print(f"from an empty host to ready: {time.monotonic() - begun:.0f} s")
        assert other.sql(NUMBERS) == counters
        # People log in with their passwords, and go on with the next number.
        line = other.user("杜甫")
        [room, last, _] = counters[0]
        line.call("room.join", room=room)
        assert line.send(room, "城春草木深")["seq"] == int(last) + 1
        other.inside("db-guardian", "db-guardian", "backup", "base")
    finally:
        other.remove()


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_holds_nothing_that_lets_somebody_rise(stack, service):
    image = f"everline/{service}:{stack.environment['EVERLINE_VERSION']}"
    # For whoever wants to look: `make test-compose` leaves the lists.
    lists = ROOT / ".build/images"
    lists.mkdir(parents=True, exist_ok=True)
    (lists / f"{service}-files").write_text("".join(f"{mode:06o} {user}:{group} {name}\n" for name, mode, user, group in images.files(image)))
    (lists / f"{service}-packages").write_text("".join(f"{' '.join(one)}\n" for one in images.packages(image)))
    assert list(images.dangerous(image)) == []
    for container in stack.containers(service):
        assert {user for user, _ in images.processes(container)} == {"10001"}
    beyond = images.size(image) - images.size("debian:bookworm-slim")
    print(f"{service}: {beyond / 1e6:.0f} MB beyond its base")
    assert beyond < 150e6


def memory(stack):
    out = subprocess.run(
        ["docker", "stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}}", *(one for service in SERVICES for one in stack.containers(service))],
        capture_output=True, text=True, check=True).stdout
    return {line.split()[0].split("_")[-2]: line.split()[1] for line in out.replace("-1 ", "_1 ").splitlines()}


def test_memory_is_told(calm):
    """With nobody, and with a thousand clients; `make bench` has the figures that limits are held to."""
    quiet = memory(calm)
    line = calm.user("千人")
    made = [calm.line() for _ in range(1_000)]
    for one in made:
        one.write("session.resume", {"session": line.session})
    assert all("result" in one.answer(1) for one in made)
    full = memory(calm)
    for service in quiet:
        print(f"{service}: {quiet[service]} idle, {full[service]} with 1,000 clients")
    for one in made:
        one.socket.close()
