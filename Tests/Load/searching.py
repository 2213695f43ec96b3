"""`make bench search` and `stats`: what searching and statistics cost, over millions of messages made of real texts (`BENCH_SEARCH_ROWS`, in millions)."""
import datetime
import os
import pathlib
import random
import re
import sys
import time
import uuid

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "Tests"))
import fortunes  # noqa: E402
from running import Everline  # noqa: E402

ROWS = int(float(os.environ.get("BENCH_SEARCH_ROWS", "5")) * 1_000_000)
ROOMS, PEOPLE, DAYS = 20, 100, 365
QUESTIONS = 300


def lines():
    """Half Chinese, half English."""
    chinese = sorted({line.strip() for text in fortunes.chinese() for line in re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines() if len(line.strip()) >= 5})
    english = sorted({line.strip() for text in fortunes.english() for line in text.splitlines() if len(line.strip()) >= 20})
    return chinese, english


def fill(everline):
    """Rooms of a year, written as the tables hold them; the users and the rooms that answer."""
    line = everline.user("bench0")
    rooms = []
    for n in range(ROOMS):
        line.result("room.create", room=f"庫 {n}")
        rooms.append(int(everline.sql(f"SELECT id FROM everline.rooms WHERE name = '庫 {n}'")[0][0]))
    everline.sql(
        "INSERT INTO everline.users (username, username_key, display_name, password_hash, disabled) "
        f"SELECT 'people' || n, 'people' || n, 'people' || n, '-', true FROM generate_series(1, {PEOPLE}) n")
    first = int(everline.sql("SELECT min(id) FROM everline.users WHERE username LIKE 'people%'")[0][0])
    chinese, english = lines()
    folder = pathlib.Path(everline.folder)
    everline.sql("CREATE TABLE public.texts (n serial PRIMARY KEY, body text, chinese boolean)")
    script = folder / "texts.sql"
    rows = [f"($x${one}$x$, {here})" for some, here in ((chinese, True), (english, False)) for one in some]
    script.write_text("BEGIN;\n" + "".join(
        f"INSERT INTO public.texts (body, chinese) VALUES {', '.join(rows[n:n + 2000])};\n" for n in range(0, len(rows), 2000)) + "COMMIT;\n")
    everline.run_sql_file(script)
    each = ROWS // ROOMS
    script = folder / "fill.sql"
    for room in rooms:
        # As a room is used: two texts a message, days and nights, weekdays.
        script.write_text(f"""
            SET jit = off; SET max_parallel_workers_per_gather = 0;
            INSERT INTO everline.messages (room_id, seq, sender_id, client_id, body, sent_at)
            SELECT {room}, r.n, {first} + r.person, gen_random_uuid(), a.body || CASE WHEN a.chinese THEN '，' ELSE ' ' END || b.body,
              date_trunc('milliseconds', now() - interval '{DAYS} days' + r.n * interval '{DAYS * 86400 / each} seconds')
            FROM (SELECT n, floor(power(random(), 2) * {PEOPLE})::int AS person, h, h * {len(chinese)} + 1 + floor(random() * x)::int AS one,
                h * {len(chinese)} + 1 + floor(random() * x)::int AS two
              FROM (SELECT n, h, CASE h WHEN 0 THEN {len(chinese)} ELSE {len(english)} END AS x
                FROM (SELECT n, floor(random() * 2)::int AS h FROM generate_series(1, {each}) n) i) i) r
            JOIN public.texts a ON a.n = r.one JOIN public.texts b ON b.n = r.two ORDER BY r.n;
            UPDATE everline.room_counters SET last_seq = {each}, last_sent_at = (SELECT sent_at FROM everline.messages WHERE room_id = {room} AND seq = {each})
            WHERE room_id = {room};
            """)
        everline.run_sql_file(script, timeout=1_800)
    everline.sql("ANALYZE everline.messages")
    return line


def indexed(everline):
    begun = time.monotonic()
    while everline.sql("SELECT count(*) FROM everline.room_counters c LEFT JOIN everline.search_progress p USING (room_id) WHERE c.last_seq <> coalesce(p.seq, 0)") != [["0"]]:
        time.sleep(1)
    return time.monotonic() - begun


def percentiles(times):
    times = sorted(times)
    return times[len(times) // 2] * 1000, times[min(len(times) - 1, len(times) * 99 // 100)] * 1000


def ask(line, method, questions):
    times = []
    for question in questions:
        begun = time.perf_counter()
        line.result(method, **question)
        times.append(time.perf_counter() - begun)
    return percentiles(times)


def search(everline, indexing, row):
    line = everline.user("bench0")
    chinese, english = lines()
    generator = random.Random(5)
    pairs = {run[n:n + 2] for one in chinese for run in re.findall(r"[\u4e00-\u9fff]+", one) for n in range(len(run) - 1)}
    counts = {}
    for one in english:
        for word in set(re.findall(r"[a-z]{4,}", one.lower())):
            counts[word] = counts.get(word, 0) + 1
    rare = sorted(word for word, count in counts.items() if count <= 2)
    works = [
        ("two characters of Chinese", [{"query": word} for word in generator.sample(sorted(pairs), QUESTIONS)], 50, 300),
        ("a rare English word", [{"query": word} for word in generator.sample(rare, QUESTIONS)], 20, None),
        ("one character of Chinese", [{"query": word[0]} for word in generator.sample(sorted(pairs), 50)], None, None),
        ("two common words", [{"query": f"the {word}"} for word in generator.sample(sorted(counts, key=counts.get)[-200:], 50)], None, None),
        ("two characters in one room", [{"query": word, "room": "庫 3"} for word in generator.sample(sorted(pairs), 50)], None, None),
    ]
    figures = {}
    for name, questions, p50, p99 in works:
        found = ask(line, "history.search", questions)
        figures[name] = {"p50ms": found[0], "p99ms": found[1]}
        row(f"search for {name}, {ROWS:,} messages", f"p50 {found[0]:.1f} ms, p99 {found[1]:.1f} ms",
                  f"{p50 or '-'} and {p99 or '-'} ms", "", None if p50 is None else found[0] <= p50 and (p99 is None or found[1] <= p99))
    sizes = dict(everline.sql("SELECT relname, pg_total_relation_size(c.oid) FROM pg_class c WHERE relnamespace = 'everline'::regnamespace AND relkind = 'r'"))
    index = sum(int(sizes[name]) for name in ("search_postings", "search_blocks", "search_progress"))
    rollups = sum(int(sizes[name]) for name in ("room_days", "room_weeks", "room_day_details"))
    figures["bytes"] = {"index": index, "rollups": rollups, "messages": int(sizes["messages"]), "indexing seconds": indexing}
    row("size of the index, of the rollups", f"{index / 2**20:,.0f} MiB, {rollups / 2**20:,.0f} MiB", "", f"{int(sizes['messages']) / 2**20:,.0f} MiB of messages")
    row("indexing them from nothing", f"{ROWS / indexing:,.0f} msg/s", "")
    # A new message, until it is found.
    room = f"now {uuid.uuid4().hex[:6]}"
    line.result("room.create", room=room)
    times = []
    for n in range(50):
        word = uuid.uuid4().hex
        begun = time.perf_counter()
        line.send(room, f"床前明月光 {word}")
        while not line.result("history.search", query=word)["hits"]:
            pass
        times.append(time.perf_counter() - begun)
    p50, p99 = percentiles(times)
    row("sent, until it is found", f"p50 {p50:.1f} ms, p99 {p99:.1f} ms", "1,000 ms", "", p99 <= 1000)
    return figures


def stats(everline, row):
    line = everline.user("bench0")
    now = datetime.datetime.now(datetime.timezone.utc)
    figures = {}
    for name, days, bucket, room in (("a week by hour", 7, "hour", None), ("30 days by day", 30, "day", None), ("90 days by day", 90, "day", None),
                                     ("a year by week", 365, "week", None), ("a year of one room by day", 365, "day", "庫 3")):
        since = (now - datetime.timedelta(days=days)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        question = {"since": since, "until": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"), "bucket": bucket, "timeZone": "Asia/Taipei"}
        found = ask(line, "history.stats", [question | ({"room": room} if room else {})] * 40)
        figures[name] = {"p50ms": found[0], "p99ms": found[1]}
        row(f"statistics of {name}, {ROWS:,} messages", f"p50 {found[0]:.1f} ms, p99 {found[1]:.1f} ms", "20 ms", "", found[0] <= 20)
    return figures


def measure(works, row, bench_of, seconds):
    """Figures by work."""
    figures = {}
    everline = Everline()
    everline.extra["EVERLINE_INDEXING"] = "0"
    try:
        everline.start()
        fill(everline).close()
        # Indexed from nothing, as when Everline is brought up to date.
        everline.stop()
        del everline.extra["EVERLINE_INDEXING"]
        everline.start()
        indexing = max(0.001, indexed(everline))
        if "search" in works:
            figures["search"] = search(everline, indexing, row)
        if "stats" in works:
            figures["stats"] = stats(everline, row)
    finally:
        everline.remove()
    if "search" in works:
        figures["search"]["sending"] = sending(bench_of, row, seconds)
    return figures


def sending(bench_of, row, seconds):
    """What keeping the index costs those who send real texts: with and without, in turns."""
    rates = {"0": [], "1": []}
    texts = None
    for indexing in ("0", "1", "1", "0"):
        bench = bench_of(indexing)
        try:
            if texts is None:
                texts = pathlib.Path(bench.everline.folder + "-texts")
                chinese, english = lines()
                texts.write_text("".join(one.replace("\\", " ").replace('"', " ").replace("\t", " ") + "\n" for one in random.Random(3).sample(chinese, 1000) + random.Random(3).sample(english, 1000)
                                         if one.isprintable()))
            found = bench.load("send", "--senders", 8, "--in-flight", 100, "--name", "kept", "--texts", texts, seconds=seconds)
            rates[indexing].append(found["messagesPerSecond"])
        finally:
            bench.everline.remove()
    texts.unlink()
    without, kept = (sum(rates[one]) / len(rates[one]) for one in ("0", "1"))
    row("sending real texts while they are indexed", f"{kept:,.0f} msg/s, {1 - kept / without:.0%} less", "15 % less", f"{without:,.0f} msg/s without", kept >= without * 0.85)
    return {"with": kept, "without": without}
