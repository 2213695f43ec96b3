"""Whatever is written is shown as what it is: character for character, never as markup, and without breaking the page."""
import json
import random
import uuid

import fortunes
from acting import log_in, open_room
from selenium.webdriver.common.keys import Keys

PIECES = ["**", "*", "_", "~~", "`", "```", "\n", "> ", "- ", "1. ", "@", ":", " ", "  ", "https://example.org/x", "粗體", "字", "a", "B2", "<b>", "&amp;", "\\", "🎉", "\u202e", "\u200d", "é", "e\u0301", ")", "(", "。"]
HOSTILE = [
    "<script>document.title='taken'</script>", "<img src=x onerror=\"document.title='taken'\">", "\"><svg onload=alert(1)>", "javascript:alert(1)", "```a\n" * 3_000, "https://example.org/\"onmouseover=\"alert(1)",
    "[x](javascript:alert(1))", "</div></li></ol><h1>out</h1>", "{{constructor.constructor('return 1')()}}", "\u202e\u2066 txet desrever \u202d", "z" + "\u0301\u0302\u0336\u0489" * 300 + "algo",
    "x" * 16_384, "中" * 5_400, "\u200b\u200bx\u200b", "א" * 200 + " mixed with English " + "ش" * 200, "```\n" + "<i>" * 2000 + "\n```", "*" * 16_000, "`" * 16_000, "**a " * 4_000, "@" * 8_000, "> " * 8_000, "- x\n" * 4_000,
    "http://" * 2_000, "_a_" * 5_000, "\n" * 5_000 + "x", "🏳️‍🌈" * 1_000, "﷽" * 500, "𒐫" * 500,
]

FORMATTED = """
    const { formatted } = await import('/scripts/view/formatting.js');
    const shown = (text) => { const body = document.createElement('div'); body.append(...formatted(text, { me: 'me' })); return body; };
"""


def test_formatting_keeps_every_character(everline, people):
    page = people("en-US")
    drawn = random.Random(8)
    texts = ["".join(drawn.choice(PIECES) for _ in range(drawn.randint(1, 24))) for _ in range(4_000)]
    texts += fortunes.chinese()[:500] + fortunes.english()[:1_500] + HOSTILE
    page.js("window.texts = JSON.parse(arguments[0])", json.dumps(texts))
    wrong = page.js_async(FORMATTED + """
        const allowed = new Set('STRONG EM S CODE PRE BLOCKQUOTE UL OL LI A SPAN'.split(' '));
        return texts.filter((text) => {
            const body = shown(text);
            const tags = [...body.querySelectorAll('*')];
            return body.textContent !== text || tags.some((tag) => !allowed.has(tag.tagName) || [...tag.attributes].some(({ name }) => name.startsWith('on')))
                || [...body.querySelectorAll('a')].some((link) => !/^https?:$/.test(link.protocol));
        });""")
    assert wrong == []


def test_formatting_shows_what_was_meant(everline, people):
    page = people("en-US")
    cases = {
        "**bold** and *it* and ~~no~~": "<strong>bold</strong> and <em>it</em> and <s>no</s>", "這是**粗體**字": "這是<strong>粗體</strong>字",
        "2*3*4 and snake_case_name": "2*3*4 and snake_case_name", "`a*b*`": "<code>a*b*</code>", "``a`b``": "<code>a`b</code>", "**a *b* c**": "<strong>a <em>b</em> c</strong>",
        "** not **": "** not **", "\\*": "\\*", "> a\n> b": "<blockquote>a\nb</blockquote>", "- a\n- b": "<ul><li>a</li><li>b</li></ul>", "3. a\n4. b": "<ol><li>a</li><li>b</li></ol>",
        "```swift\nlet *x* = 1\n```": "<pre><code>let *x* = 1</code></pre>", "```\nopen": "```\nopen", "@me and a@me": "<span>@me</span> and a@me",
        "see https://example.org/a_b_c.": "see <a>https://example.org/a_b_c</a>.", "plain": "plain",
    }
    found = page.js_async(FORMATTED + f"""
        return Object.keys({json.dumps(cases)}).map((text) => {{
            const body = shown(text);
            for (const one of body.querySelectorAll('.marker')) one.remove();
            for (const one of body.querySelectorAll('*')) for (const {{ name }} of [...one.attributes]) one.removeAttribute(name);
            return body.innerHTML;
        }});""")
    assert dict(zip(cases, found)) == cases


def test_a_thousand_reactions(everline, people):
    tag = uuid.uuid4().hex[:6]
    room = f"Thousand {tag}"
    writer = everline.user(f"react{tag}")
    writer.result("room.create", room=room)
    writer.send(room, "well?")
    # More than a server gives away: another version of it might.
    hostile = "\u202e<b>長" * 5 + "z\u0336\u0301"
    everline.sql(f"""UPDATE everline.messages SET rev = 1, reactions = (SELECT jsonb_agg(jsonb_build_object('reaction', n || '{hostile}', 'count', 1000000000 + n,
            'users', '{json.dumps(["<i>" + chr(0x202e)] * 20)}'::jsonb)) FROM generate_series(1, 1000) n)
        WHERE room_id = (SELECT id FROM everline.rooms WHERE name = '{room}')""")
    everline.sql(f"UPDATE everline.room_counters SET last_rev = 1 WHERE room_id = (SELECT id FROM everline.rooms WHERE name = '{room}')")
    for size, phone in (((1200, 800), False), ((390, 844), True)):
        page = people("en-US", size=size, phone=phone)
        log_in(page, f"react{tag}")
        open_room(page, room)
        page.wait(lambda: page.count(".reaction") == 13)
        page.js("document.querySelector('.reaction-more').click()")
        page.wait(lambda: page.count(".reaction") == 1000)
        assert page.js("return [...document.querySelectorAll('.reaction')].every(one => { const at = one.getBoundingClientRect(); return at.left >= 0 && at.right <= innerWidth && at.height < 60; })")
        assert page.js("return document.documentElement.scrollWidth <= innerWidth") and page.count(".reaction b") == 0


def test_names_that_mean_something_in_addresses(everline, people):
    tag = uuid.uuid4().hex[:6]
    writer = everline.user(f"names{tag}")
    names = [name for name in (".", "..", f"a/b{tag}", f"%2e{tag}", f"~{tag}", f"?{tag}#x", f"%{tag}", f"a b+c&{tag}") if "result" in writer.call("room.create", room=name)]
    assert len(names) == 8
    for name in names:
        writer.send(name, f"in {name}")
    page = people("en-US")
    log_in(page, f"names{tag}")
    for name in names:
        open_room(page, name)
        page.wait(lambda: page.bodies()[-1:] == [f"in {name}"])
        page.driver.refresh()
        page.wait(lambda: page.bodies()[-1:] == [f"in {name}"])
        # A link to a message leads there.
        page.go(page.js_async(f"return (await import('/scripts/view/place.js')).roomPath({json.dumps(name)}, 1)"))
        page.wait(lambda: page.js("return document.activeElement.dataset.seq") == "1" and page.bodies()[-1:] == [f"in {name}"])
    # So does one that was copied into another room, as a part of a sentence.
    links = [page.js_async(f"return (await import('/scripts/view/place.js')).messageLink({json.dumps(name)}, 1)") for name in names]
    for name, link in zip(names, links):
        writer.send(f"~{tag}", f"See {link}.")
        page.go(page.js_async(f"return (await import('/scripts/view/place.js')).roomPath({json.dumps(f'~{tag}')})"))
        page.wait(lambda: page.bodies()[-1:] == [f"See {link}."])
        page.js("[...document.querySelectorAll('.message .body a')].at(-1).click()")
        if name != f"~{tag}":
            page.wait(lambda: page.bodies()[-1:] == [f"in {name}"])
        page.wait(lambda: page.js("return document.activeElement.dataset.seq") == "1")


def test_hostile_names_and_bodies(everline, people):
    tag = uuid.uuid4().hex[:6]
    room = f"<i>{tag}</i>\u202e\u0336\u0301"
    writer = everline.user(f"evil{tag}", "<b>\u202eeman</b> " + "Z\u0336\u0301\u0302" * 12)
    writer.result("room.create", room=room, title="<img src=x onerror=alert(1)>" + "長" * 150)
    sent = [writer.send(room, text) for text in HOSTILE]
    many = sent[0]["epoch"]
    for number in range(20):
        writer.result("message.react", room=room, epoch=many, seq=1, clientId=str(uuid.uuid4()), reaction=("<u>" if number % 2 else "語") + "x" * 20 + str(number))
    for size, phone in (((1200, 800), False), ((390, 844), True)):
        page = people("en-US", size=size, phone=phone)
        log_in(page, f"evil{tag}")
        open_room(page, room)
        page.wait(lambda: page.bodies()[-3:] == HOSTILE[-3:])
        page.wait(lambda: page.count('[data-seq="1"]') or page.js("document.querySelector('.timeline').scrollTop = 0"))
        page.wait(lambda: page.count('[data-seq="1"] .reaction') > 0)
        page.wait(lambda: page.bodies() == HOSTILE)
        # Nothing reaches beyond its place sideways.
        assert page.js("return document.documentElement.scrollWidth <= innerWidth && document.querySelector('.timeline').scrollWidth <= document.querySelector('.timeline').clientWidth")
        assert page.js("return [...document.querySelectorAll('.message .line, .room-names, .sidebar *')].filter(one => one.getBoundingClientRect().right > innerWidth + 1).length") == 0
        assert page.js("return document.querySelectorAll('.message i, .message h1, .message img, .message script, .room-name i').length") == 0
        assert "taken" not in page.js("return document.title")
        # A name's turned writing ends with the name.
        assert page.js("return [...document.querySelectorAll('.sender, .room-item-name, .user-name, .reaction-sign')].every(one => one.closest('bdi'))")
        # Marks heaped on letters do not reach into the lines above.
        assert page.js("return [...document.querySelectorAll('.message .body')].every(one => getComputedStyle(one).overflowY === 'clip')")


# What scrolls on purpose apart.
SIDEWAYS = """return [...document.querySelectorAll('body *')].filter(one => !one.closest('pre, .table-place, .chart-place, .part-nav') && one.checkVisibility()
    && one.scrollWidth > one.clientWidth && ['auto', 'scroll'].includes(getComputedStyle(one).overflowX) && one.tagName !== 'TEXTAREA').map(one => one.className)"""


def test_hostile_names_wherever_they_show(everline, people):
    tag = uuid.uuid4().hex[:6]
    room = f"{tag} " + "W" * 50
    names = {f"heap{tag}": "Z" + "\u0336\u0301\u0302" * 20, f"long{tag}": "W" * 64, f"turn{tag}": "אבג \u202ename", f"html{tag}": "<img src=x onerror=alert(1)><b>"}
    writers = {name: everline.user(name, shown) for name, shown in names.items()}
    owner = everline.user(f"own{tag}", "Owner")
    owner.result("room.create", room=room, title="W" * 100)
    for name, writer in writers.items():
        writer.result("room.join", room=room)
        epoch = writer.send(room, f"needle{tag} @own{tag} " + "w" * 300)["epoch"]
    for seq in range(1, 5):
        owner.result("message.send", room=room, clientId=str(uuid.uuid4()), body="answered", replyTo=seq, epoch=epoch)
    admin = everline.line()
    admin.result("auth.login", username="admin", password=(everline.home / "admin-password").read_text().strip())
    for width in (1280, 375):
        page = people("zh-TW", size=(width, 800))
        page.run_cdp("Emulation.setDeviceMetricsOverride", {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False})
        found = {}

        def look(view):
            if page.js("return document.documentElement.scrollWidth > innerWidth"):
                found[f"{view} {width}"] = "the page"
            elif wrong := page.js(SIDEWAYS):
                found[f"{view} {width}"] = wrong
            # An initial stays in its circle.
            heaped = page.js("return [...document.querySelectorAll('.avatar')].map(one => one.textContent).filter(text => (text.match(/\\p{M}/gu) ?? []).length > 2)")
            if heaped:
                found[f"{view} {width}, initials"] = heaped

        log_in(page, f"own{tag}")
        page.wait(lambda: page.count(".room-item") > 0)
        look("rooms")
        open_room(page, room)
        page.wait(lambda: page.count(".replied-name") == 4)
        look("room")
        page.fill(".composer-text", "@")
        page.wait(lambda: page.count(".completion-place *") > 0)
        look("names to choose from")
        page.fill(".composer-text", "")
        page.js("document.querySelector('[data-seq=\"2\"]').focus()")
        page.press("r")
        page.find(".composer-context:not([hidden])")
        look("answer")
        for name in ("members", "settings"):
            page.js("document.querySelector(arguments[0]).click()", f"[data-action={name}]")
            page.wait(lambda: page.count("dialog[open]") == 1 and page.count("dialog [aria-busy]") == 0)
            look(name)
            page.js("document.querySelector('dialog').close()")
        page.go(f"/search?q=needle{tag}")
        page.wait(lambda: page.count(".hit") == 4)
        look("search")
        page.js("localStorage.clear()")
        page.go("/")
        page.fill("input[name=username]", "admin")
        page.fill("input[name=password]", (everline.home / "admin-password").read_text().strip())
        page.press(Keys.ENTER)
        page.find(".sidebar, .main")
        page.go(f"/admin/users?q={tag}")
        page.wait(lambda: page.count("tbody tr") == 5)
        look("users")
        # A name from right to left begins where the others do.
        assert page.js("return [...document.querySelectorAll('tbody .user-name')].every(one => getComputedStyle(one).textAlign === 'left')")
        assert found == {}, found
