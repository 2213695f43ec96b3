"""A client of the wire, as small as can be: JSON-RPC 2.0, one object a line, over TLS."""
import http.client
import itertools
import json
import socket
import ssl
import uuid

import websocket


def context(ca, certificate=None, key=None):
    made = ssl.create_default_context(cafile=ca)
    if certificate:
        made.load_cert_chain(certificate, key)
    return made


class Caller:
    """What the doors have in common: numbered requests, and pushes kept apart."""

    def __init__(self):
        self.numbers = itertools.count(1)
        self.pushes = []
        self.answers = {}

    def write(self, method, params=None, id=None):
        id = next(self.numbers) if id is None else id
        self.write_text(json.dumps({"jsonrpc": "2.0", "method": method, "params": params or {}, "id": id}, ensure_ascii=False))
        return id

    def answer(self, id):
        """Waits for the answer to a request; pushes that come before it are kept."""
        while id not in self.answers:
            self.take()
        return self.answers.pop(id)

    def take(self):
        message = self.read()
        if "method" in message:
            self.pushes.append(message)
        else:
            self.answers[message["id"]] = message

    def call(self, method, **params):
        return self.answer(self.write(method, params))

    def result(self, method, **params):
        answer = self.call(method, **params)
        assert "result" in answer, answer
        return answer["result"]

    def error(self, method, **params):
        answer = self.call(method, **params)
        assert "error" in answer, answer
        return answer["error"]["data"]["name"]

    def send(self, room, body, client_id=None, **more):
        return self.result("message.send", room=room, clientId=client_id or str(uuid.uuid4()), body=body, **more)

    def posted(self, count, room=None):
        """The next `count` messages that are pushed."""
        found = []
        while len(found) < count:
            others = []
            for push in self.pushes:
                wanted = push["method"] == "message.posted" and (room is None or push["params"]["room"] == room)
                if wanted and len(found) < count:
                    found.append(push["params"])
                else:
                    others.append(push)
            self.pushes = others
            if len(found) < count:
                self.take()
        return found

    def push(self, method):
        """The next push of that name."""
        while True:
            for index, push in enumerate(self.pushes):
                if push["method"] == method:
                    return self.pushes.pop(index)["params"]
            self.take()

    def push_or_error(self):
        """The name of the next error that answers no request of ours, pushes left aside."""
        while True:
            message = self.read()
            if "error" in message and message["id"] is None:
                return message["error"]["data"]["name"]


class Line(Caller):
    def __init__(self, port, ca, certificate=None, key=None, timeout=120, server="localhost", **options):
        super().__init__()
        raw = socket.create_connection(("127.0.0.1", port), timeout)
        made = context(ca, certificate, key)
        for name, value in options.items():
            setattr(made, name, value)
        self.socket = made.wrap_socket(raw, server_hostname=server)
        self.file = self.socket.makefile("rb")

    def write_text(self, text):
        self.write_bytes(text.encode() + b"\n")

    def write_bytes(self, data):
        self.socket.sendall(data)

    def read(self):
        line = self.file.readline()
        if not line:
            raise ConnectionError("the connection was closed")
        return json.loads(line)

    def close(self):
        self.file.close()
        self.socket.close()


class WebSocket(Caller):
    def __init__(self, port, ca):
        super().__init__()
        self.socket = websocket.create_connection(f"wss://localhost:{port}/ws", sslopt={"ca_certs": ca}, timeout=120, origin=f"https://localhost:{port}")

    def write_text(self, text):
        self.socket.send(text)

    def write_bytes(self, data):
        """As a text frame, whatever the bytes are."""
        self.socket.send(data, websocket.ABNF.OPCODE_TEXT)

    def read(self):
        return json.loads(self.socket.recv())

    def close(self):
        self.socket.close()


class RPC:
    """POST /rpc."""

    def __init__(self, port, ca, session=None):
        self.connection = http.client.HTTPSConnection("localhost", port, context=context(ca), timeout=120)
        self.session = session

    def post(self, body, headers=None):
        """Status and body."""
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {self.session}"} if self.session else {}) | (headers or {})
        self.connection.request("POST", "/rpc", body, headers)
        response = self.connection.getresponse()
        return response.status, response.read()

    def call(self, method, **params):
        status, body = self.post(json.dumps({"jsonrpc": "2.0", "method": method, "params": params, "id": 1}))
        assert status == 200, (status, body)
        return json.loads(body)
