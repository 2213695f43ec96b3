"""The page, used as people use it, in a real Chromium."""
import os
import signal
import uuid

import fortunes
from acting import create_room, log_in, open_room, register, shows, write
from running import PASSWORD
from selenium.webdriver.common.keys import Keys


def test_two_people_and_a_program(everline, people):
    tag = uuid.uuid4().hex[:6]
    room = f"唐詩 {tag}"
    li, du = people(), people("en-US")
    register(li, f"李白{tag}", "李太白")
    assert li.language() == "zh-Hant"
    register(du, f"dufu{tag}", "Du Fu")
    assert du.language() == "en"
    create_room(li, room)
    write(li, "床前明月光")
    shows(li, ["床前明月光"])
    du.driver.refresh()
    open_room(du, room)
    du.find(".join-bar button").click()
    du.find(".composer-text")
    shows(du, ["床前明月光"])
    write(du, "Before my bed the moonlight <b>glitters</b> & https://example.org/?a=1&b=2")
    program = everline.user(f"program{tag}", "程式")
    program.result("room.join", room=room)
    program.result("room.open", room=room)
    shows(li, ["床前明月光", "Before my bed the moonlight <b>glitters</b> & https://example.org/?a=1&b=2"])
    program.send(room, "第三行\nfrom a program 🌕")
    for page in (li, du):
        shows(page, ["床前明月光", "Before my bed the moonlight <b>glitters</b> & https://example.org/?a=1&b=2", "第三行\nfrom a program 🌕"])
    assert li.count(".message .body b") == 0
    # The switch of languages.
    du.find_text("button, label, [role=radio]", "中文").click()
    du.wait(lambda: du.language() == "zh-Hant")
    # Composing Chinese: Enter takes the candidate and does not send.
    li.js("""const box = document.querySelector('.composer-text');
        box.focus();
        box.dispatchEvent(new CompositionEvent('compositionstart'));
        box.value = '疑是';
        box.dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter', isComposing: true, keyCode: 229, bubbles: true, cancelable: true}));""")
    program.send(room, "第四行")
    li.wait(lambda: len(li.bodies()) == 4)
    assert li.bodies()[-1] == "第四行" and li.count(".pending") == 0


def test_an_input_method(everline, people):
    """As an input method of the system composes, through the browser: Enter takes the candidate, and only the next one sends."""
    tag = uuid.uuid4().hex[:6]
    page = people("zh-TW")
    register(page, f"ime{tag}", "注音")
    create_room(page, f"注音 {tag}")
    enter = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13}
    page.find(".composer-text").click()
    page.run_cdp("Input.imeSetComposition", {"text": "ㄔㄨㄤ", "selectionStart": 3, "selectionEnd": 3})
    page.run_cdp("Input.dispatchKeyEvent", {"type": "rawKeyDown", **enter, "windowsVirtualKeyCode": 229})
    page.run_cdp("Input.insertText", {"text": "床前明月光"})
    page.run_cdp("Input.dispatchKeyEvent", {"type": "keyUp", **enter})
    page.wait(lambda: page.js("return document.querySelector('.composer-text').value") == "床前明月光")
    assert page.bodies() == [] and page.count(".pending") == 0
    # A draft that is being composed is kept as well.
    page.run_cdp("Input.imeSetComposition", {"text": "，ㄧˊ", "selectionStart": 3, "selectionEnd": 3})
    page.wait(lambda: page.js("return Object.entries(localStorage).some(([key, value]) => key.startsWith('everline.draft.') && value.includes('床前明月光，'))"))
    page.run_cdp("Input.insertText", {"text": "，疑是地上霜"})
    page.press(Keys.ENTER)
    shows(page, ["床前明月光，疑是地上霜"])
    # Nor does Enter go to a room while its name is being composed.
    page.chord(Keys.CONTROL, "k")
    page.find("dialog input").click()
    page.run_cdp("Input.imeSetComposition", {"text": "ㄓㄨˋ", "selectionStart": 3, "selectionEnd": 3})
    page.run_cdp("Input.dispatchKeyEvent", {"type": "rawKeyDown", **enter, "windowsVirtualKeyCode": 229})
    page.run_cdp("Input.insertText", {"text": "注"})
    page.wait(lambda: page.js("return document.querySelector('dialog input').value") == "注")



def test_an_input_method_in_every_field(everline, people):
    """No key of an input method sends, closes, chooses or leaves anything."""
    tag = uuid.uuid4().hex[:6]
    page = people("zh-TW")
    shown = """return [location.href, ...['dialog[open]', '.form-error:not([hidden])', '.message', '.sidebar', '.composer-context:not([hidden])', '.completion:not([hidden])']
        .map(css => document.querySelectorAll(css).length), document.activeElement.className]"""

    def compose(css, text="ㄔㄨㄤˊ"):
        page.wait(lambda: page.js("const field = document.querySelector(arguments[0]); field.focus(); return document.activeElement === field", css))
        page.run_cdp("Input.imeSetComposition", {"text": text, "selectionStart": len(text), "selectionEnd": len(text)})
        page.wait(lambda: text in page.js("return document.querySelector(arguments[0]).value", css))
        before = page.js(shown)
        for key in ("Enter", "Escape", "ArrowDown", "Tab"):
            page.run_cdp("Input.dispatchKeyEvent", {"type": "rawKeyDown", "key": key, "code": key, "windowsVirtualKeyCode": 229})
            page.run_cdp("Input.dispatchKeyEvent", {"type": "keyUp", "key": key, "code": key})
        assert page.js(shown) == before, css
        page.run_cdp("Input.insertText", {"text": "床"})
        page.wait(lambda: "床" in page.js("return document.querySelector(arguments[0]).value", css))

    def within(opener, *fields):
        page.find(opener).click()
        for field in fields:
            compose(f"dialog[open] {field}")
        page.js("document.querySelector('dialog').close()")
        page.wait(lambda: page.count("dialog") == 0)

    compose("input[name=username]")
    compose("input[name=password]")
    page.driver.refresh()
    register(page, f"every{tag}", "王維")
    within(".rooms-top button", "input[name=room]", "input[name=title]")
    create_room(page, f"每格 {tag}")
    write(page, "第一行")
    shows(page, ["第一行"])
    page.press("@")
    page.find(".completion")
    compose(".composer-text", "王")
    page.fill(".composer-text", "")
    page.press(Keys.ARROW_UP)
    page.find(".composer-context:not([hidden])")
    compose(".composer-text")
    page.press(Keys.ESCAPE)
    within("[data-action=members]", "input[name=invitee]", "input[type=search]")
    within("[data-action=settings]", "input[name=title]")
    within(".composer-smile", "input[type=search]")
    compose(".room-list input")
    page.go("/search")
    compose("input[name=q]")
    page.js("document.querySelector('.search-filters').open = true")
    compose("input[name=from]")
    page.go("/account/profile")
    compose("input[name=displayName]")
    assert page.bodies() == []


def test_what_becomes_of_messages_is_shown(everline, people):
    tag = uuid.uuid4().hex[:6]
    room = f"改 {tag}"
    writer = everline.user(f"editor{tag}")
    writer.result("room.create", room=room)
    sent = [writer.send(room, text) for text in ("床前明月光", "疑是地上霜", "舉頭望山月")]
    page = people()
    log_in(page, f"editor{tag}")
    open_room(page, room)
    shows(page, ["床前明月光", "疑是地上霜", "舉頭望山月"])
    revise = {"room": room, "epoch": sent[0]["epoch"]}
    writer.result("message.edit", **revise, seq=3, clientId=str(uuid.uuid4()), body="舉頭望明月")
    writer.result("message.delete", **revise, seq=2, clientId=str(uuid.uuid4()))
    shows(page, ["床前明月光", "舉頭望明月"])
    page.wait(lambda: page.count(".message .edited") == 1 and page.count(".message .tombstone") == 1)
    # Once more after the page was loaded anew.
    page.driver.refresh()
    shows(page, ["床前明月光", "舉頭望明月"])
    page.wait(lambda: page.count(".message .edited") == 1 and page.count(".message .tombstone") == 1)


def test_scrolling_back_through_poems(everline, people):
    tag = uuid.uuid4().hex[:6]
    room = f"全唐詩 {tag}"
    writer = everline.user(f"writer{tag}")
    writer.result("room.create", room=room)
    poems = (fortunes.chinese() * 2)[:400] + fortunes.english()[:200]
    ids = [writer.write("message.send", {"room": room, "clientId": str(uuid.uuid4()), "body": poem}) for poem in poems]
    assert all("result" in writer.answer(id) for id in ids)
    writer.send(room, "尾聲")
    page = people()
    log_in(page, f"writer{tag}")
    open_room(page, room)
    page.wait(lambda: page.bodies()[-1] == "尾聲")
    seen, jumps = {}, []
    for _ in range(400):
        seen |= {int(seq): body for seq, body in page.js(
            "return [...document.querySelectorAll('.message[data-seq]')].map(item => [item.dataset.seq, item.querySelector('.body').textContent])")}
        if 1 in seen:
            break
        # A line on screen stays where it is while older ones are put above it.
        jumps.append(abs(page.js_async("""
            const box = document.querySelector('.timeline');
            box.scrollTop = Math.min(box.scrollTop, 40);
            const top = box.getBoundingClientRect().top;
            const mark = [...box.querySelectorAll('.message[data-seq] .body')].find(item => item.getBoundingClientRect().bottom > top + 60);
            const before = mark.getBoundingClientRect().top;
            const first = box.querySelector('.message[data-seq]').dataset.seq;
            for (let turn = 0; turn < 100; turn++) {
                await new Promise(done => requestAnimationFrame(done));
                if (box.querySelector('.message[data-seq]').dataset.seq !== first) break;
            }
            for (let turn = 0; turn < 4; turn++) await new Promise(done => requestAnimationFrame(done));
            return mark.isConnected ? mark.getBoundingClientRect().top - before : 0;""")))
    assert sorted(seen) == list(range(1, 602))
    assert [seen[n] for n in range(1, 602)] == poems + ["尾聲"]
    assert max(jumps) <= 2, jumps


def test_the_gateway_dies_and_comes_back(own_everline, people):
    everline = own_everline
    page = people("en-US", everline=everline)
    register(page, "phoenix", "鳳凰")
    create_room(page, "ashes")
    write(page, "before")
    shows(page, ["before"])
    other = everline.user("other")
    other.result("room.join", room="ashes")
    os.kill(everline.pid("message-gateway-0"), signal.SIGSTOP)
    write(page, "while it was away")
    page.wait(lambda: page.bodies(".pending .body") == ["while it was away"])
    everline.kill("message-gateway-0")
    write(page, "and once more")
    shows(page, ["before", "while it was away", "and once more"], 120)
    page.wait(lambda: page.count(".pending") == 0)
    again = everline.user("other")
    again.send("ashes", "after")
    everything = ["before", "while it was away", "and once more", "after"]
    shows(page, everything)
    assert [one["body"] for one in again.result("history.page", room="ashes", after=0)["messages"]] == everything
    # A reload keeps the user and the room.
    page.driver.refresh()
    shows(page, everything)


def test_keyboard_phone_and_dark(everline, people):
    tag = uuid.uuid4().hex[:6]
    page = people("zh-TW", size=(390, 844), dark=True, phone=True)
    fits = "return document.documentElement.scrollWidth <= innerWidth"
    register(page, f"phone{tag}", "手機")
    assert page.js(fits)
    create_room(page, f"口袋 {tag}")
    write(page, "一" * 400)
    page.wait(lambda: len(page.bodies()) == 1)
    assert page.js(fits)
    color = page.js("return getComputedStyle(document.body).backgroundColor")
    assert all(int(part) < 60 for part in color[4:-1].split(",")[:3]), color
    # By keyboard alone.
    desk = people("en-US")
    desk.find("input[name=username]")
    desk.press(f"phone{tag}", Keys.TAB)
    desk.fill("input[name=password]", PASSWORD)
    desk.press(Keys.ENTER)
    desk.find(".sidebar")
    open_room(desk, f"口袋 {tag}")
    desk.js("document.querySelector('.composer-text').focus()")
    desk.press("two")
    desk.chord(Keys.SHIFT, Keys.ENTER)
    desk.press("lines", Keys.ENTER)
    desk.wait(lambda: desk.bodies()[-1:] == ["two\nlines"])
    # Everything that can be pressed or filled has a name.
    assert desk.js("""return [...document.querySelectorAll('button, input, textarea, [role=log]')].filter(item => item.offsetParent &&
        !(item.getAttribute('aria-label') || item.textContent.trim() || item.labels?.length || item.getAttribute('aria-labelledby'))).map(item => item.outerHTML)""") == []


def test_wrong_password_is_said(everline, people):
    page = people("en-US")
    page.fill("input[name=username]", "nobody")
    page.fill("input[name=password]", "wrong password")
    page.find("button[type=submit]").click()
    page.wait(lambda: "The username or the password is wrong." in page.text())
    page.wait(lambda: page.js("return document.activeElement.name") == "username")
