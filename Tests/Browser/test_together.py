"""People together: two alone, who is there, who types, and what was read on which device."""
import uuid

from acting import create_room, log_in, open_room, register, shows, write
from selenium.webdriver.common.keys import Keys


def test_two_people_alone(everline, people):
    tag = uuid.uuid4().hex[:6]
    page, other = people("en-US"), people("en-US")
    register(page, f"li{tag}", "Li")
    register(other, f"du{tag}", "Du")
    create_room(page, f"Both {tag}")
    everline.user(f"du{tag}").result("room.join", room=f"Both {tag}")
    page.find("[data-action=members]").click()
    # Who looks at the page is there.
    page.wait(lambda: page.count(".member .presence.online") >= 1)
    page.find(".member-write").click()
    page.wait(lambda: page.js("return document.querySelector('.room-name bdi')?.textContent") == "Du")
    write(page, "只有我們")
    shows(page, ["只有我們"])
    other.wait(lambda: other.js("return document.querySelector('.room-item.has-unread .room-item-name')?.textContent") == "Li")
    assert other.count(".room-item .unread.urgent") == 1
    open_room(other, "Li")
    shows(other, ["只有我們"])
    other.js("document.querySelector('.composer-text').focus()")
    other.press("one mo")
    page.wait(lambda: "Du is typing" in page.text())
    other.press("ment", Keys.ENTER)
    shows(page, ["只有我們", "one moment"])
    page.wait(lambda: "is typing" not in page.text())


def test_what_is_read_is_read_everywhere(everline, people):
    tag = uuid.uuid4().hex[:6]
    room = f"Marks {tag}"
    writer = everline.user(f"writer{tag}")
    writer.result("room.create", room=room)
    everline.user(f"reader{tag}").result("room.join", room=room)
    for number in range(3):
        writer.send(room, f"line {number}, @reader{tag}")
    desk, phone = people("en-US"), people("en-US", size=(390, 844), phone=True)
    unread = "return [...document.querySelectorAll('.room-item .unread:not([hidden]) [aria-hidden]')].map(one => one.textContent)"
    for page in (desk, phone):
        log_in(page, f"reader{tag}")
        page.wait(lambda: page.js(unread) == ["@3"])
    open_room(desk, room)
    shows(desk, [f"line {number}, @reader{tag}" for number in range(3)])
    for page in (desk, phone):
        page.wait(lambda: page.js(unread) == [])
