"""What is done with the keyboard alone: dialogs and menus give it back where it was, and what changes beneath it does not take it."""
import uuid

from acting import create_room, log_in, open_room, register, shows, write
from running import PASSWORD
from selenium.webdriver.common.keys import Keys

#: What has the keyboard: its label or text, and whether that is in a dialog.
FOCUS = """const one = document.activeElement;
    return [one === document.body ? null : (one.name || one.getAttribute('aria-label') || one.textContent).trim(), one.closest('dialog') !== null];"""


def has_focus(page, name, within=False):
    page.wait(lambda: page.js(FOCUS) == [name, within], 20)


def focus(page, css, index=0):
    page.find(css)
    page.wait(lambda: page.js("const one = document.querySelectorAll(arguments[0])[arguments[1]]; one.focus(); return document.activeElement === one", css, index))


def closed(page):
    page.wait(lambda: page.count("dialog") == 0)


def choose(page, item):
    """From the menu whose button has the keyboard."""
    page.press(Keys.ENTER)
    names = page.wait(lambda: page.js("return [...document.querySelectorAll('[role=menuitem]')].map(one => one.textContent)"))
    page.press(*[Keys.ARROW_DOWN] * names.index(item), Keys.ENTER)


def test_what_was_chosen_has_the_keyboard(everline, people):
    """A dialog that leads to a room or to a text does not take the keyboard back to the button that opened it."""
    tag = uuid.uuid4().hex[:6]
    page = people("en-US")
    register(page, f"chosen{tag}", "Chosen")
    focus(page, ".rooms-top button")
    page.press(Keys.ENTER)
    has_focus(page, "room", True)
    page.press(f"First {tag}", Keys.ENTER)
    closed(page)
    page.press("hello", Keys.ENTER)
    shows(page, ["hello"])
    focus(page, ".composer-smile")
    page.press(Keys.ENTER)
    page.wait(lambda: page.count("dialog .emoji") > 0)
    page.press(Keys.ARROW_DOWN, Keys.ENTER)
    closed(page)
    page.press(Keys.ENTER)
    shows(page, ["hello", "👍"])
    create_room(page, f"Second {tag}")
    focus(page, "a.room-item")
    page.chord(Keys.CONTROL, "k")
    page.find("dialog .switcher-item")
    page.press(f"First {tag}", Keys.ENTER)
    closed(page)
    has_focus(page, f"Message to First {tag}")
    # And one that was left goes back.
    focus(page, ".composer-smile")
    page.press(Keys.ENTER)
    page.find("dialog .emoji")
    page.press(Keys.ESCAPE)
    closed(page)
    has_focus(page, "Insert an emoji")
    # Where nothing is to be read, it is at the name.
    stranger = everline.user(f"stranger{tag}")
    stranger.result("room.create", room=f"Closed {tag}", kind="private")
    page.go(f"/room/Closed%20{tag}/1")
    has_focus(page, f"Closed {tag}")


def test_members_by_the_keyboard(everline, people):
    tag = uuid.uuid4().hex[:6]
    room = f"Members {tag}"
    page = people("en-US")
    register(page, f"owner{tag}", "Owner")
    create_room(page, room)
    for name in ("amy", "bob"):
        everline.user(f"{name}{tag}").result("room.join", room=room)
    page.wait(lambda: "3" in page.js("return document.querySelector('[data-action=members]').textContent"))
    focus(page, "[data-action=members]")
    page.press(Keys.ENTER)
    page.wait(lambda: page.count("dialog .menu-place") == 2)
    menu, who = "More about this member", "return document.activeElement.closest('.member')?.dataset.username"
    focus(page, "dialog .menu-place button", 1)
    page.press(Keys.ENTER)
    has_focus(page, "Make moderator", True)
    page.press(Keys.ESCAPE)
    has_focus(page, menu, True)
    # They stand higher now.
    choose(page, "Make moderator")
    page.wait(lambda: page.count("dialog .role") == 2)
    has_focus(page, menu, True)
    assert page.js(who) == f"bob{tag}"
    choose(page, "Remove and ban")
    has_focus(page, "Cancel", True)
    page.press(Keys.ESCAPE)
    has_focus(page, menu, True)
    choose(page, "Remove and ban")
    has_focus(page, "Cancel", True)
    page.press(Keys.TAB, Keys.ENTER)
    page.wait(lambda: page.count("dialog .menu-place") == 1)
    has_focus(page, menu, True)
    assert page.js(who) == f"amy{tag}"
    # What is refused is said where it is seen and heard: in the dialog.
    everline.user(f"amy{tag}").result("room.leave", room=room)
    choose(page, "Mute for an hour")
    page.wait(lambda: page.count("dialog[open] .notices .notice.wrong") == 1)
    page.press(Keys.ESCAPE)
    closed(page)
    page.wait(lambda: page.count("body > .notices") == 1)
    # The button was drawn anew meanwhile.
    page.wait(lambda: page.js("return document.activeElement.dataset.action") == "members", 20)
    focus(page, "[data-action=settings]")
    page.press(Keys.ENTER)
    focus(page, "dialog .bans button")
    page.press(Keys.ENTER)
    page.wait(lambda: page.count("dialog .bans") == 0)
    has_focus(page, "Close", True)
    page.press(Keys.ESCAPE)
    closed(page)
    has_focus(page, "Room settings")


def test_an_admin_by_the_keyboard(everline, people):
    name = f"keys{uuid.uuid4().hex[:6]}"
    page = people("en-US")
    page.fill("input[name=username]", "admin")
    page.fill("input[name=password]", (everline.home / "admin-password").read_text().strip())
    page.press(Keys.ENTER)
    page.find(".sidebar")
    page.go("/admin/users")
    focus(page, ".search-line button")
    page.press(Keys.ENTER)
    has_focus(page, "username", True)
    page.press(name, Keys.TAB, Keys.TAB, "short")
    focus(page, "dialog button[type=submit]")
    page.press(Keys.SPACE)
    page.find("dialog .form-error")
    page.fill("dialog input[name=password]", PASSWORD)
    page.fill("dialog input[name=username]", f"{name} {name}")
    focus(page, "dialog button[type=submit]")
    page.press(Keys.SPACE)
    # The server's refusal leaves it on the button.
    page.wait(lambda: "A username is made of" in page.js("return document.querySelector('dialog .form-error').textContent"))
    has_focus(page, "New user", True)
    page.fill("dialog input[name=username]", name)
    page.press(Keys.ENTER)
    closed(page)
    has_focus(page, "New user")
    for _ in range(3):
        everline.line().result("auth.login", username=name, password=PASSWORD)
    # Nothing else of the page was open before: all its words are there.
    page.go(f"/admin/users?q={name}")
    page.wait(lambda: page.count("tbody .menu-place") == 1)
    menu = "What to do about this user"
    focus(page, "tbody .menu-place button")
    choose(page, "Set password")
    has_focus(page, "password", True)
    page.press("short", Keys.ENTER)
    page.wait(lambda: page.js("return document.querySelector('dialog .form-error').textContent") == "A password has 8–256 characters.")
    page.press(Keys.ESCAPE)
    closed(page)
    has_focus(page, menu)
    choose(page, "Sessions")
    page.wait(lambda: page.count("dialog tbody button") == 3)
    focus(page, "dialog tbody button", 2)
    for left in (2, 1):
        page.press(Keys.ENTER)
        page.wait(lambda: page.count("dialog tbody button") == left)
        has_focus(page, "Log out", True)
    page.press(Keys.ENTER)
    page.wait(lambda: page.count("dialog tbody button") == 0)
    has_focus(page, "Close", True)
    page.press(Keys.ESCAPE)
    closed(page)
    has_focus(page, menu)
    choose(page, "Disable")
    has_focus(page, "Cancel", True)
    page.press(Keys.TAB, Keys.ENTER)
    page.wait(lambda: "Disabled" in page.text())
    has_focus(page, menu)


def test_a_refused_message_keeps_the_keyboard(everline, people):
    tag = uuid.uuid4().hex[:6]
    room = f"Refused {tag}"
    owner = everline.user(f"owner{tag}")
    owner.result("room.create", room=room)
    everline.user(f"guest{tag}").result("room.join", room=room)
    page = people("en-US")
    log_in(page, f"guest{tag}")
    open_room(page, room)
    page.find(".composer-text")
    page.offline()
    page.js("dispatchEvent(new Event('offline'))")
    for text in ("one", "two"):
        write(page, text)
    owner.result("room.remove", room=room, username=f"guest{tag}")
    page.offline(False)
    page.js("dispatchEvent(new Event('online'))")
    page.wait(lambda: page.count(".pending.failed") == 2)
    focus(page, ".pending .link-button")
    page.js("window.lost = 0; document.activeElement.addEventListener('blur', () => window.lost++)")
    # What others write is shown above it.
    for number in range(2):
        owner.send(room, f"meanwhile {number}")
        page.wait(lambda: f"meanwhile {number}" in page.bodies())
    has_focus(page, "Try again")
    assert page.js("return window.lost") == 0
    page.press(Keys.TAB)
    has_focus(page, "Discard")
    page.press(Keys.ENTER)
    page.wait(lambda: page.bodies(".pending .body") == ["two"])
    has_focus(page, f"Conversation in {room}")
