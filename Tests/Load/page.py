"""`make bench page`: the page in Chromium while a thousand messages a second arrive, in a room of five thousand, and on a cold load."""
import statistics
import sys
import threading
import time
import uuid

from running import ROOT

sys.path.insert(0, str(ROOT / "Tests/Browser"))
from acting import open_room, register  # noqa: E402
from browser import Page  # noqa: E402

MEMBERS = 5_000
RATE = 1_000
SECONDS = 6
SENDERS = 4


def measured_page(bench):
    """The three rows."""
    everline = bench.everline
    page = Page(f"https://localhost:{everline.port(8443)}/", "en-US")
    try:
        register(page, "watcher", "Watcher")
        frames(bench, page)
        crowd(bench, page)
        cold(bench, page)
    finally:
        page.close()


def frames(bench, page):
    everline, room = bench.everline, "flood"
    everline.user("watcher").result("room.create", room=room)
    senders = [everline.user(f"flood{n}", f"Flood {n}") for n in range(SENDERS)]
    for one in senders:
        one.result("room.join", room=room)
    page.driver.refresh()
    open_room(page, room)
    page.js("""window.times = [];
        const turn = (now) => { window.times.push(now); requestAnimationFrame(turn); };
        requestAnimationFrame(turn);""")
    quiet = pace(page)
    sent = []

    def send(line):
        began = time.monotonic()
        ids, share = [], RATE / SENDERS
        for number in range(int(share * SECONDS)):
            ids.append(line.write("message.send", {"room": room, "clientId": str(uuid.uuid4()), "body": f"第 {number} 行 of **many**, see https://example.org/{number}"}))
            ahead = began + number / share - time.monotonic()
            if ahead > 0.005:
                time.sleep(ahead)
        for id in ids:
            line.answer(id)
        sent.append((len(ids), time.monotonic() - began))

    page.js("window.times.length = 0")
    threads = [threading.Thread(target=send, args=(line,)) for line in senders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    fps, worst = pace(page, wait=0)
    rate = sum(count for count, _ in sent) / max(seconds for _, seconds in sent)
    bench.figures["page"] = {"arrivingPerSecond": rate, "framesPerSecond": fps, "longestFrameMs": worst, "quietFramesPerSecond": quiet[0]}
    bench.row(f"page: {rate:,.0f} messages/s arriving", f"{fps:.0f} frames/s, longest {worst:.0f} ms", "30", f"{quiet[0]:.0f} when nothing arrives", fps >= 30)


def pace(page, wait=2):
    """Frames a second, and the longest time between two in milliseconds."""
    time.sleep(wait)
    times = page.js("return window.times.splice(0)")
    gaps = [b - a for a, b in zip(times, times[1:])]
    return 1000 / statistics.mean(gaps), max(gaps)


def crowd(bench, page):
    everline, room = bench.everline, "crowd"
    everline.user("watcher").result("room.create", room=room)
    # As a guardian would restore them: five thousand registrations would measure the password hashing.
    everline.sql(f"""INSERT INTO everline.users (username, username_key, display_name, password_hash)
        SELECT 'crowd' || n, 'crowd' || n, '成員 ' || n, 'x' FROM generate_series(1, {MEMBERS}) n""")
    everline.sql(f"""INSERT INTO everline.room_members (room_id, user_id, role) SELECT r.id, u.id, 'member'
        FROM everline.rooms r, everline.users u WHERE r.name = '{room}' AND u.username LIKE 'crowd%'""")
    page.driver.refresh()
    page.find(".sidebar")
    page.wait(lambda: page.js("return [...document.querySelectorAll('.room-item-name')].some(one => one.textContent === arguments[0])", room))
    opened = page.js_async(f"""
        const began = performance.now();
        [...document.querySelectorAll('.room-item')].find(one => one.textContent.includes('{room}')).click();
        while (!document.querySelector('.timeline-top[data-state=empty], .message')) await new Promise(requestAnimationFrame);
        const room = performance.now() - began;
        document.querySelector('[data-action=members]').click();
        while (document.querySelectorAll('.member').length < 100) await new Promise(requestAnimationFrame);
        return [room, performance.now() - began];""")
    bench.figures["pageCrowd"] = {"openMs": opened[0], "withMembersMs": opened[1]}
    bench.row(f"page: a room of {MEMBERS:,} opens", f"{opened[0]:.0f} ms, with its members {opened[1]:.0f} ms", "1,000 ms", "", opened[1] <= 1000)


def cold(bench, page):
    page.driver.get("about:blank")
    page.run_cdp("Network.enable", {})
    page.run_cdp("Network.clearBrowserCache", {})
    page.run_cdp("Network.setBypassServiceWorker", {"bypass": True})
    page.go("/room/flood")
    page.wait(lambda: page.count(".message") > 0)
    took = page.js("""return [performance.getEntriesByType('paint').find(one => one.name === 'first-contentful-paint')?.startTime ?? 0,
        Math.max(...performance.getEntriesByType('resource').filter(one => /composer|main-screen/.test(one.name)).map(one => one.responseEnd))]""")
    bench.figures["pageCold"] = {"firstPaintMs": took[0], "lastNeededMs": took[1]}
    bench.row("page: cold load of a room", f"first paint {took[0]:.0f} ms, all scripts {took[1]:.0f} ms", "1,000 ms", "", max(took) <= 1000)
