"""What somebody who means ill finds when he looks at every port, and what others notice of him when he is slow on purpose."""
import concurrent.futures
import socket
import ssl
import struct
import subprocess

import pytest

import scanners
from prober import Prober
from talk import Talk

# Every port that speaks TLS, as a scanner in its network reaches it; the edge's from outside.
PORTS = [
    ("edge", None, "lines", None), ("edge", None, "https", None), ("auth", "back", 7501, None), ("history", "back", 7502, None),
    ("db-guardian", "back", 7503, None), ("postgres", "back", 7432, "postgres"), ("redis", "back", 7379, None),
]


def address(stack, service, network):
    return subprocess.run(
        ["docker", "inspect", "-f", f'{{{{(index .NetworkSettings.Networks "{stack.project}_{network}").IPAddress}}}}', stack.containers(service)[0]],
        capture_output=True, text=True, check=True).stdout.strip()


def place(stack, service, network, port):
    """Address and port."""
    return ("127.0.0.1", getattr(stack, port)) if network is None else (address(stack, service, network), port)


@pytest.fixture(scope="module")
def findings(stack, tmp_path_factory):
    """By service and port, name and text of each. Scanners wait more than they work, so several do so at once."""
    folder = tmp_path_factory.mktemp("scans")

    def scan(service, network, port, starttls):
        host, number = place(stack, service, network, port)
        found = [(name, f"{severity}: {text}") for name, severity, text in scanners.testssl(host, number, stack.ca, folder, starttls)]
        return found + scanners.sslyze(host, number, stack.ca, folder, starttls)

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        return {(service, port): pool.submit(scan, service, network, port, starttls) for service, network, port, starttls in PORTS}


@pytest.mark.parametrize(("service", "port"), [(service, port) for service, _, port, _ in PORTS])
def test_scanners_find_nothing_that_is_not_explained(findings, service, port):
    found = findings[service, port].result()
    for name, text in found:
        print(f"{service} {port}: {name}: {text}")
    assert [one for one in found if one[0] not in scanners.explained()] == []


@pytest.mark.parametrize(("service", "port"), [("auth", 7501), ("db-guardian", 7503)])
def test_who_shows_no_certificate_is_told_nothing(stack, service, port):
    with socket.create_connection((address(stack, service, "back"), port), 10) as raw:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            with ssl.create_default_context(cafile=stack.ca).wrap_socket(raw, server_hostname="localhost") as made:
                made.sendall(b'{"jsonrpc":"2.0","id":1,"method":"auth.login","params":{}}\n')
                if not made.recv(1):
                    raise ConnectionError


@pytest.mark.parametrize(("service", "port"), [("postgres", 7432), ("redis", 7379)])
def test_the_stores_speak_nothing_but_tls(stack, service, port):
    """PostgreSQL refuses a start-up without it, Redis understands nothing else."""
    asked = b"user\0postgres\0database\0everline\0\0"
    startup = struct.pack("!II", 8 + len(asked), 3 << 16) + asked if service == "postgres" else b"PING\r\n"
    with socket.create_connection((address(stack, service, "back"), port), 10) as raw:
        raw.sendall(startup)
        try:
            answer = raw.recv(1_000)
        except ConnectionError:
            answer = b""
    assert b"PONG" not in answer and (service == "redis" or b"no encryption" in answer or b"pg_hba.conf" in answer), answer


@pytest.mark.parametrize(("way", "how"), [
    ("headers", ["-H", "-i", "5", "-x", "24", "-t", "GET"]),
    ("body", ["-B", "-i", "5", "-s", "8192", "-x", "10", "-t", "POST"]),
    ("range", ["-R", "-a", "5", "-b", "3000", "-t", "HEAD"]),
    ("reading", ["-X", "-w", "512", "-y", "1024", "-n", "5", "-z", "32", "-k", "3"]),
])
def test_a_thousand_slow_connections_hinder_nobody(stack, tmp_path, way, how):
    talk, prober = Talk(stack), Prober(stack)
    path = {"body": "/rpc", "reading": "/emoji/emoji.json"}.get(way, "/")
    slow = scanners.Slow(f"https://localhost:{stack.https}{path}", tmp_path, *how)
    try:
        stack.wait(lambda: slow.is_all_there, 110)
        talk.goes_on()
    finally:
        seconds = slow.end()
    longest = prober.stop()
    talk.end()
    most = max(connected for _, connected, _ in seconds)
    print(f"{way}: {most} slow at once; a line waited {longest * 1000:.0f} ms at most")
    # What asks for ranges is answered at once with the whole.
    assert most > 900 or way == "range"
    assert all(available for _, _, available in seconds) and longest < 3


def test_a_thousand_who_say_nothing_are_shown_out(stack):
    """Nor does one who begins a handshake and stops."""
    prober = Prober(stack)
    silent = [socket.create_connection(("127.0.0.1", stack.lines if n % 2 else stack.https), 10) for n in range(1_000)]
    for n, one in enumerate(silent):
        if n % 4 < 2:
            one.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        one.settimeout(60)
    for one in silent:
        try:
            assert one.recv(1) == b""
        except ConnectionError:
            pass
        one.close()
    longest = prober.stop()
    print(f"silent: a line waited {longest * 1000:.0f} ms at most")
    assert longest < 3
