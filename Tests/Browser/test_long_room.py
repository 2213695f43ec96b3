"""A room of a million messages: scrolled through fast, with jumps by link and by date; the page holds a part of it, and nothing jumps."""
import datetime

from acting import log_in, open_room
from selenium.webdriver.common.keys import Keys

COUNT = 1_000_000


def fill(everline, room, writer):
    """Lines of many heights, one every three minutes."""
    [[id, user]] = everline.sql(f"SELECT r.id, u.id FROM everline.rooms r, everline.users u WHERE r.name = '{room}' AND u.username = '{writer}'")
    for first in range(1, COUNT + 1, 250_000):
        everline.sql(f"""INSERT INTO everline.messages (room_id, seq, sender_id, client_id, body, sent_at)
            SELECT {id}, n, {user}, gen_random_uuid(), n || CASE n % 7 WHEN 0 THEN repeat(' 很長的一段話。', 1 + n % 40) WHEN 3 THEN E'\\n- a\\n- b\\n\\n```\\ncode\\n```' ELSE ' **bold**' END,
                timestamptz '2020-01-01' + n * interval '3 min' FROM generate_series({first}, {first + 249_999}) n""")
    everline.sql(f"UPDATE everline.room_counters SET last_seq = {COUNT} WHERE room_id = {id}")
    everline.sql("ANALYZE everline.messages")


def test_a_million_messages(own_everline, people):
    everline = own_everline
    writer = everline.user("writer", "太白")
    writer.result("room.create", room="million")
    fill(everline, "million", "writer")
    page = people("en-US", everline=everline)
    log_in(page, "writer")
    open_room(page, "million")
    page.wait(lambda: page.count(f'[data-seq="{COUNT}"]') == 1)
    page.js("""window.most = 0;
        new MutationObserver(() => (window.most = Math.max(window.most, document.querySelectorAll('.timeline *').length))).observe(document.querySelector('.messages'), {childList: true})""")
    first = "return Number(document.querySelector('.message').dataset.seq)"
    # As fast as a wheel turns: what is in the middle moves by what was turned, whatever is put above it and taken away below.
    turning = """
        const box = document.querySelector('.timeline'), jumps = [];
        const frame = () => new Promise(requestAnimationFrame);
        for (let turn = 0; turn < 100; turn++) {
            const at = box.getBoundingClientRect();
            const body = document.elementFromPoint(at.left + 200, at.top + at.height / 2)?.closest('.message')?.querySelector('.body');
            const [top, before] = [body?.getBoundingClientRect().top, box.scrollTop];
            box.scrollTop -= 300;
            const turned = before - box.scrollTop;
            await frame();
            await frame();
            if (body) jumps.push(body.isConnected ? Math.abs(body.getBoundingClientRect().top - top - turned) : Infinity);
        }
        return jumps;"""
    jumps, turns = [], 0
    # Where what lies above is waited for, it takes more of them.
    while turns < 9 or page.js(first) >= COUNT - 1_500:
        assert turns < 100
        jumps += page.js_async(turning)
        turns += 1
    assert len(jumps) > 500 and max(jumps) <= 1, max(jumps)
    # To messages anywhere, each in sight.
    inside = "const at = document.activeElement.getBoundingClientRect(), box = document.querySelector('.timeline').getBoundingClientRect(); return at.top >= box.top - 1 && at.bottom <= box.bottom + 1"
    for seq in (1, 500_000, 123_456, COUNT - 1, COUNT):
        page.js("history.pushState(null, '', arguments[0]); dispatchEvent(new Event('place'))", f"/room/million/{seq}")
        page.wait(lambda: page.js("return document.activeElement.dataset.seq") == str(seq))
        page.wait(lambda: page.js(inside))
    # To days: the first message of the day, by the reader's clock.
    for day in ("2020-01-05", "2023-06-15", "2025-08-31"):
        page.find("[data-action=calendar]").click()
        page.wait(lambda: page.js("const field = document.querySelector('dialog input[type=date]'); if (!field) return false; field.value = arguments[0]; return true", day))
        page.find_text("dialog button", "Go there").click()
        # Two in three minutes: the one before was of the day before.
        begins = datetime.datetime.fromisoformat(page.js("return new Date(`${arguments[0]}T00:00:00`).toISOString()", day))

        def begins_there():
            shown = datetime.datetime.fromisoformat(page.js("return document.activeElement.querySelector('time').dateTime"))
            return datetime.timedelta(0) <= shown - begins < datetime.timedelta(minutes=3)
        page.wait(lambda: page.count("dialog") == 0 and page.js("return !!document.activeElement.dataset.seq") and begins_there())
    page.press(Keys.ESCAPE)
    page.wait(lambda: page.js("return document.querySelector('.messages').lastElementChild.dataset.seq") == str(COUNT))
    assert page.js("return window.most") < 12_000
