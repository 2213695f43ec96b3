"""Statistics are what a full scan of the messages counts, whatever was edited and deleted, and whether they were summed up yet or not."""
import collections
import datetime
import json
import pathlib
import random
import re
import time
import unicodedata
import uuid
import zoneinfo

import pytest

from test_search import send_all

UTC = datetime.timezone.utc


def stamp(moment):
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def local_start(moment, bucket, zone):
    """The beginning of the local hour, day or week, as an instant."""
    local = moment.astimezone(zone)
    if bucket == "hour":
        # Back to where the minutes last were zero, which is another than the present hour's beginning where half an hour was left out or was twice.
        start = moment - datetime.timedelta(minutes=local.minute % 15, seconds=local.second, microseconds=local.microsecond)
        while start.astimezone(zone).minute:
            start -= datetime.timedelta(minutes=15)
        return start.astimezone(UTC)
    day = local.date()
    if bucket == "week":
        day -= datetime.timedelta(days=day.weekday())
    return datetime.datetime.combine(day, datetime.time(), zone).astimezone(UTC)


def scan(messages, since, until, bucket, zone):
    """(room, sender, at, deleted) in number order by room -> what the server should answer."""
    inside = [one for one in messages if since <= one[2] < until]
    alive = [one for one in inside if not one[3]]
    buckets = collections.defaultdict(list)
    weekday = [[0] * 24 for _ in range(7)]
    for room, sender, at, _ in alive:
        buckets[local_start(at, bucket, zone)].append((room, sender))
        local = at.astimezone(zone)
        weekday[local.weekday()][local.hour] += 1
    responses, last = [], {}
    for room, sender, at, _ in messages:
        before = last.get(room)
        last[room] = (sender, at)
        if before and before[0] != sender and since <= at < until:
            gap = (at - before[1]) // datetime.timedelta(milliseconds=1)
            if gap < 3_600_000:
                responses.append(gap // 1000 if gap < 60_000 else gap // 60_000 * 60)
    responses.sort()

    def quantile(percent):
        return responses[max(1, -(-len(responses) * percent // 100)) - 1]

    return {
        "messages": len(alive), "senders": len({one[1] for one in alive}), "rooms": len({one[0] for one in alive}),
        "buckets": {at: (len(some), len({one[1] for one in some}), len({one[0] for one in some})) for at, some in buckets.items()},
        "hourWeekday": weekday, "topSenders": dict(collections.Counter(one[1] for one in alive)),
        "topRooms": dict(collections.Counter(one[0] for one in alive)),
        "responseSeconds": {"median": quantile(50), "p90": quantile(90), "count": len(responses)} if responses else None,
    }


def compare(answer, expected, note):
    for name in ("messages", "senders", "rooms", "hourWeekday"):
        assert answer[name] == expected[name], (note, name, answer[name], expected[name])
    found = {parse(one["at"]): (one["messages"], one["senders"], one["rooms"]) for one in answer["buckets"]}
    assert {at: some for at, some in found.items() if some != (0, 0, 0)} == expected["buckets"], note
    assert {one["username"]: one["messages"] for one in answer["topSenders"]} == expected["topSenders"], note
    assert {one["room"]: one["messages"] for one in answer["topRooms"]} == expected["topRooms"], note
    assert answer.get("responseSeconds") == expected["responseSeconds"], note


@pytest.fixture(scope="module")
def years(own_years):
    return own_years


@pytest.fixture(scope="module")
def own_years():
    """Rooms whose messages were sent over two years, as the tables hold them after so long."""
    from running import Everline
    everline = Everline()
    everline.extra["EVERLINE_INDEXING"] = "0"
    generator = random.Random(20261125)
    try:
        everline.start()
        people = [f"詩人{n}" for n in range(6)]
        lines = {name: everline.user(name) for name in people}
        users = {name: int(everline.sql(f"SELECT id FROM everline.users WHERE username = '{name}'")[0][0]) for name in people}
        start = datetime.datetime(2024, 3, 1, tzinfo=UTC)
        for index in range(3):
            room = f"年 {index}"
            lines[people[0]].result("room.create", room=room, kind="private" if index == 2 else "public")
            for name in people[1:4]:
                if index == 2:
                    lines[people[0]].result("room.invite", room=room, username=name)
                else:
                    lines[name].result("room.join", room=room)
            [[id]] = everline.sql(f"SELECT id FROM everline.rooms WHERE name = '{room}'")
            at, rows = start, []
            for seq in range(1, 4001):
                # Close together or far apart, as people talk; often near midnights, quarters and the hour that clocks leave out.
                at += datetime.timedelta(milliseconds=int(generator.choice([3_000, 40_000, 400_000, 9_000_000, 60_000_000]) * generator.random()))
                rows.append(f"({id}, {seq}, {users[generator.choice(people[:4])]}, gen_random_uuid(), '第 {seq} 句', '{at.isoformat()}')")
            script = pathlib.Path(everline.folder) / "year.sql"
            script.write_text(f"INSERT INTO everline.messages (room_id, seq, sender_id, client_id, body, sent_at) VALUES {','.join(rows)};")
            everline.run_sql_file(script)
            everline.sql(f"UPDATE everline.room_counters SET last_seq = 4000, last_sent_at = (SELECT max(sent_at) FROM everline.messages WHERE room_id = {id}) WHERE room_id = {id}")
        yield everline, lines
    finally:
        everline.remove()


def held(everline, rooms=("年 0", "年 1", "年 2")):
    names = ",".join(f"'{room}'" for room in rooms)
    rows = everline.sql(
        "SELECT r.name, u.username, to_char(m.sent_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'), m.deleted_at IS NOT NULL FROM everline.messages m "
        f"JOIN everline.rooms r ON r.id = m.room_id JOIN everline.users u ON u.id = m.sender_id WHERE r.name IN ({names}) ORDER BY r.id, m.seq")
    return [(room, sender, parse(at), deleted == "t") for room, sender, at, deleted in rows]


def check(everline, line, generator, rounds, note):
    messages = held(everline)
    first, last = min(one[2] for one in messages), max(one[2] for one in messages)
    span = (last - first).total_seconds()
    for _ in range(rounds):
        bucket = generator.choice(["hour", "day", "day", "week"])
        zone = generator.choice(["UTC", "Asia/Taipei", "Europe/London", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia"])
        length = generator.random() * min(span, {"hour": 70 * 86400, "day": span, "week": span}[bucket])
        since = first + datetime.timedelta(seconds=generator.random() * (span - length) - 5000)
        step = generator.choice([1, 900_000, 3_600_000, 86_400_000])
        since = datetime.datetime.fromtimestamp(int(since.timestamp() * 1000) // step * step / 1000, UTC)
        until = since + datetime.timedelta(milliseconds=max(1, int(length * 1000) // step * step))
        room = generator.choice([None, None, "年 1"])
        answer = line.result("history.stats", since=stamp(since), until=stamp(until), bucket=bucket, timeZone=zone, **({"room": room} if room else {}))
        some = [one for one in messages if room in (None, one[0])]
        compare(answer, scan(some, since, until, bucket, zoneinfo.ZoneInfo(zone)), (note, bucket, zone, stamp(since), stamp(until), room))
        before = scan(some, since - (until - since), since, bucket, zoneinfo.ZoneInfo(zone))
        assert [answer["growth"][name] for name in ("messagesBefore", "sendersBefore", "roomsBefore")] == [before["messages"], before["senders"], before["rooms"]]


def change(lines, everline, generator, count):
    """Edits, deletions and new messages."""
    epochs = {}
    for _ in range(count):
        room = generator.choice(["年 0", "年 1", "年 2"])
        owner = lines["詩人0"]
        if room not in epochs:
            epochs[room] = owner.result("room.open", room=room)["epoch"]
        deed = generator.choice(["delete", "edit", "send"])
        if deed == "send":
            lines[generator.choice(["詩人1", "詩人2"])].send(room, "新句")
        elif deed == "delete":
            owner.call("message.delete", room=room, epoch=epochs[room], seq=generator.randrange(1, 4001), clientId=str(uuid.uuid4()))
        else:
            owner.call("message.edit", room=room, epoch=epochs[room], seq=generator.randrange(1, 4001), clientId=str(uuid.uuid4()), body="改了")


def test_equals_a_full_scan(years):
    everline, lines = years
    generator = random.Random(7)
    owner = lines["詩人0"]
    check(everline, owner, generator, 12, "nothing is summed up")
    # The guardian comes back, and sums up.
    everline.stop()
    del everline.extra["EVERLINE_INDEXING"]
    everline.start()
    lines = {name: everline.user(name) for name in lines}
    owner = lines["詩人0"]
    everline.until_indexed()
    check(everline, owner, generator, 60, "all is summed up")
    change(lines, everline, generator, 300)
    check(everline, owner, generator, 20, "what changed is not all summed up")
    end = time.monotonic() + 120
    while everline.sql("SELECT count(*) FROM everline.room_counters c JOIN everline.search_progress p USING (room_id) WHERE (c.last_seq, c.last_rev) <> (p.seq, p.rev)") != [["0"]]:
        assert time.monotonic() < end
        time.sleep(0.1)
    check(everline, owner, generator, 40, "all is summed up again")
    stranger = lines["詩人5"]
    answer = stranger.result("history.stats", since="2024-01-01T00:00:00Z", until="2027-01-01T00:00:00Z", bucket="week")
    assert {one["room"] for one in answer["topRooms"]} == {"年 0", "年 1"}
    assert stranger.error("history.stats", room="年 2", since="2024-01-01T00:00:00Z", until="2024-01-02T00:00:00Z", bucket="day") == "room.not_found"


def test_hostile_ranges(everline):
    line = everline.user("杜牧")
    good = {"since": "2026-01-01T00:00:00Z", "until": "2026-02-01T00:00:00Z", "bucket": "day"}
    for wrong in ({"since": good["until"], "until": good["since"]}, {"until": good["since"]}, {"since": "1026-01-01T00:00:00Z"}, {"bucket": "month"},
                  {"timeZone": "Asia/Atlantis"}, {"timeZone": "../../etc/passwd"}, {"timeZone": "'; DROP TABLE everline.rooms; --"}, {"since": "gestern"},
                  {"since": "0001-01-01T00:00:00Z", "until": "9999-12-31T23:59:59Z", "bucket": "week"}, {"bucket": "hour", "until": "2026-06-01T00:00:00Z"}, {"more": 1}):
        answer = line.call("history.stats", **(good | wrong))
        assert answer["error"]["data"]["name"] == "invalid_params" and answer["error"]["data"]["detail"], wrong
    assert line.error("history.stats", **good, room="沒有這個房間") == "room.not_found"
    assert line.error("history.stats", **good, epoch="1-other") == "epoch.changed"
    assert everline.line().error("history.stats", **good) == "session.required"
    quiet = line.result("history.stats", since="1970-01-01T00:00:00Z", until="1970-02-01T00:00:00Z", bucket="day")
    assert quiet["messages"] == 0 and len(quiet["buckets"]) == 31 and quiet["topRooms"] == [] and "responseSeconds" not in quiet


def test_words_that_rose(everline):
    """Counted by hand: how many messages have the word, of either period. A sample says that it is one."""
    line = everline.user("白居易")
    everline.user("元稹").result("room.create", room="別處")
    line.result("room.create", room="詞")
    [[room]] = everline.sql("SELECT id FROM everline.rooms WHERE name = '詞'")
    [[user]] = everline.sql("SELECT id FROM everline.users WHERE username = '白居易'")
    week = datetime.timedelta(days=7)
    since = datetime.datetime(2025, 6, 2, tzinfo=UTC)
    generator = random.Random(7)
    usual = ["今天天氣不錯", "lunch at noon?", "see https://example.org/2025", "好的", "會議改到三點", "100 200", "The deploy went well", "OK ok OK"]
    risen = ["資料庫滿了", "資料庫又滿了，加一台", "PostgreSQL is slow", "why is postgresql slow", "ＰｏｓｔｇｒｅＳＱＬ 慢", "國家實驗室的資料庫", "國家實驗室來電"]
    bodies = [(since - week + datetime.timedelta(seconds=n), generator.choice(usual)) for n in range(300)]
    bodies += [(since + datetime.timedelta(seconds=n), generator.choice(usual + risen)) for n in range(400)]
    values = ",".join(f"({room}, {n + 1}, {user}, gen_random_uuid(), '{body}', '{at.isoformat()}')" for n, (at, body) in enumerate(bodies))
    script = pathlib.Path(everline.folder) / "words.sql"
    script.write_text(f"INSERT INTO everline.messages (room_id, seq, sender_id, client_id, body, sent_at) VALUES {values};"
                      f"UPDATE everline.room_counters SET last_seq = {len(bodies)}, last_sent_at = '{bodies[-1][0].isoformat()}' WHERE room_id = {room};")
    everline.run_sql_file(script)
    asked = {"since": stamp(since), "until": stamp(since + week), "bucket": "day", "words": True}
    found = line.result("history.stats", **asked)["words"]
    assert (found["read"], found["of"]) == (700, 700)
    fold = lambda text: unicodedata.normalize("NFKC", text).casefold()
    rising = {one["word"]: one for one in found["rising"]}
    assert {"資料庫", "postgresql", "slow", "國家實驗室"} <= set(rising), rising
    assert not {"資料", "料庫", "200", "lunch"} & set(rising)
    for word, one in rising.items():
        has = (lambda body: word in re.findall(r"[a-z0-9]+", fold(body))) if word.isascii() else (lambda body: word in fold(body))
        counted = [sum(has(body) for at, body in bodies if (at >= since) == now) for now in (True, False)]
        # What was put together of pieces is as often as they are, and the pieces may be a little more often.
        assert one["messagesBefore"] == counted[1], (word, one, counted)
        assert counted[0] <= one["messages"] <= counted[0] / 0.8 if len(word) > 4 and not word.isascii() else one["messages"] == counted[0], (word, one, counted)
        assert one["messages"] * 300 > one["messagesBefore"] * 400
    # What was taken back is not counted, and who may not read a room learns none of its words.
    everline.sql(f"UPDATE everline.messages SET body = '', deleted_at = now() WHERE room_id = {room} AND body LIKE '%資料庫%'")
    again = line.result("history.stats", **asked)["words"]
    assert "資料庫" not in {one["word"] for one in again["rising"]} and again["read"] < 700
    assert "words" not in line.result("history.stats", **(asked | {"words": False}))
    assert line.result("history.stats", **asked, room="別處")["words"] == {"rising": [], "read": 0, "of": 0}
    assert line.error("history.stats", **(asked | {"words": "yes"})) == "invalid_params"


# Where clocks were changed by other than an hour, or a day was left out: zone, a moment near it, and how many hours around it are looked at.
TURNS = [
    ("Pacific/Apia", "2011-12-30T10:00:00+00:00", 96), ("Pacific/Apia", "2010-09-26T11:00:00+00:00", 48), ("Asia/Kathmandu", "1985-12-31T18:30:00+00:00", 48),
    ("Australia/Lord_Howe", "2024-04-06T15:00:00+00:00", 48), ("Europe/London", "2024-10-27T01:00:00+00:00", 48), ("America/Sao_Paulo", "2018-11-04T03:00:00+00:00", 48),
    ("Africa/Casablanca", "2024-03-10T02:00:00+00:00", 48), ("Asia/Pyongyang", "2015-08-14T15:00:00+00:00", 48), ("Pacific/Kwajalein", "1993-08-21T00:00:00+00:00", 96),
    ("America/Caracas", "2007-12-09T07:00:00+00:00", 48), ("Antarctica/Troll", "2024-03-31T01:00:00+00:00", 48),
]


@pytest.mark.parametrize("zone, moment, hours", TURNS, ids=[f"{zone} {moment[:4]}" for zone, moment, _ in TURNS])
def test_where_clocks_were_turned(everline, tmp_path, zone, moment, hours):
    generator = random.Random(f"{zone} {moment}")
    turn = datetime.datetime.fromisoformat(moment)
    tag = uuid.uuid4().hex[:8]
    people = [f"鐘{n}{tag}" for n in range(3)]
    reader = everline.user(people[0])
    room = f"鐘 {tag}"
    reader.result("room.create", room=room)
    times = sorted(turn + datetime.timedelta(milliseconds=int((generator.random() - 0.5) * hours * 3_600_000)) for _ in range(400))
    times += [turn + datetime.timedelta(minutes=15 * n) for n in range(-8, 9)]
    times.sort()
    messages = [(room, generator.choice(people), at, False) for at in times]
    file = tmp_path / "鐘.jsonl"
    file.write_text("".join(json.dumps({
        "room": room, "seq": seq, "epoch": "e", "sender": sender, "senderName": sender, "body": f"第 {seq} 響", "sentAt": stamp(at),
        "clientId": str(uuid.uuid4())}) + "\n" for seq, (_, sender, at, _) in enumerate(messages, 1)))
    everline.run("history", "import", "--room", room, str(file))
    epoch = reader.result("room.open", room=room)["epoch"]
    messages = [(room, sender, parse(stamp(at)), deleted) for _, sender, at, deleted in messages]
    for deleting in (False, True):
        if deleting:
            for seq in generator.sample(range(1, len(messages) + 1), 20):
                reader.result("message.delete", room=room, epoch=epoch, seq=seq, clientId=str(uuid.uuid4()))
                messages[seq - 1] = messages[seq - 1][:3] + (True,)
        else:
            everline.until_indexed()
        for bucket in ("hour", "day", "week"):
            for since, until in ((-hours, hours), (-26, 1), (0, 30), (-3, 3)):
                since, until = turn + datetime.timedelta(hours=since), turn + datetime.timedelta(hours=until)
                answer = reader.result("history.stats", since=stamp(since), until=stamp(until), bucket=bucket, timeZone=zone, room=room)
                compare(answer, scan(messages, since, until, bucket, zoneinfo.ZoneInfo(zone)), (zone, bucket, stamp(since), stamp(until)))
                starts = [parse(one["at"]) for one in answer["buckets"]]
                assert starts == sorted(set(starts)), "buckets follow one another"
