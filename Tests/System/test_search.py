"""What is found is what a full scan finds: by a scan of its own, written apart from the server's."""
import random
import re
import time
import unicodedata
import uuid

import pytest

import fortunes
from client import RPC, Line
from running import Everline

ACCENTS = [(0x0300, 0x036F), (0x1AB0, 0x1AFF), (0x1DC0, 0x1DFF), (0x20D0, 0x20FF), (0xFE00, 0xFE0F), (0xFE20, 0xFE2F)]
SINGLE = [(0x3005, 0x3007), (0x3041, 0x31FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0x1100, 0x11FF), (0x20000, 0x323AF)]


def inside(character, ranges):
    return any(first <= ord(character) <= last for first, last in ranges)


def folded(text):
    text = unicodedata.normalize("NFKD", text)
    text = "".join(c for c in text if not inside(c, ACCENTS) and unicodedata.category(c) != "Cf")
    text = unicodedata.normalize("NFC", unicodedata.normalize("NFKD", text.casefold()))
    return " ".join("".join(c if unicodedata.category(c)[0] in "LNM" or unicodedata.category(c) == "So" else " " for c in text).split())


def matches(body, needle):
    """Whether a folded text holds a folded needle: words at its ends whole."""
    start = body.find(needle)
    while start >= 0:
        end = start + len(needle)
        words = [start > 0 and body[start - 1] != " " and not inside(body[start - 1], SINGLE) and not inside(needle[0], SINGLE),
                 end < len(body) and body[end] != " " and not inside(body[end], SINGLE) and not inside(needle[-1], SINGLE)]
        if not any(words):
            return True
        start = body.find(needle, start + 1)
    return False


def all_hits(line, query, rooms=None, **more):
    """To the last page; of these rooms alone, as other tests have public ones of their own."""
    found, cursor = [], None
    while True:
        answer = line.result("history.search", query=query, limit=100, **({"cursor": cursor} if cursor else {}), **more)
        found += answer["hits"]
        cursor = answer.get("cursor")
        if not cursor:
            return [hit for hit in found if rooms is None or hit["message"]["room"] in rooms]


def keys(hits):
    return [(hit["message"]["room"], hit["message"]["seq"]) for hit in hits]


def send_all(line, room, bodies):
    waiting = []
    for body in bodies:
        waiting.append(line.write("message.send", {"room": room, "clientId": str(uuid.uuid4()), "body": body}))
        if len(waiting) >= 50:
            assert "result" in line.answer(waiting.pop(0))
    for id in waiting:
        assert "result" in line.answer(id)


def words_of(bodies, generator, count):
    """Drawn from the texts: words, and one to four characters of Chinese that stand together."""
    drawn = set()
    while len(drawn) < count:
        body = generator.choice(bodies)
        runs = re.findall(r"[\u4e00-\u9fff]+|[A-Za-z0-9']+", body)
        if not runs:
            continue
        run = generator.choice(runs)
        if "\u4e00" <= run[0] <= "\u9fff":
            length = min(len(run), generator.choice([1, 2, 2, 2, 3, 4]))
            start = generator.randrange(len(run) - length + 1)
            drawn.add(run[start:start + length])
        elif folded(run):
            drawn.add(run)
    return sorted(drawn)


@pytest.fixture(scope="module")
def library(everline):
    """Real texts in three rooms: in number order what they hold, and which are indexed."""
    owner = everline.user("司馬光")
    tag = uuid.uuid4().hex[:6]
    texts = {f"唐詩 {tag}": fortunes.chinese(), f"fortunes {tag}": fortunes.english()[:6000], f"詞 {tag}": fortunes.chinese()[::-1][:200]}
    for room, bodies in texts.items():
        owner.result("room.create", room=room, kind="private")
        send_all(owner, room, bodies)
    everline.until_indexed()
    return owner, tag, texts


def test_equals_a_full_scan(everline, library):
    owner, tag, texts = library
    generator = random.Random(int(tag, 16))
    scanned = [(room, seq, folded(body)) for room, bodies in texts.items() for seq, body in enumerate(bodies, 1)]
    bodies = [body for some in texts.values() for body in some]
    chinese = [body for room in (f"唐詩 {tag}", f"詞 {tag}") for body in texts[room]]
    # Half of both: there are more texts in English.
    words = words_of(chinese, generator, 1100) + words_of(texts[f"fortunes {tag}"], generator, 1000)
    assert len(bodies) > 5000
    checked = 0
    for word in words:
        needle = folded(word)
        expected = {(room, seq) for room, seq, body in scanned if matches(body, needle)}
        if len(expected) > 1500:
            continue
        found = keys(all_hits(owner, word, texts))
        assert len(found) == len(set(found)) and set(found) == expected, (word, set(found) ^ expected)
        checked += 1
    assert checked >= 2000
    for _ in range(300):
        one, two = generator.sample(words, 2)
        for query, wanted in ((f"{one} {two}", lambda body: matches(body, folded(one)) and matches(body, folded(two))),
                              (f"{one} -{two}", lambda body: matches(body, folded(one)) and not matches(body, folded(two)))):
            expected = {(room, seq) for room, seq, body in scanned if wanted(body)}
            if len(expected) <= 500:
                assert set(keys(all_hits(owner, query, texts))) == expected, query
    for _ in range(200):
        body = generator.choice(bodies).split("\n")[0]
        phrase = " ".join(body.split()[:5]).replace('"', "")[:60]
        if not folded(phrase):
            continue
        expected = {(room, seq) for room, seq, text in scanned if matches(text, folded(phrase))}
        assert set(keys(all_hits(owner, f'"{phrase}"', texts))) == expected, phrase


def test_order_filters_and_highlights(everline, library):
    owner, tag, texts = library
    hits = all_hits(owner, "明月", texts)
    times = [hit["message"]["sentAt"] for hit in hits]
    assert len(hits) > 10 and times == sorted(times, reverse=True)
    for hit in hits:
        marked = [hit["message"]["body"][start:end] for start, end in hit["highlights"]]
        assert marked and set(marked) == {"明月"}
    room = f"唐詩 {tag}"
    assert keys(all_hits(owner, "明月", room=room)) == [key for key in keys(hits) if key[0] == room]
    middle = times[len(times) // 2]
    assert keys(all_hits(owner, "明月", texts, since=middle)) + keys(all_hits(owner, "明月", texts, until=middle)) == keys(hits)
    assert keys(all_hits(owner, "明月", texts, **{"from": "司馬光"})) == keys(hits)
    assert all_hits(owner, "明月", **{"from": "nobody at all"}) == [] and all_hits(owner, "明月", **{"from": "admin"}) == []
    by_fit = all_hits(owner, "明月", texts, order="relevance")
    assert sorted(keys(by_fit)) == sorted(keys(hits))
    scores = [hit["score"] for hit in by_fit]
    assert scores == sorted(scores, reverse=True) and len(set(scores)) > 3


def test_a_message_is_found_at_once_and_what_was_taken_back_is_not(everline):
    line = everline.user("杜牧")
    tag = uuid.uuid4().hex[:8]
    room = f"清明 {tag}"
    epoch = line.result("room.create", room=room) and line.result("room.open", room=room)["epoch"]
    for number in range(3):
        sent = line.send(room, f"清明時節雨紛紛 {tag}x{number}")
        assert keys(all_hits(line, f"雨紛紛 {tag}x{number}")) == [(room, sent["seq"])]
    for indexed in (False, True):
        if indexed:
            everline.until_indexed()
        edited = line.result("message.edit", room=room, epoch=epoch, seq=1, clientId=str(uuid.uuid4()), body=f"牧童遙指杏花村 {tag}{indexed}")
        assert edited["rev"]
        assert keys(all_hits(line, f"清明時節 {tag}x0")) == []
        assert keys(all_hits(line, f"杏花村 {tag}{indexed}")) == [(room, 1)]
    line.result("message.delete", room=room, epoch=epoch, seq=2, clientId=str(uuid.uuid4()))
    assert keys(all_hits(line, f"{tag}x1")) == []
    # And when the index has come to it.
    end = time.monotonic() + 120
    while everline.sql("SELECT count(*) FROM everline.room_counters c JOIN everline.search_progress p USING (room_id) WHERE c.last_rev <> p.rev") != [["0"]]:
        assert time.monotonic() < end
        time.sleep(0.1)
    assert keys(all_hits(line, f"清明時節 {tag}x0")) == [] and keys(all_hits(line, f"{tag}x1")) == []
    assert keys(all_hits(line, f"杏花村 {tag}True")) == [(room, 1)] and keys(all_hits(line, f"杏花村 {tag}False")) == []


def test_a_cursor_is_stable_while_others_write(everline):
    line = everline.user("杜牧")
    tag = uuid.uuid4().hex[:8]
    room = f"河 {tag}"
    line.result("room.create", room=room)
    send_all(line, room, [f"黃河之水 {tag} {n}" for n in range(150)])
    for order in ("newest", "relevance"):
        last = line.result("room.open", room=room)["lastSeq"]
        found, cursor = [], None
        while True:
            answer = line.result("history.search", query=f"黃河 {tag}", order=order, limit=7, **({"cursor": cursor} if cursor else {}))
            found += keys(answer["hits"])
            cursor = answer.get("cursor")
            line.send(room, f"黃河之水 {tag} 又")
            if not cursor:
                break
        assert found == [(room, seq) for seq in range(last, 0, -1)] if order == "newest" else sorted(found) == [(room, seq) for seq in range(1, last + 1)]
    first = line.result("history.search", query=f"黃河 {tag}", limit=7)
    assert line.error("history.search", query="別的", cursor=first["cursor"]) == "invalid_params"
    assert line.error("history.search", query=f"黃河 {tag}", cursor=first["cursor"].replace(first["epoch"], "1-abc")) == "epoch.changed"
    for broken in ("", "x", first["cursor"][:-1] + "x", first["cursor"] + ":1", "1:" * 20, first["cursor"].replace(":n:", ":r:"), "9" * 5000):
        assert line.error("history.search", query=f"黃河 {tag}", cursor=broken) in ("invalid_params", "epoch.changed"), broken


def test_only_what_one_may_read_now(everline):
    tag = uuid.uuid4().hex[:8]
    owner, member, stranger = (everline.user(name) for name in ("歐陽修", "蘇洵", "蘇轍"))
    rooms = {"public": f"公 {tag}", "private": f"私 {tag}"}
    for kind, room in rooms.items():
        owner.result("room.create", room=room, kind=kind)
        owner.send(room, f"醉翁之意不在酒 {tag}")
    owner.result("room.invite", room=rooms["private"], username="蘇洵")

    def rooms_of(line):
        return {room for room, _ in keys(all_hits(line, f"醉翁 {tag}"))}

    for indexed in (False, True):
        if indexed:
            everline.until_indexed()
        assert rooms_of(owner) == rooms_of(member) == set(rooms.values())
        assert rooms_of(stranger) == {rooms["public"]}
        assert stranger.error("history.search", query=f"醉翁 {tag}", room=rooms["private"]) == "room.not_found"
        assert stranger.error("history.search", query=f"醉翁 {tag}", room="沒有這個房間") == "room.not_found"
    owner.result("room.remove", room=rooms["private"], username="蘇洵")
    assert rooms_of(member) == {rooms["public"]}
    owner.result("room.remove", room=rooms["public"], username="蘇轍", ban=True)
    assert rooms_of(stranger) == set()
    assert stranger.error("history.search", query=f"醉翁 {tag}", room=rooms["public"]) == "room.not_found"
    nobody = everline.line()
    assert nobody.error("history.search", query="醉翁") == "session.required"


def test_hostile_queries(everline):
    line = everline.user("杜牧")
    for query in ("", " ", "%", "'", '"', "'; DROP TABLE everline.messages; --", "\\", "-", '"open', ".*", "((((", "a" * 1001, " ".join(f"w{n}" for n in range(100)), "詩 " * 10_000):
        answer = line.call("history.search", query=query)
        if query.startswith("'; DROP"):
            assert answer["result"]["hits"] == []
        else:
            assert answer["error"]["data"]["name"] == "invalid_params" and answer["error"]["data"]["param"] == "query", query
            assert len(answer["error"]["data"]["detail"]) > 10
    for more in ({"limit": 0}, {"limit": 101}, {"order": "best"}, {"since": "2026-02-01T00:00:00Z", "until": "2026-01-01T00:00:00Z"},
                 {"since": "yesterday"}, {"room": ""}, {"from": ""}, {"nonsense": 1}):
        assert line.error("history.search", query="月", **more) == "invalid_params", more
    assert line.result("history.search", query="月", since="0001-01-01T00:00:00Z", until="9999-12-31T23:59:59Z")["epoch"]
    assert line.result("history.search", query="月", until="0900-01-01T00:00:00Z")["hits"] == []
    assert line.error("history.search", query="月", epoch="1-other") == "epoch.changed"


def test_the_same_at_every_door(everline):
    line = everline.user("杜牧")
    tag = uuid.uuid4().hex[:8]
    line.result("room.create", room=f"門 {tag}")
    line.send(f"門 {tag}", f"停車坐愛楓林晚 {tag}")
    expected = line.result("history.search", query=f"楓林 {tag}")
    assert len(expected["hits"]) == 1
    rpc = RPC(everline.port(8443), everline.ca, line.session)
    assert rpc.call("history.search", query=f"楓林 {tag}")["result"] == expected
    direct = Line(everline.port(7502), everline.ca)
    assert direct.error("history.search", query="楓林") == "session.required"
    direct.result("session.resume", session=line.session)
    assert direct.result("history.search", query=f"楓林 {tag}") == expected
    assert direct.error("internal.history.search", params={"query": "楓林"}, userId=1) == "peer.forbidden"


def test_an_archive_that_stands_still_keeps_nothing_from_being_indexed():
    everline = Everline()
    try:
        everline.start()
        line = everline.user("歐陽修")
        line.result("room.create", room="醉翁亭")
        everline.sql("ALTER SYSTEM SET archive_command = 'false'")
        everline.sql("SELECT pg_reload_conf()")
        for _ in range(4):
            everline.sql("CREATE TABLE public.filler (n int); DROP TABLE public.filler; SELECT pg_switch_wal()")
        waiting = "SELECT count(*) FROM pg_ls_archive_statusdir() WHERE name ~ '^[0-9A-F]{24}.ready$'"
        assert int(everline.sql(waiting)[0][0]) > 1
        send_all(line, "醉翁亭", [f"環滁皆山也 {n}" for n in range(3000)])
        everline.until_indexed()
        assert int(everline.sql(waiting)[0][0]) > 1
    finally:
        everline.remove()
