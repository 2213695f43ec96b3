"""What one connection asks for is bounded by what it reads of the answers, and a page by its bytes."""
import json
import uuid

import pytest

from client import RPC, WebSocket

BODY = "史" * 5_461
COUNT = 210


def resident(everline, name):
    status = open(f"/proc/{everline.pid(name)}/status").read()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


@pytest.fixture(scope="module")
def long_room(everline):
    """A room of messages as long as they may be, and who wrote them."""
    writer = everline.user(f"司馬遷{uuid.uuid4().hex[:6]}")
    writer.result("room.create", room="史記")
    ids = [writer.write("message.send", {"room": "史記", "clientId": str(uuid.uuid4()), "body": f"{n:03} {BODY}"[:5_461]}) for n in range(COUNT)]
    assert all("result" in writer.answer(id) for id in ids)
    return everline, writer


def asked(method, count):
    more = {"before": COUNT + 1, "limit": 200} if method == "history.page" else {}
    requests = [{"jsonrpc": "2.0", "id": f"r{n}", "method": method, "params": {"room": "史記"} | more} for n in range(count)]
    return [f"r{n}" for n in range(count)], [json.dumps(one, ensure_ascii=False) for one in requests]


@pytest.mark.parametrize("method", ["history.recent", "history.page", "room.open"])
@pytest.mark.parametrize("door", ["line", "websocket"])
def test_answers_that_nobody_reads_are_not_made(long_room, method, door):
    everline, writer = long_room
    line = everline.line() if door == "line" else WebSocket(everline.port(8443), everline.ca)
    line.result("session.resume", session=writer.session)
    line.result("history.recent", room="史記")
    names = ["message-gateway-0", "history-0"]
    before = {name: resident(everline, name) for name in names}
    ids, requests = asked(method, 200)
    if door == "line":
        line.write_bytes("".join(one + "\n" for one in requests).encode())
    else:
        for one in requests:
            line.write_text(one)
    # Another's call goes through meanwhile.
    other = everline.line()
    other.result("session.resume", session=writer.session)
    for _ in range(3):
        assert len(other.result("history.page", room="史記", before=3)["messages"]) == 2
    assert all(resident(everline, name) - before[name] < 96 << 20 for name in names)
    for id in ids:
        answer = line.answer(id)
        assert "result" in answer, answer["error"]
    assert all(resident(everline, name) - before[name] < 96 << 20 for name in names)


def test_a_batch_of_long_answers_is_cut_with_its_reason(long_room):
    everline, writer = long_room
    rpc = RPC(everline.port(8443), everline.ca, writer.session)
    ids, requests = asked("history.recent", 100)
    status, body = rpc.post(("[" + ",".join(requests) + "]").encode())
    answers = json.loads(body)
    assert status == 200 and [one["id"] for one in answers] == ids
    whole = [one for one in answers if "result" in one]
    assert 1 <= len(whole) < 10 and all(len(one["result"]["messages"]) == 50 for one in whole)
    assert {(one["error"]["data"]["name"], one["error"]["data"]["retryable"]) for one in answers[len(whole):]} == {("overloaded", True)}
    # The same as a line.
    line = everline.line()
    line.result("session.resume", session=writer.session)
    line.write_bytes(("[" + ",".join(requests) + "]\n").encode())
    assert [("result" in one) for one in line.read()] == [("result" in one) for one in answers]


def test_a_page_is_cut_by_its_bytes_and_says_that_there_is_more(long_room):
    everline, writer = long_room
    pages = []
    before = COUNT + 1
    while True:
        page = writer.result("history.page", room="史記", before=before, limit=200)
        assert len(json.dumps(page["messages"], ensure_ascii=False).encode()) < 1_500_000
        pages.insert(0, [one["seq"] for one in page["messages"]])
        before = pages[0][0]
        if not page["hasMore"]:
            break
    assert 3 < len(pages) < 20 and sum(pages, []) == list(range(1, COUNT + 1))
    seen, after = [], 0
    while True:
        page = writer.result("history.page", room="史記", after=after, limit=200)
        seen += [one["seq"] for one in page["messages"]]
        after = seen[-1]
        if not page["hasMore"]:
            break
    assert seen == list(range(1, COUNT + 1))
    for centre in (1, 2, 100, COUNT - 1, COUNT):
        page = writer.result("history.page", room="史記", around=centre, limit=200)
        found = [one["seq"] for one in page["messages"]]
        assert centre in found and found == list(range(found[0], found[-1] + 1)) and page["hasMore"]
        assert len(found) > 20
        assert found[0] == 1 or found[-1] == COUNT or abs((centre - found[0]) - (found[-1] - centre)) <= 1
