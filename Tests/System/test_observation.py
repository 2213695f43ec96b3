"""What an operator sees from outside: metrics by Prometheus' rules, readiness, and a request's way through the services' logs."""
import json
import os
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request
import uuid

import pytest

from client import RPC

PORTS = {"auth": 9101, "message-gateway-0": 9102, "history-0": 9103, "db-guardian": 9104}
SAMPLE = re.compile(r'^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\.)*",?)*\})? (\S+)$')


def get(everline, name, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{everline.port(PORTS[name])}{path}", timeout=30) as answer:
        return answer.read().decode()


def samples(everline, name):
    found = {}
    for line in get(everline, name, "/metrics").splitlines():
        if not line.startswith("#"):
            match = SAMPLE.match(line)
            assert match, line
            found[match[1] + (match[2] or "")] = float(match[3])
    return found


def logged(everline, name, trace):
    # The last line may be half written yet.
    lines = (everline.home / f"log/{name}.log").read_text(errors="replace").split("\n")[:-1]
    return [one for one in map(json.loads, filter(lambda line: line.startswith("{"), lines)) if one.get("traceId") == trace]


@pytest.fixture(scope="module")
def busy(everline):
    """Somebody chats, fails, reads and leaves."""
    line = everline.user("白居易")
    line.result("room.create", room="琵琶行")
    for n in range(60):
        line.send("琵琶行", f"第{n}句")
    again = {"room": "琵琶行", "clientId": str(uuid.uuid4()), "body": "同"}
    assert "duplicate" not in line.result("message.send", **again)
    assert line.result("message.send", **again)["duplicate"]
    line.error("message.send", room="無此室", clientId=str(uuid.uuid4()), body="喂")
    line.result("history.recent", room="琵琶行")
    line.result("history.page", room="琵琶行", before=30)
    line.error("no.such.method.at.all")
    line.error("session.resume", session="x" * 43)
    line.close()
    return everline


@pytest.mark.parametrize("name", PORTS)
def test_every_metric_has_its_help_and_its_type(busy, name):
    page = get(busy, name, "/metrics")
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", page, re.M))
    helps = dict(re.findall(r"^# HELP (\S+) (.+)$", page, re.M))
    assert set(types) == set(helps)
    for key in samples(busy, name):
        family = key.split("{")[0]
        base = re.sub(r"_(bucket|sum|count)$", "", family)
        kind = types.get(family) or types[base]
        assert kind == "histogram" or family in types
        # Prometheus' naming rules: a counter, and nothing else, ends in _total.
        assert (kind == "counter") == family.endswith("_total"), family


def counted(everline, name, least):
    end = time.monotonic() + 120
    while wanting := {key: value for key, value in least.items() if samples(everline, name).get(key, -1) < value}:
        assert time.monotonic() < end, wanting
        time.sleep(0.1)


def test_what_an_operator_asks_for_is_there(busy):
    # At least so many of each, by the time that what was answered is counted.
    counted(busy, "message-gateway-0", {
        "everline_messages_accepted_total": 61, "everline_messages_duplicate_total": 1, 'everline_requests_total{method="message.send",outcome="ok"}': 62,
        'everline_requests_total{method="message.send",outcome="room.not_found"}': 1, 'everline_request_duration_seconds_count{method="message.send"}': 63,
        "everline_append_batch_messages_count": 1, "everline_append_seconds_count": 1, 'everline_client_connections{door="line"}': 0,
        'everline_client_disconnects_total{reason="closed_by_peer"}': 1, 'everline_requests_total{method="unknown",outcome="method_not_found"}': 1,
        **{f'everline_lane_waiting_messages{{lane="{n}"}}': 0 for n in range(4)}})
    gateway = samples(busy, "message-gateway-0")
    assert gateway['everline_recent_total{source="redis"}'] + gateway.get('everline_recent_total{source="postgres"}', 0) >= 1
    # What callers make up is no label.
    assert not [key for key in gateway if "no.such.method" in key]
    counted(busy, "history-0", {'everline_requests_total{method="internal.history.page",outcome="ok"}': 1})
    counted(busy, "auth", {"everline_sessions": 0})
    assert sum(value for key, value in samples(busy, "auth").items() if key.startswith("everline_logins_total")) >= 1
    for name in PORTS:
        found = samples(busy, name)
        assert found["process_resident_memory_bytes"] > 1 << 20 and found["process_open_fds"] > 3
        # By clocks of which one counts in whole seconds from the machine's start.
        assert busy.begun - 5 < found["process_start_time_seconds"] < time.time() + 5 and found["process_cpu_seconds_total"] > 0
        assert sum(key.startswith("everline_info{") for key in found) == 1


def test_a_trace_is_followed_through_the_services_logs(busy):
    line = busy.user("王昌齡")
    line.result("room.create", room="從軍行")
    line.send("從軍行", "青海長雲暗雪山")
    trace, parent = uuid.uuid4().hex, uuid.uuid4().hex[:16]
    line.write_bytes((json.dumps({
        "jsonrpc": "2.0", "method": "history.page", "params": {"room": "從軍行", "before": 9}, "id": "t",
        "traceparent": f"00-{trace}-{parent}-01"}) + "\n").encode())
    assert line.answer("t")["result"]["messages"][0]["body"] == "青海長雲暗雪山"
    end = time.monotonic() + 120
    while not (logged(busy, "message-gateway-0", trace) and logged(busy, "history-0", trace)):
        assert time.monotonic() < end
        time.sleep(0.05)
    [gateway], [history] = logged(busy, "message-gateway-0", trace), logged(busy, "history-0", trace)
    assert gateway["parentId"] == parent and history["parentId"] == gateway["spanId"] != history["spanId"]
    assert (gateway["method"], history["method"]) == ("history.page", "internal.history.page")
    assert gateway["outcome"] == history["outcome"] == "ok" and float(gateway["milliseconds"]) >= float(history["milliseconds"]) > 0
    assert not any("青海" in json.dumps(one, ensure_ascii=False) for one in (gateway, history))


def test_a_trace_comes_by_http_too_and_sends_are_in_it(busy):
    line = busy.user("孟郊")
    line.result("room.create", room="遊子吟")
    rpc = RPC(busy.port(8443), busy.ca, line.session)
    trace = uuid.uuid4().hex
    status, body = rpc.post(json.dumps({
        "jsonrpc": "2.0", "method": "message.send", "id": 1,
        "params": {"room": "遊子吟", "clientId": str(uuid.uuid4()), "body": "慈母手中線"}}), {"traceparent": f"00-{trace}-{'7' * 16}-01"})
    assert status == 200 and json.loads(body)["result"]["seq"] == 1
    other = uuid.uuid4().hex
    line.write_bytes((json.dumps({
        "jsonrpc": "2.0", "method": "message.send", "id": "s", "traceparent": f"00-{other}-{'7' * 16}-01",
        "params": {"room": "遊子吟", "clientId": str(uuid.uuid4()), "body": "遊子身上衣"}}) + "\n").encode())
    assert line.answer("s")["result"]["seq"] == 2
    end = time.monotonic() + 120
    for one in (trace, other):
        while not [entry for entry in logged(busy, "message-gateway-0", one) if entry["method"] == "message.send"]:
            assert time.monotonic() < end
            time.sleep(0.05)


@pytest.mark.parametrize("text", ["", "x", "00-" + "0" * 32 + "-" + "1" * 16 + "-01", "00-" + "A" * 32 + "-" + "1" * 16 + "-01",
                                  "ff-" + "a" * 32 + "-" + "1" * 16 + "-01", "00-" + "a" * 32 + "-" + "0" * 16 + "-01",
                                  "00-" + "a" * 32 + "-" + "1" * 16 + "-01-more", "跡" * 20])
def test_what_is_no_traceparent_begins_a_new_trace(busy, text):
    line = busy.user("韋應物")
    line.write_bytes((json.dumps({"jsonrpc": "2.0", "method": "room.list", "id": "x", "traceparent": text}) + "\n").encode())
    assert "result" in line.answer("x")
    line.write_bytes((json.dumps({"jsonrpc": "2.0", "method": "room.list", "id": "y", "traceparent": 7}) + "\n").encode())
    assert line.answer("y")["error"]["data"]["name"] == "invalid_request"


def test_health_and_readiness(own_everline):
    everline = own_everline
    everline.until_ready()
    for name in PORTS:
        assert json.loads(get(everline, name, "/healthz")) == {"status": "ok"}
    assert {name: json.loads(get(everline, name, "/readyz"))["status"] for name in PORTS} == {name: "ok" for name in PORTS}
    # Without its database a service lives, and is not ready.
    postmaster = everline.pid("postgres")
    os.kill(postmaster, signal.SIGSTOP)
    stopped = [postmaster, *map(int, subprocess.run(["pgrep", "-P", str(postmaster)], capture_output=True, text=True).stdout.split())]
    # One that has just ended is a zombie as long as the postmaster stands still.
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        for name in ("auth", "message-gateway-0", "history-0"):
            assert json.loads(get(everline, name, "/healthz")) == {"status": "ok"}
            with pytest.raises(urllib.error.HTTPError) as refused:
                get(everline, name, "/readyz")
            assert refused.value.code == 503
            told = json.loads(refused.value.read())
            assert told["status"] == "unavailable" and told["postgres"] is False
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
