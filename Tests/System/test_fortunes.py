"""Real texts, 10,000 and more, through all three doors at once, while a reader scrolls; then everything is read back byte for byte."""
import itertools
import json
import threading
import uuid

import fortunes
from client import RPC, WebSocket
from test_chat import from_redis

TOTAL = 10_400


def take(texts, count):
    return list(itertools.islice(itertools.cycle(texts), count))


def play(work, failures, *arguments):
    def run():
        try:
            work(*arguments)
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def through_line(line, room, bodies):
    """Pipelined; order is kept."""
    waiting = []
    for body in bodies:
        waiting.append(line.write("message.send", {"room": room, "clientId": str(uuid.uuid4()), "body": body}))
        if len(waiting) >= 50:
            assert "result" in line.answer(waiting.pop(0))
    for id in waiting:
        assert "result" in line.answer(id)


def through_rpc(rpc, room, bodies):
    for start in range(0, len(bodies), 20):
        requests = [
            {"jsonrpc": "2.0", "method": "message.send", "id": n, "params": {"room": room, "clientId": str(uuid.uuid4()), "body": body}}
            for n, body in enumerate(bodies[start:start + 20])]
        # A body may hold 16 KiB, so twenty may be too much for one request.
        for part in (requests[:10], requests[10:]) if len(json.dumps(requests)) > 60000 else (requests,):
            if part:
                status, answer = rpc.post(json.dumps(part, ensure_ascii=False).encode())
                assert status == 200 and all("result" in one for one in json.loads(answer)), answer[:500]


def scroll(line, room, stop):
    """A reader who goes up and down while others write; whatever they see is whole."""
    while not stop.is_set():
        last = line.result("room.open", room=room)["lastSeq"] + 1
        while last > 1 and not stop.is_set():
            page = line.result("history.page", room=room, before=last, limit=100)["messages"]
            numbers = [one["seq"] for one in page]
            assert numbers == list(range(numbers[0], last)), (last, numbers)
            last = numbers[0]
        line.pushes.clear()


def test_fortunes(everline):
    owner = everline.user("李白")
    tag = uuid.uuid4().hex[:6]
    rooms = {f"唐詩 {tag}": fortunes.chinese(), f"fortunes {tag}": fortunes.english()}
    sent = {}
    failures, threads = [], []
    stop = threading.Event()
    readers = []
    for room, texts in rooms.items():
        owner.result("room.create", room=room)
        bodies = take(texts, TOTAL // 2)
        parts = {"李白": bodies[0::3], "杜甫": bodies[1::3], "王維": bodies[2::3]}
        sent[room] = parts
        for name, instance in (("李白", 0), ("杜甫", 1), ("王維", 0)):
            everline.user(name, instance=instance).call("room.join", room=room)
        listener = everline.user("孟浩然", instance=1)
        listener.result("room.open", room=room)
        readers.append((room, listener))
        web = WebSocket(everline.port(8443, 1), everline.ca)
        web.result("session.resume", session=everline.user("杜甫").session)
        threads += [
            play(through_line, failures, everline.user("李白"), room, parts["李白"]), play(through_line, failures, web, room, parts["杜甫"]),
            play(through_rpc, failures, RPC(everline.port(8443), everline.ca, everline.user("王維").session), room, parts["王維"])]
    scrolling = play(scroll, failures, everline.user("白居易"), f"唐詩 {tag}", stop)
    live = {}
    listening = [play(lambda room, listener: live.__setitem__(room, listener.posted(TOTAL // 2, room)), failures, room, listener) for room, listener in readers]
    for thread in threads + listening:
        thread.join(600)
        assert not thread.is_alive()
    stop.set()
    scrolling.join(120)
    assert not failures, failures

    for room, parts in sent.items():
        count = sum(len(one) for one in parts.values())
        up, after = [], 0
        while True:
            page = owner.result("history.page", room=room, after=after, limit=200)
            up += page["messages"]
            if not page["hasMore"]:
                break
            after = up[-1]["seq"]
        assert [one["seq"] for one in up] == list(range(1, count + 1))
        for name, bodies in parts.items():
            assert [one["body"] for one in up if one["sender"] == name] == bodies
        down, before = [], count + 1
        while before > 1:
            page = owner.result("history.page", room=room, before=before, limit=173)
            down = page["messages"] + down
            before = down[0]["seq"]
        assert down == up
        assert live[room] == up
        assert from_redis(owner, room)["messages"] == up[-50:]
