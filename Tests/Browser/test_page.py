"""The page, used as people use it, in a real Chromium."""
import os
import signal
import uuid

import fortunes
from playwright.sync_api import expect
from running import PASSWORD


def register(page, name, shown):
    page.get_by_role("button", name="建立帳號").or_(page.get_by_role("button", name="Create an account")).click()
    page.locator("input[name=username]").fill(name)
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("input[name=displayName]").fill(shown)
    page.locator("button[type=submit]").click()
    expect(page.locator(".sidebar")).to_be_visible()


def log_in(page, name):
    page.locator("input[name=username]").fill(name)
    page.locator("input[name=password]").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator(".sidebar")).to_be_visible()


def create_room(page, room):
    page.locator(".rooms-top button").click()
    page.locator("dialog input").first.fill(room)
    page.locator("dialog button[type=submit]").click()
    expect(page.locator("dialog")).to_have_count(0)


def write(page, text):
    page.locator(".composer-text").fill(text)
    page.keyboard.press("Enter")


def bodies(page):
    return page.locator(".messages:not(.pending-messages) .message .body").all_inner_texts()


def open_room(page, room):
    page.locator(".sidebar").get_by_text(room, exact=True).first.click()
    expect(page.locator(".composer-text, .join-bar, .timeline").first).to_be_visible()


def test_two_people_and_a_program(everline, people):
    tag = uuid.uuid4().hex[:6]
    room = f"唐詩 {tag}"
    li, du = people(), people("en-US")
    register(li, f"李白{tag}", "李太白")
    expect(li.locator("html")).to_have_attribute("lang", "zh-Hant")
    register(du, f"dufu{tag}", "Du Fu")
    expect(du.locator("html")).to_have_attribute("lang", "en")
    create_room(li, room)
    write(li, "床前明月光")
    expect(li.locator(".message .body")).to_have_text(["床前明月光"])
    du.reload()
    open_room(du, room)
    du.get_by_role("button", name="Join").last.click()
    expect(du.locator(".message .body")).to_have_text(["床前明月光"])
    write(du, "Before my bed the moonlight <b>glitters</b> & https://example.org/?a=1&b=2")
    program = everline.user(f"program{tag}", "程式")
    program.result("room.join", room=room)
    program.result("room.open", room=room)
    program.send(room, "第三行\nfrom a program 🌕")
    expected = ["床前明月光", "Before my bed the moonlight <b>glitters</b> & https://example.org/?a=1&b=2", "第三行\nfrom a program 🌕"]
    for page in (li, du):
        expect(page.locator(".messages:not(.pending-messages) .message")).to_have_count(3)
        assert bodies(page) == expected
    assert li.locator(".message .body b").count() == 0
    # The switch of languages.
    du.get_by_role("button", name="中文").or_(du.get_by_text("中文", exact=True)).first.click()
    expect(du.locator("html")).to_have_attribute("lang", "zh-Hant")
    # Composing Chinese: Enter takes the candidate and does not send.
    li.locator(".composer-text").focus()
    li.locator(".composer-text").evaluate("""box => {
        box.dispatchEvent(new CompositionEvent('compositionstart'));
        box.value = '疑是';
        box.dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter', isComposing: true, keyCode: 229, bubbles: true, cancelable: true}));
    }""")
    li.wait_for_timeout(300)
    assert len(bodies(li)) == 3


def test_scrolling_back_through_poems(everline, people):
    tag = uuid.uuid4().hex[:6]
    room = f"全唐詩 {tag}"
    writer = everline.user(f"writer{tag}")
    writer.result("room.create", room=room)
    poems = (fortunes.chinese() * 2)[:400] + fortunes.english()[:200]
    for poem in poems:
        writer.write("message.send", {"room": room, "clientId": str(uuid.uuid4()), "body": poem})
    writer.send(room, "尾聲")
    page = people()
    log_in(page, f"writer{tag}")
    open_room(page, room)
    expect(page.locator(".message").last).to_contain_text("尾聲")
    timeline = page.locator(".timeline")
    seen = {}
    jumps = []
    for _ in range(400):
        for seq, body in page.evaluate("""() => [...document.querySelectorAll('.message[data-seq]')].map(
                item => [Number(item.dataset.seq), item.querySelector('.body').textContent])"""):
            seen[seq] = body
        if 1 in seen:
            break
        # A line on screen stays where it is while older ones are put above it.
        jump = timeline.evaluate("""async box => {
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
            return mark.isConnected ? mark.getBoundingClientRect().top - before : 0;
        }""")
        jumps.append(abs(jump))
    assert sorted(seen) == list(range(1, 602))
    assert [seen[n] for n in range(1, 602)] == poems + ["尾聲"]
    assert max(jumps) <= 2, jumps


def test_the_gateway_dies_and_comes_back(own_everline, people):
    everline = own_everline
    page = people("en-US", everline=everline)
    register(page, "phoenix", "鳳凰")
    create_room(page, "ashes")
    write(page, "before")
    expect(page.locator(".messages:not(.pending-messages) .message .body")).to_have_text(["before"])
    other = everline.user("other")
    other.result("room.join", room="ashes")
    os.kill(everline.pid("message-gateway-0"), signal.SIGSTOP)
    write(page, "while it was away")
    expect(page.locator(".pending .body")).to_have_text(["while it was away"])
    everline.kill("message-gateway-0")
    write(page, "and once more")
    expect(page.locator(".messages:not(.pending-messages) .message .body")).to_have_text(["before", "while it was away", "and once more"], timeout=40_000)
    expect(page.locator(".pending")).to_have_count(0)
    again = everline.user("other")
    again.send("ashes", "after")
    expect(page.locator(".messages:not(.pending-messages) .message .body")).to_have_text(
        ["before", "while it was away", "and once more", "after"])
    found = again.result("history.page", room="ashes", after=0)["messages"]
    assert [one["body"] for one in found] == ["before", "while it was away", "and once more", "after"]
    # A reload keeps the user.
    page.reload()
    expect(page.locator(".messages:not(.pending-messages) .message")).to_have_count(4)


def test_keyboard_phone_and_dark(everline, people):
    tag = uuid.uuid4().hex[:6]
    page = people("zh-TW", viewport={"width": 390, "height": 844}, color_scheme="dark", has_touch=True)
    register(page, f"phone{tag}", "手機")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    create_room(page, f"口袋 {tag}")
    write(page, "一" * 400)
    expect(page.locator(".messages:not(.pending-messages) .message")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    color = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert all(int(part) < 60 for part in color[4:-1].split(",")[:3]), color
    # By keyboard alone.
    desk = people("en-US")
    desk.keyboard.type(f"phone{tag}")
    desk.keyboard.press("Tab")
    desk.keyboard.type(PASSWORD)
    desk.keyboard.press("Enter")
    expect(desk.locator(".sidebar")).to_be_visible()
    open_room(desk, f"口袋 {tag}")
    desk.locator(".composer-text").focus()
    desk.keyboard.type("two")
    desk.keyboard.press("Shift+Enter")
    desk.keyboard.type("lines")
    desk.keyboard.press("Enter")
    expect(desk.locator(".messages:not(.pending-messages) .message").last).to_contain_text("lines")
    assert bodies(desk)[-1] == "two\nlines"
    # Everything that can be pressed or filled has a name.
    assert desk.evaluate("""() => [...document.querySelectorAll('button, input, textarea, [role=log]')].filter(item => item.offsetParent &&
        !(item.getAttribute('aria-label') || item.textContent.trim() || item.labels?.length || item.getAttribute('aria-labelledby'))).map(item => item.outerHTML)""") == []


def test_wrong_password_is_said(everline, people):
    page = people("en-US")
    page.locator("input[name=username]").fill("nobody")
    page.locator("input[name=password]").fill("wrong password")
    page.locator("button[type=submit]").click()
    expect(page.get_by_text("The username or the password is wrong.")).to_be_visible()
    expect(page.locator("input[name=username]")).to_be_focused()
