"""More than can be served: a clear error at the door, and what was taken is served."""
import json
import os
import signal
import subprocess
import threading
import time
import uuid

import pytest

from client import RPC
from running import Everline


def pipelined(line, room, count, start=0):
    ids = [
        line.write("message.send", {"room": room, "clientId": str(uuid.uuid4()), "body": f"第 {n} 行"}, id=f"{start + n}")
        for n in range(count)
    ]
    return [line.answer(id) for id in ids]


@pytest.fixture(scope="module")
def limited():
    everline = Everline()
    everline.extra = {"EVERLINE_RATE_USER": "50", "EVERLINE_RATE_ADDRESS": "120"}
    everline.start()
    yield everline
    everline.remove()


def test_rate_limits_by_user_and_by_address(limited):
    du, li, bai = (limited.user(name) for name in ("du", "li", "bai"))
    du.result("room.create", room="限")
    li.result("room.join", room="限")
    time.sleep(1.5)
    answers, refused, end = [], [], time.monotonic() + 120
    # What takes longer than a second is no more than may be sent in that time.
    while not refused:
        assert time.monotonic() < end
        answers += pipelined(du, "限", 100)
        refused = [answer["error"]["data"] for answer in answers if "error" in answer]
    accepted = [answer["result"]["seq"] for answer in answers if "result" in answer]
    assert {error["name"] for error in refused} == {"rate.limited"} and all(e["retryable"] and e["retryAfterMs"] > 0 for e in refused)
    assert len(accepted) >= 50 and sorted(accepted) == list(range(1, len(accepted) + 1))
    # Another user is not hindered, nor is the same one after the time that was told.
    assert "result" in li.call("message.send", room="限", clientId=str(uuid.uuid4()), body="無礙")
    time.sleep(max(error["retryAfterMs"] for error in refused) / 1000 + 0.05)
    assert "result" in du.call("message.send", room="限", clientId=str(uuid.uuid4()), body="又一行")
    # All users of an address together, also by POST /rpc.
    names = set()
    while "rate.limited" not in names:
        assert time.monotonic() < end
        time.sleep(1.5)
        for line in (du, li, bai):
            for n in range(49):
                line.write("room.list", id=f"l{n}")
        for line in (du, li, bai):
            for n in range(49):
                answer = line.answer(f"l{n}")
                names.add(answer["error"]["data"]["name"] if "error" in answer else "ok")
    rpc = RPC(limited.port(8443), limited.ca, du.session)
    assert names == {"ok", "rate.limited"}
    body = b""
    while b"rate.limited" not in body:
        assert time.monotonic() < end
        status, body = rpc.post("[" + ",".join(['{"jsonrpc":"2.0","id":1,"method":"room.list"}'] * 80) + "]")
        assert status == 200


def test_a_database_that_stands_still_is_told_while_it_stands(own_everline):
    """Sends that would wait long are refused at once; none is lost or doubled once it goes on."""
    everline = own_everline
    du = everline.user("du")
    du.result("room.create", room="停")
    du.send("停", "一")
    everline.kill("postgres", signal.SIGSTOP)
    backends = backends_of(everline)
    for pid in backends:
        os.kill(pid, signal.SIGSTOP)
    try:
        key = str(uuid.uuid4())
        first = du.write("message.send", {"room": "停", "clientId": key, "body": "二"})
        end = time.monotonic() + 120
        # While nothing moves, those behind the one that is stuck are told so.
        while True:
            answer = du.call("message.send", room="停", clientId=str(uuid.uuid4()), body="不成")
            assert answer["error"]["data"]["name"] in ("unavailable", "deadline") and answer["error"]["data"]["retryable"]
            if answer["error"]["data"]["name"] == "unavailable":
                break
            assert time.monotonic() < end
        stuck = du.answer(first)
        assert stuck["error"]["data"]["name"] == "deadline" and stuck["error"]["data"]["retryable"]
    finally:
        for pid in backends:
            os.kill(pid, signal.SIGCONT)
        everline.kill("postgres", signal.SIGCONT)
    end = time.monotonic() + 120
    while "error" in (answer := du.call("message.send", room="停", clientId=key, body="二")):
        assert answer["error"]["data"]["retryable"] and time.monotonic() < end
        time.sleep(0.1)
    seq = answer["result"]["seq"]
    page = du.result("history.page", room="停", after=0)["messages"]
    assert [m["seq"] for m in page] == list(range(1, len(page) + 1))
    assert [m["seq"] for m in page if m["clientId"] == key] == [seq]


def test_a_call_by_http_that_is_open_when_the_gateway_stops_is_told(own_everline):
    """What cannot be settled in time is answered as what it is: not known."""
    everline = own_everline
    du = everline.user("du")
    du.result("room.create", room="停")
    rpc = RPC(everline.port(8443), everline.ca, du.session)
    key = str(uuid.uuid4())
    send = {"room": "停", "clientId": key, "body": "未定"}
    assert "result" in rpc.call("room.list")
    everline.kill("postgres", signal.SIGSTOP)
    backends = backends_of(everline)
    for pid in backends:
        os.kill(pid, signal.SIGSTOP)
    try:
        request = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "message.send", "params": send})
        answers = []
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {rpc.session}"}
        rpc.connection.request("POST", "/rpc", request.encode(), headers)
        calling = threading.Thread(target=lambda: answers.append(json.loads(rpc.connection.getresponse().read())), daemon=True)
        calling.start()
        # Whether it was read before or after, it is answered.
        everline.kill("message-gateway-0", signal.SIGTERM)
        calling.join(120)
        assert [answer["error"]["data"]["retryable"] for answer in answers] == [True], answers
    finally:
        for pid in backends:
            os.kill(pid, signal.SIGCONT)
        everline.kill("postgres", signal.SIGCONT)


def backends_of(everline):
    return [int(pid) for pid in subprocess.run(
        ["pgrep", "-P", str(everline.pid("postgres"))], capture_output=True, text=True).stdout.split()]


def test_a_database_that_is_away_is_told_at_once(own_everline):
    everline = own_everline
    du = everline.user("du")
    du.result("room.create", room="離")
    # Nobody may connect, and nobody is connected: as if it had not come back yet.
    maintenance(everline, "ALTER DATABASE everline ALLOW_CONNECTIONS false")
    maintenance(everline, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'everline' AND pid <> pg_backend_pid()")
    end = time.monotonic() + 120
    while maintenance(everline, "SELECT count(*) FROM pg_stat_activity WHERE datname = 'everline'") != "0":
        assert time.monotonic() < end
        time.sleep(0.05)
    seen = []
    for n in range(5):
        answer = du.call("message.send", room="離", clientId=str(uuid.uuid4()), body="等")
        seen.append(answer["error"]["data"]["name"] if "error" in answer else "ok")
        if "error" in answer:
            assert answer["error"]["data"]["retryable"] and answer["error"]["data"]["retryAfterMs"] > 0
    assert seen[-1] == "unavailable", seen
    maintenance(everline, "ALTER DATABASE everline ALLOW_CONNECTIONS true")
    end = time.monotonic() + 120
    while "error" in du.call("message.send", room="離", clientId=str(uuid.uuid4()), body="回"):
        assert time.monotonic() < end
        time.sleep(0.05)


def maintenance(everline, statement):
    return subprocess.run(
        ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", statement,
         f"host=127.0.0.1 port={everline.port(7432)} dbname=postgres user=postgres sslmode=verify-full sslrootcert={everline.ca}"],
        env=os.environ | {"PGPASSWORD": (everline.home / "secrets/postgres-postgres").read_text().strip()}, check=True, timeout=300,
        capture_output=True, text=True).stdout.strip()


def test_a_batch_of_more_than_a_seconds_worth_comes_through_when_nothing_came_before(limited):
    line = limited.user("batch")
    line.result("room.create", room="一批")
    time.sleep(2)
    line.write_bytes(json.dumps([{"jsonrpc": "2.0", "id": f"b{n}", "method": "message.send", "params": {
        "room": "一批", "clientId": str(uuid.uuid4()), "body": f"{n}"}} for n in range(60)]).encode() + b"\n")
    assert [one["result"]["seq"] for one in line.read()] == list(range(1, 61))


@pytest.fixture
def narrow():
    """So few that any machine can ask for more."""
    everline = Everline()
    everline.extra = {"EVERLINE_RATE_ADDRESS": "10"}
    try:
        everline.start()
        yield everline
    finally:
        everline.remove()


def test_made_up_sessions_are_not_looked_up_beyond_the_limit(narrow):
    """By `POST /rpc`, whose caller is not known before: the address is."""
    limited = narrow
    count = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = 'everline'"
    # What the services do on their own.
    first, begun = int(limited.sql(count)[0][0]), time.monotonic()
    time.sleep(4)
    before = int(limited.sql(count)[0][0])
    own = (before - first) / (time.monotonic() - begun)
    rpc = RPC(limited.port(8443), limited.ca)
    begun = time.monotonic()
    names = []
    for n in range(1_500):
        rpc.session = uuid.uuid4().hex * 2
        names.append(rpc.call("room.list")["error"]["data"]["name"])
    assert set(names) == {"session.invalid", "rate.limited"}
    looked_up = names.count("session.invalid")
    assert names.count("rate.limited") > looked_up
    # Statistics are told with some delay.
    time.sleep(2)
    took = time.monotonic() - begun
    assert looked_up <= 10 * (took + 3)
    assert int(limited.sql(count)[0][0]) - before < 3 * looked_up + 300 + 2 * own * took
