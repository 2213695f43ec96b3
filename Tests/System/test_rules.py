"""Rules without which the promises break, seen from outside: what a commit may wait for, what a clientId is worth, what a stopped gateway holds."""
import os
import signal
import subprocess
import time
import uuid

import pytest

from client import RPC
from running import PASSWORD, Everline


@pytest.fixture
def two_gateways():
    one = Everline(gateways=2)
    try:
        one.start()
        yield one
    finally:
        one.remove()


def send_until_taken(line, room, body, key):
    """The answer; every error on the way may be retried."""
    end = time.monotonic() + 120
    while "error" in (answer := line.call("message.send", room=room, clientId=key, body=body)):
        assert answer["error"]["data"]["retryable"] and time.monotonic() < end, answer
        time.sleep(0.05)
    return answer["result"]


def test_what_waits_for_a_standby_is_not_acknowledged_nor_cancelled(own_everline):
    """A commit that a synchronous standby has not confirmed may still be lost; a cancelled wait would answer success."""
    everline = own_everline
    li = everline.user("李白")
    du = everline.user("杜甫")
    li.result("room.create", room="待")
    du.result("room.join", room="待")
    assert li.send("待", "一")["seq"] == 1
    everline.sql("ALTER SYSTEM SET synchronous_standby_names = 'ghost'")
    everline.sql("SELECT pg_reload_conf()")
    until(lambda: everline.sql("SHOW synchronous_standby_names") == [["ghost"]])
    stuck = [str(uuid.uuid4()) for _ in range(5)]
    ids = [li.write("message.send", {"room": "待", "clientId": key, "body": f"等 {n}"}) for n, key in enumerate(stuck)]
    errors = [li.answer(id)["error"]["data"] for id in ids]
    assert all(error["retryable"] for error in errors), errors
    assert "deadline" in {error["name"] for error in errors}
    # Those behind it are refused while it is not known what became of it, whoever they are.
    later = [str(uuid.uuid4()) for _ in range(3)]
    for key in later:
        answer = du.call("message.send", room="待", clientId=key, body="後")
        assert answer["error"]["data"]["retryable"], answer
    # Nor is anything else, though it is cancelled when its time is up: PostgreSQL answers success then.
    for method, params in (("room.create", {"room": "未定"}), ("auth.register", {"username": "未定", "password": PASSWORD})):
        answer = li.call(method, **params)
        assert "error" in answer and answer["error"]["data"]["retryable"], (method, answer)
    assert everline.sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'") != [["0"]]
    everline.sql("ALTER SYSTEM RESET synchronous_standby_names")
    everline.sql("SELECT pg_reload_conf()")
    # Sent again in the opposite order: what PostgreSQL had taken before comes first nevertheless.
    after = [send_until_taken(du, "待", "後", key)["seq"] for key in later]
    again = [send_until_taken(li, "待", f"等 {n}", key) for n, key in enumerate(stuck)]
    first = again[0]
    assert first["seq"] == 2 and first["duplicate"] is True
    assert min(after) > first["seq"]
    page = li.result("history.page", room="待", after=0)["messages"]
    assert [one["seq"] for one in page] == list(range(1, 10))
    assert {one["clientId"]: one["seq"] for one in page[1:]} == dict(zip(later, after)) | {key: one["seq"] for key, one in zip(stuck, again)}
    assert cancelled(everline) == []


def until(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_client_id_keeps_its_number(two_gateways):
    """After leaving, after a ban, through another gateway, in one batch with new ones, after a restart of everything, with another body."""
    everline = two_gateways
    li, du = everline.user("李白"), everline.user("杜甫")
    li.result("room.create", room="永")
    du.result("room.join", room="永")
    keys = [str(uuid.uuid4()) for _ in range(20)]
    numbers = {key: du.send("永", f"{n} 言", key)["seq"] for n, key in enumerate(keys)}

    def same(line):
        """Each gets its old number, alone and among new ones; new ones are not members' any more."""
        ids = [line.write("message.send", {"room": "永", "clientId": key, "body": "別的"}) for key in [*keys, str(uuid.uuid4()), *keys[::-1]]]
        answers = [line.answer(id) for id in ids]
        assert "error" in answers.pop(20)
        assert [(one["result"]["seq"], one["result"]["duplicate"]) for one in answers] == [(numbers[key], True) for key in [*keys, *keys[::-1]]]

    du.result("room.leave", room="永")
    for gateway in (0, 1):
        same(everline.user("杜甫", instance=gateway))
    du.result("room.join", room="永")
    li.result("room.remove", room="永", username="杜甫", ban=True)
    for gateway in (0, 1):
        same(everline.user("杜甫", instance=gateway))
    assert everline.stop() in (0, -signal.SIGTERM)
    everline.start()
    for gateway in (0, 1):
        same(everline.user("杜甫", instance=gateway))
    page = everline.user("李白").result("history.page", room="永", after=0)["messages"]
    assert [(one["seq"], one["clientId"], one["body"]) for one in page] == [(numbers[key], key, f"{n} 言") for n, key in enumerate(keys)]


def test_a_stopped_gateway_holds_no_room(two_gateways):
    """Ten times in the middle of its sends; the senders of the same room at another gateway go on."""
    everline = two_gateways
    li, du = everline.user("李白"), everline.user("杜甫", instance=1)
    li.result("room.create", room="停")
    du.result("room.join", room="停")
    sent = {}
    for turn in range(10):
        keys = [str(uuid.uuid4()) for _ in range(300)]
        ids = [li.write("message.send", {"room": "停", "clientId": key, "body": "詩" * 300}) for key in keys]
        # Some are answered, some are under way, some are not read yet.
        li.answer(ids[turn * 20])
        everline.kill("message-gateway-0", signal.SIGSTOP)
        try:
            key = str(uuid.uuid4())
            sent[key] = send_until_taken(du, "停", f"{turn}", key)["seq"]
            # What it has taken is not taken twice.
            for key in keys[:40]:
                sent[key] = send_until_taken(RPC(everline.port(8443, 1), everline.ca, li.session), "停", "詩" * 300, key)["seq"] if key == keys[39] else sent.get(key)
        finally:
            everline.kill("message-gateway-0", signal.SIGCONT)
        for key, id in zip(keys, ids):
            answer = li.answers.pop(id, None) or (li.answer(id) if id != ids[turn * 20] else None)
            if answer and "result" in answer:
                assert sent.get(key) in (None, answer["result"]["seq"])
                sent[key] = answer["result"]["seq"]
            elif answer:
                assert answer["error"]["data"]["retryable"]
    rows = everline.sql(
        "SELECT m.seq, m.client_id FROM everline.messages m JOIN everline.rooms r ON r.id = m.room_id WHERE r.name = '停' ORDER BY 1")
    assert [int(seq) for seq, _ in rows] == list(range(1, len(rows) + 1))
    stored = {key: int(seq) for seq, key in rows}
    assert {key: stored.get(key) for key, seq in sent.items() if seq} == {key: seq for key, seq in sent.items() if seq}


def test_the_hot_path_scans_no_table(own_everline):
    """On a new, empty database, whose planner would rather read a table of one page than its index."""
    everline = own_everline
    hot = "'messages', 'room_counters', 'room_members', 'rooms', 'sessions', 'users', 'revisions', 'reactions', 'room_bans'"

    def scans():
        # What backends have counted is told when they end at the latest.
        everline.sql("SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE usename IN ('everline_gateway', 'everline_history', 'everline_auth')")
        return {name: (int(whole), int(by_index)) for name, whole, by_index in everline.sql(
            f"SELECT relname, seq_scan, idx_scan FROM pg_stat_user_tables WHERE schemaname = 'everline' AND relname IN ({hot})")}

    li, du = everline.user("李白"), everline.user("杜甫")
    li.result("room.create", room="空")
    du.result("room.join", room="空")
    before = scans()
    # Connections are made anew when they are needed.
    for ask in (lambda: li.call("history.recent", room="空"), lambda: everline.line().call("auth.login", username="李白", password=PASSWORD)):
        until(lambda: "result" in ask())
    epoch = send_until_taken(li, "空", "一", str(uuid.uuid4()))["epoch"]
    for n in range(30):
        for line in (li, du):
            line.send("空", f"{n}")
            line.send("空", f"{n}", replyTo=1, epoch=epoch)
    key = str(uuid.uuid4())
    assert li.send("空", "x", key)["seq"] == li.send("空", "x", key)["seq"]
    li.result("message.edit", room="空", epoch=epoch, seq=1, clientId=str(uuid.uuid4()), body="改")
    li.result("message.react", room="空", epoch=epoch, seq=1, clientId=str(uuid.uuid4()), reaction="好")
    everline.redis("DEL", *("everline:window:{1}" + end for end in ("", ":meta")))
    for line in (li, du, everline.user("李白")):
        line.result("room.open", room="空")
        line.result("room.open", room="空", epoch=epoch, after=3, afterRev=0)
        line.posted(119, "空")
        line.result("history.recent", room="空")
        line.result("history.page", room="空", before=40, limit=20)
        line.result("history.page", room="空", after=40, limit=20)
        line.result("history.page", room="空", around=40, limit=20)
    for session in (li.session, du.session):
        # Not remembered by Redis, so that PostgreSQL is asked.
        everline.redis("DEL", *everline.redis("KEYS", "everline:session:*", user="auth").split() or ["none"], user="auth")
        everline.line().result("session.resume", session=session)
    after = scans()
    assert {name: after[name][0] - before[name][0] for name in after} == {name: 0 for name in after}, after
    for name in ("messages", "room_counters", "room_members", "rooms"):
        assert after[name][1] > before[name][1], name


def test_nothing_of_the_append_can_be_cancelled_by_time(own_everline):
    """A cancelled commit would answer success. Whatever limits statements is off for the role that appends."""
    everline = own_everline
    assert everline.sql("SHOW statement_timeout", "everline_gateway") == [["0"]]
    li = everline.user("李白")
    li.result("room.create", room="慢")
    everline.sql(
        "CREATE FUNCTION public.slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF new.body = '慢' THEN PERFORM pg_sleep(20); END IF; RETURN new; END $$; "
        "CREATE TRIGGER slow BEFORE INSERT ON everline.messages FOR EACH ROW EXECUTE FUNCTION public.slow()")
    key = str(uuid.uuid4())
    error = li.call("message.send", room="慢", clientId=key, body="慢")["error"]["data"]
    assert error["name"] == "deadline" and error["retryable"]
    # It went on all the same, and its number is the first.
    answer = send_until_taken(li, "慢", "慢", key)
    assert answer["seq"] == 1 and answer["duplicate"] is True
    assert cancelled(everline) == []


def cancelled(everline):
    """Lines of PostgreSQL's log that say that an append was. A wait for a lock that ends in time is none: nothing has happened yet."""
    return [line for line in everline.server_log.splitlines()
            if "message-gateway append" in line and "cancel" in line.lower() and "due to lock timeout" not in line]
