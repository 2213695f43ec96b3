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
    other.wait(lambda: other.count(".room-item .unread.urgent") == 1)
    open_room(other, "Li")
    shows(other, ["只有我們"])
    other.js("document.querySelector('.composer-text').focus()")
    other.press("one mo")
    # It is shown for some seconds only, so that he goes on until it was seen.
    page.wait(lambda: other.press(" ", Keys.BACKSPACE) or "Du is typing" in page.text())
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


def test_whoever_is_in_many_rooms_hears_of_all(everline, people):
    tag = uuid.uuid4().hex[:6]
    writer, reader = everline.user(f"writer{tag}", "太白"), everline.user(f"reader{tag}")
    rooms = [f"Hall {number:03} {tag}" for number in range(200)]
    for room in rooms:
        writer.result("room.create", room=room)
        reader.result("room.join", room=room)
        writer.send(room, f"before in {room}")
    page = people("en-US")
    page.run_cdp("Browser.grantPermissions", {"origin": page.url, "permissions": ["notifications"]})
    page.js("localStorage.setItem('everline.preferences', JSON.stringify({notify: 'all'}))")
    page.driver.refresh()
    page.js("""window.shown = [];
        const Real = Notification;
        window.Notification = class extends Real { constructor(title, options) { super(title, options); window.shown.push([title, options.body]); } };""")
    log_in(page, f"reader{tag}")
    page.wait(lambda: page.count(".room-item.has-unread") == 200)
    # Nobody waits for all to be followed: what is written before that shows as unread, and what comes after it is told.
    unread = "return [...document.querySelectorAll('.room-item')].filter(one => one.querySelector('.unread [aria-hidden]')?.textContent === arguments[0]).length"
    told = "return window.shown.map(one => one[1])"
    page.wait(lambda: writer.send(rooms[0], "?") and page.js(told), 120)
    bodies = [f"news in {room}" for room in rooms[1:]]
    for room, body in zip(rooms[1:], bodies):
        writer.send(room, body)
    page.wait(lambda: page.js(unread, "2") >= 199, 120)
    page.wait(lambda: set(bodies) <= set(page.js(told)), 120)
    writer.send(rooms[150], f"@reader{tag} look")
    page.wait(lambda: page.js(unread, "@1") == 1)
    # One that is followed without its messages has them when somebody looks, and goes on.
    for room in (rooms[150], rooms[1], rooms[199]):
        open_room(page, room)
        page.wait(lambda: page.bodies()[:2] == [f"before in {room}", f"news in {room}"])
        writer.send(room, "and on")
        page.wait(lambda: page.bodies()[-1] == "and on")
    # A room that was not there before: its first message is told too.
    other = everline.user(f"stranger{tag}", "Stranger")
    direct = other.result("room.create", kind="direct", **{"with": f"reader{tag}"})["room"]
    other.send(direct, "nice to meet you")
    page.wait(lambda: ["Stranger", "nice to meet you"] in page.js("return window.shown"))
