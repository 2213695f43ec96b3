"""Answers, reactions, changes, drafts, and finding the way in a long room."""
import re
import uuid

from acting import create_room, log_in, open_room, register, shows, write
from selenium.webdriver.common.keys import Keys


def room_of(everline, tag, texts, *others):
    """A room by one writer, with others in it; the connections and the epoch."""
    room = f"對話 {tag}"
    writer = everline.user(f"writer{tag}", "太白")
    writer.result("room.create", room=room)
    joined = [everline.user(f"{name}{tag}", name.title()) for name in others]
    for one in joined:
        one.result("room.join", room=room)
    epoch = None
    ids = [writer.write("message.send", {"room": room, "clientId": str(uuid.uuid4()), "body": text}) for text in texts]
    for id in ids:
        epoch = writer.answer(id)["result"]["epoch"]
    return room, writer, joined, epoch


def focus_message(page, seq):
    page.wait(lambda: page.js("const item = document.querySelector(`[data-seq='${arguments[0]}']`); item?.focus(); return document.activeElement === item", seq))


def press_action(page, seq, label):
    focus_message(page, seq)
    page.wait(lambda: page.js(
        "const one = [...document.querySelectorAll('.message-actions button')].find(button => button.getAttribute('aria-label') === arguments[0]); one?.click(); return !!one", label))


def test_answers_reactions_changes(everline, people):
    tag = uuid.uuid4().hex[:6]
    room, writer, (du,), epoch = room_of(everline, tag, ["床前明月光", "疑是地上霜"], "du")
    page = people("en-US")
    log_in(page, f"du{tag}")
    open_room(page, room)
    shows(page, ["床前明月光", "疑是地上霜"])
    # An answer names what it answers, and leads there.
    press_action(page, 1, "Reply")
    page.find(".composer-context")
    write(page, "好詩")
    page.wait(lambda: page.bodies() == ["床前明月光", "疑是地上霜", "好詩"])
    assert writer.result("history.page", room=room, after=2)["messages"][0]["replyTo"] == 1
    page.wait(lambda: page.js("return document.querySelector('.replied')?.textContent.includes('床前明月光')"))
    page.js("document.querySelector('.replied').click()")
    page.wait(lambda: page.js("return document.activeElement.dataset.seq") == "1")
    page.wait(lambda: page.js("return location.pathname").endswith("/1"))
    # A reaction from the bar, another by name, one taken back.
    press_action(page, 2, "React with 👍")
    page.wait(lambda: page.js("return document.querySelector('[data-seq=\"2\"] .reaction')?.getAttribute('aria-pressed')") == "true")
    writer.result("message.react", room=room, epoch=epoch, seq=2, clientId=str(uuid.uuid4()), reaction="👍")
    page.wait(lambda: page.js("return document.querySelector('[data-seq=\"2\"] .reaction-count').textContent") == "2")
    press_action(page, 2, "Add a reaction")
    page.fill(".emoji-dialog input", "party popper")
    page.wait(lambda: page.count(".emoji-dialog .emoji") > 0 and page.js("return document.querySelector('.emoji-dialog .emoji').textContent") == "🎉")
    page.press(Keys.ENTER)
    page.wait(lambda: page.count('[data-seq="2"] .reaction') == 2)
    page.js("document.querySelector('[data-seq=\"2\"] .reaction').click()")
    page.wait(lambda: page.js("return document.querySelector('[data-seq=\"2\"] .reaction').getAttribute('aria-pressed')") == "false")
    # The last line again, by the arrow; nobody else's.
    page.js("document.querySelector('.composer-text').focus()")
    page.press(Keys.ARROW_UP)
    page.wait(lambda: page.js("return document.querySelector('.composer-text').value") == "好詩")
    page.press("，好詩", Keys.ENTER)
    page.wait(lambda: page.bodies()[-1] == "好詩，好詩")
    page.wait(lambda: page.count('[data-seq="3"] .edited') == 1)
    focus_message(page, 1)
    assert page.js("return [...document.querySelectorAll('.message-actions button')].map(one => one.getAttribute('aria-label'))") == [
        "React with 👍", "React with ❤️", "React with 🎉", "Add a reaction", "Reply", "Copy link", "Copy text"]
    press_action(page, 3, "Delete")
    page.find_text("dialog button", "Delete").click()
    page.wait(lambda: page.bodies() == ["床前明月光", "疑是地上霜"] and page.count(".tombstone") == 1)


def test_drafts_names_and_emoji(everline, people):
    tag = uuid.uuid4().hex[:6]
    room, writer, _, _ = room_of(everline, tag, ["開始"], "du", "ada")
    page = people("en-US")
    log_in(page, f"writer{tag}")
    open_room(page, room)
    shows(page, ["開始"])
    page.fill(".composer-text", "half a th")
    page.driver.refresh()
    page.wait(lambda: page.js("return document.querySelector('.composer-text')?.value") == "half a th")
    page.fill(".composer-text", "ask @du")
    page.wait(lambda: page.js("return document.querySelector('.completion:not([hidden]) [aria-selected=true]')?.textContent.includes('Du')"))
    page.press(Keys.ENTER)
    page.wait(lambda: page.js("return document.querySelector('.composer-text').value") == f"ask @du{tag} ")
    assert page.count(".pending") == 0
    page.press(":rocke")
    page.wait(lambda: page.count(".completion:not([hidden]) .completion-item") > 0)
    page.press(Keys.TAB)
    page.wait(lambda: page.js("return document.querySelector('.composer-text').value") == f"ask @du{tag} 🚀 ")
    page.press(Keys.ENTER)
    shows(page, ["開始", f"ask @du{tag} 🚀 "])
    # Who is named sees so, and the others' title counts.
    du = people()
    log_in(du, f"du{tag}")
    open_room(du, room)
    du.wait(lambda: du.count(".message.names-me .mention.me") == 1)
    create_room(du, f"別處 {tag}")
    writer.send(room, "一"), writer.send(room, "二")
    du.wait(lambda: du.js("return document.title").startswith("(2) "))
    du.wait(lambda: du.js("return [...document.querySelectorAll('.room-item.has-unread .room-item-name')].map(one => one.textContent)") == [room])
    open_room(du, room)
    du.wait(lambda: du.count(".unread-from") == 1 and not du.js("return document.title").startswith("("))


def test_ways_through_a_long_room(everline, people):
    tag = uuid.uuid4().hex[:6]
    room, writer, _, _ = room_of(everline, tag, [f"第 {n} 行" for n in range(1, 1501)])
    page = people("en-US")
    log_in(page, f"writer{tag}")
    address = page.js("return encodeURIComponent(arguments[0])", room)
    page.go(f"/room/{address}/123")
    page.wait(lambda: page.js("return document.activeElement.dataset.seq") == "123")
    inside = "const at = document.activeElement.getBoundingClientRect(), box = document.querySelector('.timeline').getBoundingClientRect(); return at.top >= box.top && at.bottom <= box.bottom"
    page.wait(lambda: page.js(inside) and page.count(".message.target") == 1)
    # However far one goes, the page holds a part of the room.
    for _ in range(12):
        page.js("const box = document.querySelector('.timeline'); box.scrollTop = box.scrollHeight")
        page.wait(lambda: page.js("const box = document.querySelector('.timeline'); return box.scrollHeight - box.scrollTop - box.clientHeight > 300 || !!document.querySelector('[data-seq=\"1500\"]')"))
        assert page.count(".message") <= 720
    page.js("const jump = document.querySelector('.jump'); if (!jump.hidden) jump.click()")
    page.wait(lambda: page.js("return document.querySelector('.messages:not(.pending-messages)').lastElementChild.dataset.seq") == "1500")
    # A number that is not there is said, and the newest stay.
    page.go(f"/room/{address}/99999")
    page.wait(lambda: "no message number 99,999" in page.text())
    # To a day: that of the first, and so it is.
    page.find("[data-action=calendar]").click()
    sent = writer.result("history.page", room=room, after=0, limit=1)["messages"][0]["sentAt"]
    today = page.js("return new Date(arguments[0]).toLocaleDateString('sv')", sent)
    page.wait(lambda: page.js("const day = document.querySelector('dialog input[type=date]'); if (!day) return false; day.value = arguments[0]; return true", today))
    page.find_text("dialog button", "Go there").click()
    page.wait(lambda: page.js("return document.activeElement.dataset.seq") == "1")


def test_keys(everline, people):
    tag = uuid.uuid4().hex[:6]
    room, writer, _, _ = room_of(everline, tag, ["一", "二", "三"])
    writer.result("room.create", room=f"Zweites {tag}")
    page = people("en-US")
    log_in(page, f"writer{tag}")
    page.press("?")
    page.wait(lambda: "Keyboard shortcuts" in page.text() and page.count("dialog kbd") > 20)
    page.press(Keys.ESCAPE)
    page.wait(lambda: page.count("dialog") == 0)
    page.chord(Keys.CONTROL, "k")
    page.fill("dialog input", "zweit")
    page.press(Keys.ENTER)
    page.wait(lambda: page.js("return document.querySelector('.room-name bdi')?.textContent") == f"Zweites {tag}")
    page.chord(Keys.ALT, Keys.ARROW_DOWN)
    page.wait(lambda: page.js("return document.querySelector('.room-name bdi')?.textContent") == room)
    shows(page, ["一", "二", "三"])
    # From message to message; R answers the one with the keyboard.
    page.js("document.querySelector('.timeline').focus()")
    page.press(Keys.ARROW_UP, Keys.ARROW_UP)
    page.wait(lambda: page.js("return document.activeElement.dataset.seq") == "2")
    page.press("r")
    page.wait(lambda: page.js("return document.querySelector('.composer-about')?.textContent.includes('二') && document.activeElement.matches('.composer-text')"))
    page.press(Keys.ESCAPE)
    page.wait(lambda: page.js("return document.querySelector('.composer-context').hidden"))
    page.press("bold")
    page.chord(Keys.CONTROL, "a")
    page.chord(Keys.CONTROL, "b")
    page.press(Keys.ENTER)
    page.wait(lambda: page.js("return document.querySelector('.message strong')?.innerText") == "bold")


def test_rooms_are_made_left_and_kept(everline, people):
    tag = uuid.uuid4().hex[:6]
    everline.user(f"guest{tag}", "客")
    page = people("en-US")
    register(page, f"host{tag}", "Host")
    create_room(page, f"Salon {tag}")
    page.find("[data-action=settings]").click()
    page.wait(lambda: "Settings of Salon" in page.text())
    page.press(Keys.ESCAPE)
    page.find("[data-action=members]").click()
    page.wait(lambda: re.search("1 member", page.text()))
    page.press(Keys.ESCAPE)
    page.wait(lambda: page.count("dialog") == 0)
    page.find(".rooms-top button").click()
    page.fill("dialog[open] input[name=room]", f"Secret {tag}")
    page.find("dialog input[value=private]").click()
    page.find("dialog button[type=submit]").click()
    page.wait(lambda: page.js("return document.querySelector('.room-name bdi')?.textContent") == f"Secret {tag}")
    page.find("[data-action=members]").click()
    page.fill("dialog input[name=invitee]", f"guest{tag}")
    page.press(Keys.ENTER)
    page.wait(lambda: page.count(".member") == 2)
    page.press(Keys.ESCAPE)
    page.wait(lambda: page.count("dialog") == 0)
    page.find("[data-action=leave]").click()
    page.find_text("dialog button", "Leave").click()
    page.wait(lambda: f"Secret {tag}" not in page.js("return [...document.querySelectorAll('.room-item-name')].map(one => one.textContent)"))


def test_a_flood_keeps_the_page_alive_and_whole(everline, people):
    """More than anybody can read: the newest are shown, the page holds a part of the room, and nothing is missing for who scrolls."""
    tag = uuid.uuid4().hex[:6]
    room, writer, _, _ = room_of(everline, tag, ["第 0 行"])
    page = people("zh-TW")
    log_in(page, f"writer{tag}")
    open_room(page, room)
    page.wait(lambda: page.bodies() == ["第 0 行"])
    page.js("""window.most = 0;
        new MutationObserver(() => (window.most = Math.max(window.most, document.querySelectorAll('.message').length))).observe(document.querySelector('.messages'), {childList: true})""")
    count = 3000
    ids = [writer.write("message.send", {"room": room, "clientId": str(uuid.uuid4()), "body": f"第 {n} 行"}) for n in range(1, count + 1)]
    for id in ids:
        assert "result" in writer.answer(id)
    page.wait(lambda: page.bodies()[-1:] == [f"第 {count} 行"])
    assert page.js("return window.most") <= 720
    def newest():
        bodies = page.bodies()
        return bodies == [f"第 {n} 行" for n in range(count + 1 - len(bodies), count + 1)] and len(bodies) >= 100
    page.wait(newest)
    page.wait(lambda: page.js("const box = document.querySelector('.timeline'); return box.scrollHeight - box.scrollTop - box.clientHeight") < 48)
    # What was not drawn is there.
    for _ in range(3):
        first = int(page.js("return document.querySelector('.message').dataset.seq"))
        page.js("document.querySelector('.timeline').scrollTop = 0")
        page.wait(lambda: int(page.js("return document.querySelector('.message').dataset.seq")) < first)
    # Both at one moment.
    seq, bodies = page.js("return [document.querySelector('.message').dataset.seq, [...document.querySelectorAll('.messages:not(.pending-messages) .message .body')].map(item => item.textContent)]")
    assert bodies == [f"第 {n} 行" for n in range(int(seq) - 1, int(seq) - 1 + len(bodies))]
    # One's own is followed to, from wherever one was.
    write(page, "我的")
    page.wait(lambda: page.bodies()[-1:] == ["我的"])


def test_notifications_by_choice(everline, people):
    tag = uuid.uuid4().hex[:6]
    room, writer, _, _ = room_of(everline, tag, ["開始"])
    other = everline.user(f"ringer{tag}", "敲鐘人")
    other.result("room.join", room=room)
    page = people("zh-TW")
    page.run_cdp("Browser.grantPermissions", {"origin": page.url, "permissions": ["notifications"]})
    log_in(page, f"writer{tag}")
    open_room(page, room)
    page.wait(lambda: page.bodies() == ["開始"])
    page.find(".sidebar-account").click()
    page.find("a[href='/account/appearance']").click()
    page.find("input[name=notify]")
    page.js("document.querySelector('input[name=notify][value=mentions]').click()")
    page.wait(lambda: page.js("return document.querySelector('input[name=notify][value=mentions]').checked"))
    # What the browser would show on the desktop, which a test cannot see.
    page.js("""window.shown = [];
        const Real = Notification;
        window.Notification = class extends Real { constructor(title, options) { super(title, options); window.shown.push([title, options.body]); } };""")
    other.send(room, "誰都可以看的")
    other.send(room, f"@writer{tag} 快來")
    page.wait(lambda: page.js("return window.shown.length") > 0)
    [[title, body]] = page.js("return window.shown")
    assert "敲鐘人" in title and room in title and body == f"@writer{tag} 快來"
    # The title counts it, whatever was chosen.
    page.wait(lambda: page.driver.title.startswith("("))
    page.js("document.querySelector('input[name=notify][value=off]').click()")
    kept = "return JSON.parse(localStorage.getItem('everline.preferences')).notify"
    page.wait(lambda: page.js(kept) == "off")
    before = page.driver.title
    other.send(room, f"@writer{tag} 再來")
    page.wait(lambda: page.driver.title != before)
    assert page.js("return window.shown.length") == 1


def test_a_search_leads_to_the_place(everline, people):
    tag = uuid.uuid4().hex[:6]
    room, writer, (du,), _ = room_of(everline, tag, [f"第 {n} 行" for n in range(1, 400)], "du")
    du.send(room, f"尋{tag}覓 once")
    for n in range(300):
        writer.send(room, f"之後 {n}")
    other, _, _, _ = room_of(everline, f"x{tag}", ["別處"])
    everline.user(f"writer{tag}").result("room.join", room=other)
    writer.send(other, f"尋{tag}覓 elsewhere")
    page = people("en-US")
    log_in(page, f"writer{tag}")
    page.find(".sidebar a[href='/search']").click()
    page.fill("input[name=q]", f"尋{tag}覓")
    page.press(Keys.ENTER)
    page.wait(lambda: page.count(".hit") == 2)
    assert page.js("return [...document.querySelectorAll('.hit mark')].map(one => one.textContent).join('')") == f"尋{tag}覓" * 2
    page.js("document.querySelector('.search-filters').open = true")
    page.fill("input[name=from]", f"@du{tag}")
    page.js("document.querySelector('input[name=until]').value = new Date().toLocaleDateString('sv')")
    page.find("button[type=submit]").click()
    page.wait(lambda: page.count(".hit") == 1)
    page.find(".hit-link").click()
    page.wait(lambda: page.js("return document.activeElement.dataset.seq") == "400")
    # Back to what was found, as it was sought.
    page.driver.back()
    page.wait(lambda: page.count(".hit") == 1 and page.js("return document.querySelector('input[name=from]').value") == f"du{tag}")
