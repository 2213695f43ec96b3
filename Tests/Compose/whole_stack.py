"""What an operator does with the stack, while people talk; then what everybody was told is compared with what PostgreSQL holds."""
import json
import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import time
import urllib.request

import pytest

import images
from client import RPC
from prober import Prober
from stack import ROOT, SERVICES, Stack
from talk import Talk

# But for the room in which the guardian tells what it finds, as what is asked here is.
NUMBERS = """SELECT name, last_seq, last_rev FROM everline.rooms JOIN everline.room_counters ON room_id = rooms.id WHERE name <> 'ops' ORDER BY 1"""


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


def test_every_container_is_confined_as_the_file_says(stack):
    for service in SERVICES:
        for container in stack.containers(service):
            [one] = json.loads(subprocess.run(["docker", "inspect", container], capture_output=True, text=True, check=True).stdout)
            host = one["HostConfig"]
            assert host["ReadonlyRootfs"] and not host["Privileged"] and host["CapDrop"] == ["ALL"] and not host["CapAdd"]
            assert any("no-new-privileges" in option for option in host["SecurityOpt"]) and host["PidMode"] != "host" and host["IpcMode"] != "host"
            assert host["Memory"] > 0 and host["NanoCpus"] > 0 and host["PidsLimit"] > 0 and host["RestartPolicy"]["Name"] == "unless-stopped"
            assert host["LogConfig"]["Type"] == "json-file" and {"max-size", "max-file"} <= set(host["LogConfig"]["Config"])
            assert one["Config"]["StopTimeout"] >= 15 and one["Config"]["Healthcheck"] and one["Config"]["User"] == "10001:10001"
            assert bool(host["PortBindings"]) == (service == "edge")
            assert not any("docker.sock" in mount["Source"] or mount["Source"] == "/" for mount in one["Mounts"])
            assert not [name for name in one["Config"]["Env"] if any(word in name.lower() for word in ("password", "secret", "key="))]
            # And as the kernel has it, of whatever runs inside.
            for pid in images.pids(container):
                try:
                    status = dict(line.split(":", 1) for line in open(f"/proc/{pid}/status") if ":" in line)
                except FileNotFoundError:
                    # A health check that has ended.
                    continue
                assert {status[name].strip() for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
                assert status["NoNewPrivs"].strip() == "1" and status["Seccomp"].strip() == "2" and set(status["Uid"].split()) == {"10001"}
            for path in ("/etc/there", "/usr/local/bin/there", "/var/lib/there", "/there"):
                assert subprocess.run(["docker", "exec", container, "bash", "-c", f"echo >{path}"], capture_output=True).returncode != 0


def test_the_edge_reaches_gateways_alone(stack):
    """Whoever takes it over is not in the database's network."""
    for host, port in [("postgres", 7432), ("redis", 7379), ("auth", 7501), ("history", 7502)]:
        assert subprocess.run(["docker", "exec", stack.containers("edge")[0], "bash", "-c", f"exec 3<>/dev/tcp/{host}/{port}"], capture_output=True).returncode != 0
    assert stack.inside("edge", "bash", "-c", "exec 3<>/dev/tcp/message-gateway/7443 && echo open").strip() == "open"


PORTS = {"auth": 9101, "history": 9103}


def answered(stack, service, port):
    """How many requests each instance has answered."""
    return {one: metric(one, "everline_requests_total", port) for one in stack.containers(service)}


def test_gateways_and_histories_are_scaled_under_load(calm):
    talk = Talk(calm)
    calm.everline("scale", "message-gateway=3", "history=2", "auth=2")
    calm.wait(lambda: len(calm.containers("message-gateway")) == 3 and calm.is_healthy("message-gateway") and calm.is_healthy("history"))
    gateways = calm.containers("message-gateway")
    # Those who come now are spread; all of them have somebody.
    talk.goes_on()
    before = {service: answered(calm, service, port) for service, port in PORTS.items()}
    others = [calm.user(f"新人{n}") for n in range(12)]
    room = f"新來的 {os.getpid()}"
    for n, other in enumerate(others):
        other.result("room.join" if n else "room.create", room=room)
        assert other.send(room, f"第 {n} 個")["seq"] == n + 1
        assert len(other.result("history.page", room=room, before=n + 2)["messages"]) == n + 1
    assert all(metric(one, "everline_messages_accepted_total") > 0 for one in gateways)
    for service, earlier in before.items():
        assert len(earlier) == 2 and all(now > earlier[one] for one, now in answered(calm, service, PORTS[service]).items()), service
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

    def number(what):
        return int(subprocess.run(["docker", "inspect", "-f", f"{{{{.{what}}}}}", container], capture_output=True, text=True).stdout)

    earlier, begun = number("RestartCount"), time.monotonic()
    os.kill(number("State.Pid"), signal.SIGKILL)
    calm.wait(lambda: number("RestartCount") > earlier)
    calm.wait(lambda: calm.is_healthy(service))
    print(f"{service}: healthy {time.monotonic() - begun:.1f} s after it was killed")
    talk.goes_on()
    talk.end()


def test_all_containers_may_be_killed_at_once(calm):
    """By `docker kill`, which takes itself for the operator's wish: they stay as they are until `make up`."""
    talk = Talk(calm)
    everything = [one for service in SERVICES for one in calm.containers(service)]
    subprocess.run(["docker", "kill", *everything], check=True, capture_output=True)
    assert not any(calm.containers(service) for service in SERVICES)
    calm.everline("up")
    talk.goes_on()
    talk.end()


UPGRADED = ["keeper", "redis", "db-guardian", "auth", "history", "message-gateway"]


def another_image(stack, service):
    """Under the same name, as an upgrade brings it."""
    name = f"everline/{service}:{stack.environment['EVERLINE_VERSION']}"
    subprocess.run(["docker", "build", "-q", "-t", name, "-"], input=f"FROM {name}\nLABEL upgraded={time.time()}\n", check=True, text=True,
                   capture_output=True, env=os.environ | {"DOCKER_BUILDKIT": "0"})


def test_services_are_replaced_while_people_talk(calm):
    calm.everline("scale", "message-gateway=2", "history=2")
    calm.wait(lambda: calm.is_healthy("message-gateway"))
    before = {service: calm.containers(service) for service in SERVICES}
    talk, prober = Talk(calm), Prober(calm)
    for service in UPGRADED:
        another_image(calm, service)
    calm.everline("upgrade", seconds=600)
    talk.goes_on()
    longest = prober.stop()
    talk.end()
    print(f"longest wait: {longest:.2f} s")
    for service in UPGRADED:
        after = calm.containers(service)
        assert len(after) == len(before[service]) and not set(after) & set(before[service])
    assert longest < 3


@pytest.mark.parametrize("service", ["redis", "edge", "postgres"])
def test_the_stores_and_the_edge_are_replaced_while_people_talk(calm, service):
    """There is one of each: what needs it waits, and goes on."""
    before = calm.containers(service)
    talk, prober = Talk(calm), Prober(calm)
    another_image(calm, service)
    calm.everline("upgrade", service)
    talk.goes_on()
    longest = prober.stop()
    talk.end()
    print(f"{service}: longest wait {longest:.2f} s")
    assert len(calm.containers(service)) == 1 and calm.containers(service) != before
    assert longest < 3


def shown(stack):
    """The serial number of the certificate that clients are shown."""
    pem = ssl.get_server_certificate(("localhost", stack.https), ca_certs=stack.ca, timeout=10)
    return subprocess.run(["openssl", "x509", "-noout", "-serial"], input=pem, capture_output=True, text=True).stdout


FOLLOWERS = ["postgres", "redis", "auth", "history", "db-guardian", "message-gateway"]


def taken(stack):
    """How often each has taken over new certificates."""
    return {service: stack.logs(service).count("certificate was renewed") for service in FOLLOWERS}


def await_taken(stack, before):
    # PostgreSQL and Redis look every ten seconds, the services every five.
    stack.wait(lambda: all(count > before[service] for service, count in taken(stack).items()), 60)


def test_certificates_are_renewed_without_a_restart(calm):
    talk = Talk(calm)
    before, first, counts = {service: calm.containers(service) for service in SERVICES}, shown(calm), taken(calm)
    calm.inside("keeper", "keeper", "renew")
    calm.wait(lambda: shown(calm) != first, 30)
    await_taken(calm, counts)
    # Who connects now sees new ones everywhere, and is seen with a new one.
    calm.everline("scale", "message-gateway=2", "history=2", "auth=2")
    calm.wait(lambda: calm.is_healthy("message-gateway") and calm.is_healthy("history") and calm.is_healthy("auth"))
    talk.goes_on()
    talk.end()
    assert all(set(before[service]) <= set(calm.containers(service)) for service in SERVICES)


def test_another_authority_follows_without_a_restart(calm):
    """It is trusted before it signs, so that nobody meets a certificate that he does not believe."""
    talk = Talk(calm)
    before, first = {service: calm.containers(service) for service in SERVICES}, pathlib.Path(calm.ca).read_text()
    with pytest.raises(RuntimeError, match="there is no next authority yet"):
        calm.inside("keeper", "keeper", "take-over")
    counts = taken(calm)
    calm.inside("keeper", "keeper", "next-authority")
    await_taken(calm, counts)
    talk.goes_on()
    talk.end()
    # Clients were given it in time.
    pathlib.Path(calm.ca).write_text(calm.everline("authority"))
    assert first in pathlib.Path(calm.ca).read_text()
    talk, counts = Talk(calm), taken(calm)
    calm.inside("keeper", "keeper", "take-over")
    await_taken(calm, counts)
    calm.everline("scale", "message-gateway=2", "history=2", "auth=2")
    calm.wait(lambda: calm.is_healthy("message-gateway") and calm.is_healthy("history") and calm.is_healthy("auth"))
    talk.goes_on()
    talk.end()
    assert all(set(before[service]) <= set(calm.containers(service)) for service in SERVICES)
    # Whoever has the old one alone believes nobody any more, and what is still shown comes from the new one.
    (pathlib.Path(calm.folder) / "old.pem").write_text(first)
    with pytest.raises(ssl.SSLError):
        ssl.get_server_certificate(("localhost", calm.https), ca_certs=f"{calm.folder}/old.pem", timeout=10)
    assert shown(calm)


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


@pytest.fixture(scope="module")
def saved(stack, tmp_path_factory):
    """What lies elsewhere when the host is lost: the repository and its key; and what the database knew then."""
    folder = tmp_path_factory.mktemp("elsewhere")
    talk = Talk(stack)
    stack.inside("db-guardian", "db-guardian", "backup", "base")
    talk.goes_on()
    talk.end()
    counters = stack.sql(NUMBERS)
    stack.everline("key", str(folder / "repository.key"))
    stack.sql("SELECT pg_switch_wal()")
    stack.wait(lambda: stack.sql("SELECT last_archived_wal >= pg_walfile_name(pg_current_wal_lsn() - 1) FROM pg_stat_archiver")[0][0] == "t"
               or stack.sql("SELECT count(*) FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'")[0][0] == "0", 90)
    subprocess.run(
        ["docker", "cp", f"{stack.containers('postgres')[0]}:/var/lib/everline/repository", str(folder / "repository")], check=True, capture_output=True)
    return folder, counters


@pytest.mark.parametrize("mounted", [False, True], ids=["copied", "mounted"])
def test_a_new_host_is_filled_from_the_repository_and_its_key_alone(stack, saved, mounted):
    """compose/RUNBOOK.md, Restore, as it is written; with the repository copied into a volume, and mounted here from where it lies."""
    folder, counters = saved
    repository = folder / "repository"
    if mounted:
        subprocess.run(["chown", "-R", "10001:10001", repository], check=True)
    other = Stack(
        f"{stack.project}-restored", 27443, 28443, version=stack.environment["EVERLINE_VERSION"],
        repository=str(repository) if mounted else "repository")
    try:
        begun = time.monotonic()
        planned = other.everline("restore", str(repository), str(folder / "repository.key"), "--plan")
        assert "no message that is known of would be lost" in planned, planned
        said = other.everline("restore", str(repository), str(folder / "repository.key"))
        assert "no message that is known of is lost" in said, said
        other.up()
        print(f"from an empty host to ready: {time.monotonic() - begun:.0f} s")
        assert other.sql(NUMBERS) == counters
        # People log in with their passwords, and go on with the next number.
        line = other.user("杜甫")
        [room, last, _] = counters[0]
        line.call("room.join", room=room)
        assert line.send(room, "城春草木深")["seq"] == int(last) + 1
        files = len(list(repository.rglob("*")))
        other.inside("db-guardian", "db-guardian", "backup", "base")
        # Where it is mounted it is written to.
        assert (len(list(repository.rglob("*"))) > files) == mounted
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


def test_a_change_of_one_service_builds_that_one_alone(stack, tmp_path):
    """What lies below it, and what lies beside it, comes from the cache: a layer that was made anew would have another name."""
    if os.environ.get("EVERLINE_SKIP_BUILD") == "1":
        pytest.skip("nothing was built here")
    for part in ("Package.swift", ".dockerignore", "Services", "Shared", "compose"):
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy2
        copy(ROOT / part, tmp_path / part)

    def build(target):
        return subprocess.run(["docker", "build", "-q", "-f", "compose/Dockerfile", "--target", target, "."], cwd=tmp_path, capture_output=True, text=True,
                              check=True, timeout=1_800).stdout

    before = {target: build(target) for target in ("packages", "shared", "auth", "history", "message-gateway")}
    # What it does has to change: a remark alone makes the same executable, and so the same image.
    source = tmp_path / "Services/History/Executable/History.swift"
    source.write_text(source.read_text().replace('"Reading: ', f'"Reading ({time.time()}): '))
    begun = time.monotonic()
    assert build("history") != before["history"]
    print(f"a change of history: built in {time.monotonic() - begun:.0f} s")
    assert {target: build(target) for target in before if target != "history"} == {target: id for target, id in before.items() if target != "history"}


def memory(stack):
    """Of each service's containers, as the engine counts it."""
    return {
        service: subprocess.run(
            ["docker", "stats", "--no-stream", "--format", "{{.MemUsage}}", *stack.containers(service)], capture_output=True, text=True, check=True
        ).stdout.split(" /")[0] for service in SERVICES
    }


def test_memory_is_told(calm):
    """With nobody, and with a thousand clients who are logged in and have a room open; `make bench` has the figures that limits are held to."""
    line = calm.user("千人")
    line.call("room.create", room="千")
    quiet = memory(calm)
    made = [calm.line() for _ in range(1_000)]
    # Not all in one moment, which is told some of them as what it is, too much at once.
    for first in range(0, len(made), 100):
        some = made[first:first + 100]
        for method, params in (("session.resume", {"session": line.session}), ("room.open", {"room": "千"})):
            asked = [one.write(method, params) for one in some]
            assert [answer for one, id in zip(some, asked) if "error" in (answer := one.answer(id))] == []
    sent = line.send("千", "千里共嬋娟")["seq"]
    assert {one.posted(1, "千")[0]["seq"] for one in made} == {sent}
    full = memory(calm)
    for service in SERVICES:
        print(f"{service}: {quiet[service]} idle, {full[service]} with 1,000 clients")
    for one in made:
        one.close()
