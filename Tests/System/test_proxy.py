"""Behind a proxy that speaks the PROXY protocol (version 2): whose address counts, and who is believed."""
import itertools
import random
import socket
import ssl
import struct
import threading
import time
import urllib.request

import pytest

from client import Line, context
from running import PASSWORD, Everline

# Connections from this address are the proxy's; from any other they are a client's own.
PROXY = "127.0.0.2"
SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"


def header(source, command=1, family=0x11):
    body = socket.inet_aton(source) + socket.inet_aton("10.0.0.1") + struct.pack("!HH", 40_000, 7443) if source else b""
    return SIGNATURE + struct.pack("!BBH", 0x20 | command, family if source else 0, len(body)) + body


class Behind(Line):
    """A client whose connection comes through the proxy, in these pieces."""

    def __init__(self, port, ca, first, pause=0.0, source=PROXY):
        self.numbers, self.pushes, self.answers = itertools.count(1), [], {}
        raw = socket.create_connection(("127.0.0.1", port), 120, (source, 0))
        for piece in first if isinstance(first, list) else [first]:
            raw.sendall(piece)
            time.sleep(pause)
        self.socket = context(ca).wrap_socket(raw, server_hostname="localhost")
        self.file = self.socket.makefile("rb")


@pytest.fixture(scope="module")
def proxied():
    everline = Everline()
    everline.extra = {"EVERLINE_LISTEN_PROXIES": f"{PROXY}, 192.0.2.0/24"}
    everline.start()
    yield everline
    everline.remove()


def addresses(everline, name):
    return {address for [address] in everline.sql(
        f"SELECT address FROM everline.login_log JOIN everline.users u ON u.id = user_id WHERE username = '{name}'")}


def test_the_address_of_the_header_is_the_clients(proxied):
    port, ca = proxied.port(7443), proxied.ca
    line = Behind(port, ca, header("203.0.113.7"))
    assert "result" in line.call("auth.register", username="杜甫", password=PASSWORD)
    assert addresses(proxied, "杜甫") == {"203.0.113.7"}
    # However the header is cut, and whatever else is in it.
    whole = header("203.0.113.9")
    longer = whole[:14] + struct.pack("!H", 12 + 5) + whole[16:] + b"\x04\x00\x02ab"
    for first in ([whole[n:n + 5] for n in range(0, len(whole), 5)], longer):
        line = Behind(port, ca, first, pause=0.02)
        assert "result" in line.call("auth.login", username="杜甫", password=PASSWORD)
    assert addresses(proxied, "杜甫") == {"203.0.113.7", "203.0.113.9"}
    # For itself it speaks as itself.
    line = Behind(port, ca, header(None, command=0))
    assert "result" in line.call("auth.login", username="杜甫", password=PASSWORD)
    assert {one.removeprefix("::ffff:") for one in addresses(proxied, "杜甫")} == {"203.0.113.7", "203.0.113.9", PROXY}


def test_https_too(proxied):
    raw = socket.create_connection(("127.0.0.1", proxied.port(8443)), 120, (PROXY, 0))
    raw.sendall(header("203.0.113.20"))
    body = '{"jsonrpc":"2.0","id":1,"method":"auth.login","params":{"username":"李白","password":"no such"}}'
    with context(proxied.ca).wrap_socket(raw, server_hostname="localhost") as made:
        made.sendall(f"POST /rpc HTTP/1.1\r\nHost: localhost:{proxied.port(8443)}\r\nContent-Length: {len(body.encode())}\r\nConnection: close\r\n\r\n{body}".encode())
        answer = b"".join(iter(lambda: made.recv(65_536), b""))
    assert answer.startswith(b"HTTP/1.1 200")
    assert proxied.sql("SELECT count(*) FROM everline.login_log WHERE address = '203.0.113.20'") == [["1"]]


def refused(port, ca, first, source):
    with pytest.raises((ssl.SSLError, OSError)):
        Behind(port, ca, first, source=source)


def test_nobody_else_is_believed(proxied):
    for port in (proxied.port(7443), proxied.port(8443)):
        # A client that sends one is no TLS; the proxy without one is not served; nor is one that is no such header.
        refused(port, proxied.ca, header("203.0.113.7"), "127.0.0.1")
        refused(port, proxied.ca, b"", PROXY)
        for bad in (header("203.0.113.7", command=2), header("203.0.113.7", family=0x12), b"PROXY TCP4 203.0.113.7 10.0.0.1 1 2\r\n",
                    header("203.0.113.7")[:14] + b"\xff\xff"):
            refused(port, proxied.ca, bad, PROXY)
    assert "result" in proxied.line().call("auth.register", username="王維", password=PASSWORD)
    assert {one.removeprefix("::ffff:") for one in addresses(proxied, "王維")} == {"127.0.0.1"}


def test_who_gives_no_header_in_time_is_gone(proxied):
    with socket.create_connection(("127.0.0.1", proxied.port(7443)), 120, (PROXY, 0)) as raw:
        raw.sendall(header("203.0.113.7")[:10])
        assert raw.recv(1) == b""


def test_limits_are_by_the_clients_address(proxied):
    """One address that guesses is slowed down; another one behind the same proxy is not."""
    guesser = Behind(proxied.port(7443), proxied.ca, header("198.51.100.66"))
    names = set()
    for _ in range(60):
        answer = guesser.call("auth.login", username="杜甫", password="guess")
        names.add(answer["error"]["data"]["name"])
        if len(names) > 1:
            break
    assert len(names) > 1, names
    other = Behind(proxied.port(7443), proxied.ca, header("198.51.100.67"))
    assert "result" in other.call("auth.login", username="杜甫", password=PASSWORD)


def test_broken_headers_cost_nobody_anything(proxied):
    """Two thousand of them; then everything is as before."""
    numbers = random.Random(5)

    def some(count):
        for _ in range(count):
            bytes = bytearray(header("203.0.113.7"))
            for _ in range(numbers.randrange(1, 5)):
                bytes[numbers.randrange(len(bytes))] = numbers.randrange(256)
            with socket.create_connection(("127.0.0.1", proxied.port(7443)), 120, (PROXY, 0)) as raw:
                raw.sendall(bytes[:numbers.randrange(len(bytes) + 1)] + numbers.randbytes(numbers.randrange(40)))

    threads = [threading.Thread(target=some, args=(500,)) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    line = Behind(proxied.port(7443), proxied.ca, header("203.0.113.7"))
    assert "result" in line.call("auth.login", username="杜甫", password=PASSWORD)
    end = time.monotonic() + 120
    while True:
        page = urllib.request.urlopen(f"http://127.0.0.1:{proxied.port(9102)}/metrics").read().decode()
        [count] = [line for line in page.splitlines() if line.startswith("everline_gateway_proxy_headers_refused_total")]
        if float(count.split()[1]) > 500:
            break
        assert time.monotonic() < end, count
        time.sleep(0.1)
