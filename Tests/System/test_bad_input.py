"""Each bad input gets its error; the connection lives unless the specification says otherwise, and nobody else notices."""
import base64
import json
import os
import socket
import ssl
import time
import uuid

import pytest

from client import RPC, Line, WebSocket, context

PARSE, REQUEST, METHOD, PARAMS = -32700, -32600, -32601, -32602

# What is sent, and the code that answers.
BAD = [
    (b"{", PARSE), (b"not json", PARSE), (b'{"jsonrpc":"2.0","method":"x","id":1}}', PARSE), (b"1", REQUEST), (b'"x"', REQUEST),
    (b"null", REQUEST), (b"[]", REQUEST), (b"{}", REQUEST), (b'{"jsonrpc":"1.0","method":"x","id":1}', REQUEST),
    (b'{"jsonrpc":"2.0","method":1,"id":1}', REQUEST), (b'{"jsonrpc":"2.0","method":"no.such","id":1}', METHOD),
    (b'{"jsonrpc":"2.0","method":"internal.auth.login","id":1}', METHOD),
    (b'{"jsonrpc":"2.0","method":"room.list","method":"room.list","id":1}', PARSE),
    (b'{"jsonrpc":"2.0","method":"room.list","id":1.5}', REQUEST), (b'{"jsonrpc":"2.0","method":"room.list","params":"x","id":1}', REQUEST),
    (b"[" * 10000 + b"]" * 10000, PARSE), (b'{"a":' * 10000 + b"1" + b"}" * 10000, PARSE),
    (b'{"jsonrpc":"2.0","method":"room.open","params":{"room":"\xff\xfe"},"id":1}', PARSE),
    (b'{"jsonrpc":"2.0","method":"room.open","params":{"room":"\\ud800"},"id":1}', PARSE),
    (b'{"jsonrpc":"2.0","method":"room.open","params":{"room":"\xed\xa0\x80"},"id":1}', PARSE),
    (b'{"jsonrpc":"2.0","method":"room.list","params":{},"id":99999999999999999999}', REQUEST),
]

# Method, parameters: each is -32602, or the name of another error.
BAD_PARAMS = [
    ("room.open", {}), ("room.open", {"room": 1}), ("room.open", {"room": ""}), ("room.open", {"room": "x" * 65}), ("room.open", {"room": "x\0"}),
    ("room.open", {"room": "x", "other": 1}), ("room.open", {"room": " x"}), ("room.create", {"room": "a\nb"}), ("room.create", {"room": "x", "kind": "secret"}),
    ("room.list", {"x": 1}), ("history.page", {"room": "x", "before": 1e30}), ("history.page", {"room": "x", "before": -1}),
    ("history.page", {"room": "x", "at": "yesterday"}), ("message.send", {"room": "x", "clientId": "1", "body": "x"}),
    ("message.send", {"room": "x", "clientId": str(uuid.uuid4())}), ("message.send", {"room": "x", "clientId": str(uuid.uuid4()), "body": ""}),
    ("message.send", {"room": "x", "clientId": str(uuid.uuid4()), "body": " \t\n　"}), ("message.send", {"room": "x", "clientId": str(uuid.uuid4()), "body": "a\0b"}),
    ("message.send", {"room": "x", "clientId": str(uuid.uuid4()), "body": "詩" * 5462}), ("message.send", {"room": "x", "clientId": str(uuid.uuid4()), "body": None}),
    ("message.send", {"room": "x", "clientId": str(uuid.uuid4()), "body": "x", "replyTo": 1}),
    ("auth.register", {"username": "x", "password": "12345678"}), ("auth.register", {"username": "a b", "password": "12345678"}),
    ("auth.register", {"username": "ok_name", "password": "1234567"}), ("auth.register", {"username": "ok_name", "password": "x" * 257}),
    ("auth.register", {"username": "x" * 33, "password": "12345678"}), ("auth.login", {"username": "x"}),
]


def doors(everline):
    # To whom nothing is pushed.
    line = everline.user(f"door{uuid.uuid4().hex[:8]}")
    socket = WebSocket(everline.port(8443), everline.ca)
    socket.result("session.resume", session=line.session)
    return line, socket, RPC(everline.port(8443), everline.ca, line.session)


def test_bad_lines(everline):
    line, web, rpc = doors(everline)
    for text, code in BAD:
        line.write_bytes(text + b"\n")
        answer = line.read()
        assert answer["error"]["code"] == code, (text[:80], answer)
        answer = json.loads(rpc.post(text)[1])
        assert answer["error"]["code"] == code, (text[:80], answer)
        web.write_bytes(text)
        assert web.read()["error"]["code"] == code, text[:80]
    assert "result" in line.call("room.list") and "result" in web.call("room.list") and "result" in rpc.call("room.list")


def test_bad_parameters(everline):
    line, web, rpc = doors(everline)
    for method, params in BAD_PARAMS:
        for door in (line, web, rpc):
            answer = door.call(method, **params)
            assert answer["error"]["code"] == PARAMS, (method, params, answer)


def test_what_is_just_right(everline):
    line = everline.user("李白")
    room = "字" * 62 + str(len(os.listdir("/proc")) % 10) + os.urandom(1).hex()[:1]
    answer = line.call("room.create", room=room)
    assert "result" in answer or answer["error"]["data"]["name"] == "room.exists"
    body = "詩" * 5461 + "x"
    seq = line.send(room, body)["seq"]
    assert line.result("history.page", room=room, after=seq - 1)["messages"][0]["body"] == body
    for body in ["x\u0001\u001f", "a\u2028b", "🏴󠁧󠁢󠁥󠁮󠁧󠁿👩‍👩‍👧‍👦", "\\\"/\b\f\n\r\t", "\ufffd\uffff", "<script>alert(1)</script>", "مرحبا ‏x", "e\u0301é"]:
        seq = line.send(room, body)["seq"]
        assert line.result("history.page", room=room, after=seq - 1)["messages"][0]["body"] == body


def test_specification_examples(everline):
    """JSON-RPC 2.0 section 7, as far as it does not need methods of its own."""
    line = everline.line()

    def ask(text):
        line.write_bytes(text.encode() + b"\n")
        return line.read()

    def plain(answer):
        answer["error"].pop("data")
        return answer

    assert plain(ask('{"jsonrpc": "2.0", "method": "foobar", "id": "1"}')) == {
        "jsonrpc": "2.0", "error": {"code": -32601, "message": "Method not found"}, "id": "1"}
    invalid = {"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": None}
    parse = {"jsonrpc": "2.0", "error": {"code": -32700, "message": "Parse error"}, "id": None}
    assert plain(ask('{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]')) == parse
    assert plain(ask('{"jsonrpc": "2.0", "method": 1, "params": "bar"}')) == invalid
    assert plain(ask('[ {"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"}, {"jsonrpc": "2.0", "method" ]')) == parse
    assert plain(ask("[]")) == invalid
    assert [plain(one) for one in ask("[1]")] == [invalid]
    assert [plain(one) for one in ask("[1,2,3]")] == [invalid] * 3
    # Notifications are never answered, also when they are wrong: the next answer is the next request's.
    line.write_text('{"jsonrpc": "2.0", "method": "foobar"}')
    line.write_text('[{"jsonrpc": "2.0", "method": "notify_sum", "params": [1,2,4]}, {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]}]')
    assert line.call("nothing")["error"]["code"] == METHOD


def test_batches(everline):
    line, web, rpc = doors(everline)
    request = {"jsonrpc": "2.0", "method": "room.list", "id": 7}
    for door in (line, web):
        door.write_text(json.dumps([request, 1, {"jsonrpc": "2.0", "method": "room.list"}, {"jsonrpc": "2.0", "method": "x", "id": "a"}]))
        answers = door.read()
        assert [(one["id"], "result" in one) for one in answers] == [(7, True), (None, False), ("a", False)]
    many = json.dumps([{"jsonrpc": "2.0", "method": "x", "id": n} for n in range(1000)])
    line.write_text(many)
    assert line.read()["error"]["data"]["name"] == "batch.too_large"
    assert json.loads(rpc.post(many)[1])["error"]["data"]["name"] == "batch.too_large"
    assert rpc.post('{"jsonrpc":"2.0","method":"room.list"}') == (204, b"")


def test_too_long(everline):
    line = everline.line()
    padding = b'{"jsonrpc":"2.0","method":"x","id":1,"params":{"p":"'
    fits = padding + b"x" * (65536 - len(padding) - 3) + b'"}}'
    line.write_bytes(fits + b"\r\n")
    assert line.read()["error"]["code"] == METHOD
    line.write_bytes(b"x" * 65537)
    assert line.read()["error"]["data"]["name"] == "line.too_long"
    with pytest.raises((ConnectionError, ssl.SSLError)):
        line.read()
    web = WebSocket(everline.port(8443), everline.ca)
    web.write_text(fits.decode())
    assert web.read()["error"]["code"] == METHOD
    web.write_text("x" * 65537)
    assert web.read()["error"]["data"]["name"] == "line.too_long"
    rpc = RPC(everline.port(8443), everline.ca)
    status, body = rpc.post(b"x" * 65537)
    assert status == 413


def resident(everline):
    status = open(f"/proc/{everline.pid('message-gateway-0')}/status").read()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


def test_an_endless_line_costs_nothing(everline):
    line = everline.line()
    before = resident(everline)
    sent = 0
    try:
        while sent < 1 << 30:
            line.write_bytes(b"x" * 1048576)
            sent += 1048576
    except (OSError, ssl.SSLError):
        pass
    assert sent < 1 << 30
    assert resident(everline) - before < 64 << 20


def test_slow_lines_disturb_nobody(everline):
    """One byte at a time, while others talk."""
    slow = everline.line()
    fast = everline.user("李白")
    for byte in b'{"jsonrpc":"2.0","method":"x"':
        slow.write_bytes(bytes([byte]))
        fast.result("room.list")
    slow.write_bytes(b',"id":1}\n')
    assert slow.read()["error"]["code"] == METHOD


def test_tls(everline):
    with pytest.raises(ssl.SSLError):
        everline.line(maximum_version=ssl.TLSVersion.TLSv1_2)
    for base in (7443, 8443, 7501, 7502, 7503):
        with socket.create_connection(("127.0.0.1", everline.port(base)), 120) as plain:
            plain.sendall(b'{"jsonrpc":"2.0","method":"room.list","id":1}\n')
            plain.settimeout(120)
            assert b"jsonrpc" not in plain.recv(4096)
        two = context(everline.ca)
        two.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises(ssl.SSLError):
            two.wrap_socket(socket.create_connection(("127.0.0.1", everline.port(base)), 120), server_hostname="localhost")


def test_service_ports(everline):
    certs = everline.home / "certs"

    def service(base, name):
        return Line(everline.port(base), everline.ca, certs / f"{name}.pem", certs / f"{name}.key")

    for base in (7501, 7503):
        with pytest.raises((OSError, ssl.SSLError)):
            Line(everline.port(base), everline.ca).call("internal.session.resume")
    # The wrong service's certificate: refused by method, and the connection lives.
    session = {"params": {"session": "x" * 43}, "origin": {"address": "::1"}}
    history = service(7501, "history")
    assert history.error("internal.auth.login", **session) == "peer.forbidden"
    assert history.error("internal.session.resume", **session) == "session.invalid"
    assert service(7501, "redis").error("internal.session.resume", **session) == "peer.forbidden"
    assert service(7502, "auth").error("internal.history.page", params={"room": "x", "before": 5}, userId=1) == "peer.forbidden"
    assert service(7502, "message-gateway").error("internal.history.page", params={"room": "no such", "before": 5}, userId=1) == "room.not_found"
    assert service(7503, "auth").error("room.list") == "method_not_found"


def test_sessions(everline):
    line = everline.line()
    session = everline.user("李白").session
    for wrong in ["", "x", "x" * 43, session[:-1], session + "A", session.swapcase(), "床前明月光"]:
        assert line.error("session.resume", session=wrong) == "session.invalid"
    assert line.error("room.list") == "session.required"
    rpc = RPC(everline.port(8443), everline.ca, "x" * 43)
    assert rpc.call("room.list")["error"]["data"]["name"] == "session.invalid"
    line.result("session.resume", session=session)
    other = everline.line(1)
    other.result("session.resume", session=session)
    line.result("auth.logout")
    assert line.error("room.list") == "session.required"
    assert other.push("session.ended") == {"reason": "ended"}
    assert other.error("room.list") == "session.required"
    assert other.error("session.resume", session=session) == "session.invalid"


def frame(opcode, data, fin=True, mask=True, rsv=0):
    head = bytes([(0x80 if fin else 0) | rsv | opcode])
    size = len(data)
    length = bytes([size]) if size < 126 else b"\x7e" + size.to_bytes(2, "big") if size < 65536 else b"\x7f" + size.to_bytes(8, "big")
    head += bytes([length[0] | (0x80 if mask else 0)]) + length[1:]
    return head + (b"\0\0\0\0" if mask else b"") + data


class RawWebSocket:
    def __init__(self, everline, origin=None, path="/ws"):
        port = everline.port(8443)
        self.socket = context(everline.ca).wrap_socket(socket.create_connection(("127.0.0.1", port), 120), server_hostname="localhost")
        headers = f"Origin: {origin}\r\n" if origin else ""
        self.socket.sendall(
            f"GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{headers}"
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
        self.file = self.socket.makefile("rb")
        self.status = int(self.file.readline().split()[1])
        while self.file.readline().strip():
            pass

    def send(self, *frames):
        self.socket.sendall(b"".join(frames))

    def read(self):
        """Opcode and data of the next frame."""
        first, second = self.file.read(2)
        size = second & 0x7F
        if size >= 126:
            size = int.from_bytes(self.file.read(2 if size == 126 else 8), "big")
        return first & 0x0F, self.file.read(size)

    def closed_with(self):
        while True:
            opcode, data = self.read()
            if opcode == 8:
                return int.from_bytes(data[:2], "big")


def test_websocket_frames(everline):
    request = b'{"jsonrpc":"2.0","method":"x","id":1}'
    web = RawWebSocket(everline)
    assert web.status == 101
    web.send(frame(9, b"are you there"))
    assert web.read() == (10, b"are you there")
    web.send(frame(1, request[:10], fin=False), frame(9, b""), frame(0, request[10:20], fin=False), frame(0, request[20:]))
    assert web.read() == (10, b"")
    opcode, data = web.read()
    assert opcode == 1 and json.loads(data)["error"]["code"] == METHOD
    web.send(frame(8, b"\x03\xe8"))
    assert web.closed_with() == 1000
    for frames, code in [
        ([frame(2, request)], 1003), ([frame(1, request, mask=False)], 1002), ([frame(0, request)], 1002), ([frame(1, request, rsv=0x40)], 1002),
        ([frame(3, b"")], 1002), ([frame(1, b"x" * 65537)], 1009), ([frame(1, b"x" * 40000, fin=False), frame(0, b"x" * 40000)], 1009),
        ([frame(1, b"x", fin=False), frame(1, b"x")], 1002), ([frame(9, b"x" * 126)], 1002), ([frame(9, b"x", fin=False)], 1002),
    ]:
        web = RawWebSocket(everline)
        web.send(*frames)
        assert web.closed_with() == code, frames[0][:4]
    assert RawWebSocket(everline, origin="https://evil.example").status == 403
    assert RawWebSocket(everline, origin=f"https://localhost:{everline.port(8443)}").status == 101
    assert RawWebSocket(everline, path="/other").status == 404


def raw_http(everline, data):
    made = context(everline.ca).wrap_socket(socket.create_connection(("127.0.0.1", everline.port(8443)), 120), server_hostname="localhost")
    made.settimeout(120)
    found = b""
    try:
        made.sendall(data)
    except OSError:
        # What it says may be there all the same.
        pass
    try:
        while part := made.recv(65536):
            found += part
        return found
    except (OSError, ssl.SSLError):
        return found


def test_http_shapes(everline):
    body = b'{"jsonrpc":"2.0","method":"x","id":1}'
    length = str(len(body)).encode()
    post = b"POST /rpc HTTP/1.1\r\nHost: localhost\r\n"
    inner = b"GET /hidden HTTP/1.1\r\nHost: localhost\r\n\r\n"
    for request in [
        post + b"Content-Length: " + length + b"\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + inner,
        post + b"Content-Length: " + length + b"\r\nContent-Length: 3\r\n\r\n" + body + inner,
        post + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + inner,
        post + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + inner,
        post + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + inner,
        post + b"Content-Length: -1\r\n\r\n" + inner, post + b"Content-Length: 1e3\r\n\r\n" + inner,
        b"POST /rpc HTTP/1.1\r\nHost: a\r\nHost: b\r\nContent-Length: 0\r\n\r\n" + inner,
        b"GET / HTTP/1.1\r\n\r\n" + inner, b"GET / HTTP/1.1\r\nHost : localhost\r\n\r\n" + inner,
        b"GET /\0 HTTP/1.1\r\nHost: localhost\r\n\r\n" + inner, b"GARBAGE\r\n\r\n" + inner,
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 100000 + b"\r\n\r\n",
        b"GET http://other/ HTTP/1.1\r\nHost: localhost\r\n\r\n" + inner,
    ]:
        answer = raw_http(everline, request)
        assert answer.count(b"HTTP/1.1 ") <= 1 and b" 200 " not in answer[:20] and b" 404 " not in answer, (request[:90], answer[:200])
    rpc = RPC(everline.port(8443), everline.ca)
    assert rpc.post(body, {"Origin": "https://evil.example"})[0] == 403
    good = raw_http(everline, post + b"Connection: close\r\nContent-Length: " + length + b"\r\n\r\n" + body)
    assert good.startswith(b"HTTP/1.1 200 ") and b"method_not_found" in good
    chunked = raw_http(everline, post + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n" + hex(len(body))[2:].encode() + b"\r\n" + body + b"\r\n0\r\n\r\n")
    assert b"method_not_found" in chunked
    for path, status in [("/../Package.swift", 404), ("/%2e%2e/Package.swift", 404), ("/nothing", 404), ("/rpc", 405), ("/ws", 426), ("/", 200), ("/?x=1", 200)]:
        answer = raw_http(everline, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        assert answer.startswith(f"HTTP/1.1 {status} ".encode()), (path, answer[:80])
    head = raw_http(everline, b"HEAD / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ") and head.endswith(b"\r\n\r\n") and b"Content-Security-Policy: default-src 'none'" in head
