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
    with urllib.request.urlopen(f"http://127.0.0.1:{everline.port(PORTS[name])}{path}", timeout=10) as answer:
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
    return [one for one in map(json.loads, (everline.home / f"log/{name}.log").read_text().splitlines()) if one.get("traceId") == trace]


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


def test_what_an_operator_asks_for_is_there(busy):
    gateway = samples(busy, "message-gateway-0")
    assert gateway["everline_messages_accepted_total"] >= 61
    assert gateway["everline_messages_duplicate_total"] >= 1
    assert gateway['everline_requests_total{method="message.send",outcome="ok"}'] >= 62
    assert gateway['everline_requests_total{method="message.send",outcome="room.not_found"}'] >= 1
    assert gateway['everline_request_duration_seconds_count{method="message.send"}'] >= 63
    assert gateway["everline_append_batch_messages_count"] >= 1 and gateway["everline_append_seconds_count"] >= 1
    assert gateway['everline_recent_total{source="redis"}'] + gateway.get('everline_recent_total{source="postgres"}', 0) >= 1
    assert gateway['everline_client_connections{door="line"}'] >= 0
    end = time.monotonic() + 10
    while samples(busy, "message-gateway-0").get('everline_client_disconnects_total{reason="closed_by_peer"}', 0) < 1:
        assert time.monotonic() < end
        time.sleep(0.1)
    while not {f'everline_lane_waiting_messages{{lane="{n}"}}' for n in range(4)} <= set(samples(busy, "message-gateway-0")):
        assert time.monotonic() < end
        time.sleep(0.1)
    # What callers make up is no label.
    assert gateway['everline_requests_total{method="unknown",outcome="method_not_found"}'] >= 1
    assert not [key for key in gateway if "no.such.method" in key]
    history = samples(busy, "history-0")
    assert history['everline_requests_total{method="internal.history.page",outcome="ok"}'] >= 1
    auth = samples(busy, "auth")
    assert sum(value for key, value in auth.items() if key.startswith("everline_logins_total")) >= 1 and auth["everline_sessions"] >= 0
    for name in PORTS:
        found = samples(busy, name)
        assert found["process_resident_memory_bytes"] > 1 << 20 and found["process_open_fds"] > 3
        assert abs(found["process_start_time_seconds"] - time.time()) < 3_600 and found["process_cpu_seconds_total"] > 0
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
    end = time.monotonic() + 5
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
    end = time.monotonic() + 5
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
    for name in PORTS:
        assert json.loads(get(everline, name, "/healthz")) == {"status": "ok"}
        assert json.loads(get(everline, name, "/readyz"))["status"] == "ok"
    # Without its database a service lives, and is not ready.
    postmaster = everline.pid("postgres")
    stopped = [postmaster, *map(int, subprocess.run(["pgrep", "-P", str(postmaster)], capture_output=True, text=True).stdout.split())]
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
