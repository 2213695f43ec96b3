"""Bad networks, several tabs, a server that was renewed: nothing typed is lost, and the state can be seen."""
import signal
import uuid

from acting import create_room, log_in, open_room, register, shows, write
from selenium.webdriver.common.keys import Keys


def state(page):
    return page.js("return document.querySelector('.status-light')?.dataset.state")


def test_without_a_network_and_back(everline, people):
    tag = uuid.uuid4().hex[:6]
    page = people("en-US")
    register(page, f"off{tag}", "Off")
    create_room(page, f"Offline {tag}")
    write(page, "one")
    shows(page, ["one"])
    page.wait(lambda: state(page) == "live")
    page.offline()
    page.js("dispatchEvent(new Event('offline'))")
    page.wait(lambda: state(page) == "offline" and page.count(".connection-state:not([hidden])") == 1)
    write(page, "two")
    page.wait(lambda: page.bodies(".pending .body") == ["two"] and "Waiting to be sent" in page.text())
    other = everline.user(f"other{tag}")
    other.result("room.join", room=f"Offline {tag}")
    for number in range(3):
        other.send(f"Offline {tag}", f"meanwhile {number}")
    page.offline(False)
    page.js("dispatchEvent(new Event('online'))")
    shows(page, ["one", "meanwhile 0", "meanwhile 1", "meanwhile 2", "two"])
    page.wait(lambda: state(page) == "live" and page.count(".pending") == 0)


def test_a_refused_message_can_be_tried_again(everline, people):
    tag = uuid.uuid4().hex[:6]
    room = f"Door {tag}"
    owner = everline.user(f"owner{tag}")
    owner.result("room.create", room=room)
    everline.user(f"guest{tag}").result("room.join", room=room)
    page = people("en-US")
    log_in(page, f"guest{tag}")
    open_room(page, room)
    page.find(".composer-text")
    page.offline()
    page.js("dispatchEvent(new Event('offline'))")
    write(page, "may I?")
    owner.result("room.remove", room=room, username=f"guest{tag}")
    page.offline(False)
    page.js("dispatchEvent(new Event('online'))")
    page.wait(lambda: page.count(".pending.failed") == 1 and "Join the room first." in page.text() and state(page) == "failed")
    page.find(".join-bar button").click()
    page.find_text("button", "Try again").click()
    shows(page, ["may I?"])
    page.wait(lambda: page.count(".pending") == 0 and state(page) == "live")


def test_a_page_that_came_in_half_is_loaded_again(everline, people):
    tag = uuid.uuid4().hex[:6]
    page = people("en-US")
    register(page, f"half{tag}", "Half")
    for missing in ("*/scripts/model/chat.js", "*/scripts/view/room-list.js"):
        page.run_cdp("Network.enable", {})
        page.run_cdp("Network.setBypassServiceWorker", {"bypass": True})
        page.run_cdp("Network.setCacheDisabled", {"cacheDisabled": True})
        page.run_cdp("Network.setBlockedURLs", {"urls": [missing]})
        page.go("/")
        page.wait(lambda: page.js("return sessionStorage.getItem('everline.reloads')") is not None)
        assert page.count(".sidebar") == 0
        page.run_cdp("Network.setBlockedURLs", {"urls": []})
        page.find(".sidebar")
        page.wait(lambda: page.js("return sessionStorage.getItem('everline.reloads')") is None)


def test_two_tabs_of_one_person(everline, people):
    tag = uuid.uuid4().hex[:6]
    page = people("en-US")
    register(page, f"tabs{tag}", "Tabs")
    create_room(page, f"Tabs {tag}")
    first = page.driver.current_window_handle
    page.driver.switch_to.new_window("tab")
    page.go("/")
    open_room(page, f"Tabs {tag}")
    write(page, "from the second")
    shows(page, ["from the second"])
    page.driver.switch_to.window(first)
    shows(page, ["from the second"])
    write(page, "from the first")
    # A choice and a log out count for both.
    before = page.js("return document.documentElement.dataset.theme ?? null")
    page.find(".sidebar-status .small-icon").click()
    page.wait(lambda: page.js("return document.documentElement.dataset.theme ?? null") != before)
    theme = page.js("return document.documentElement.dataset.theme")
    second = next(one for one in page.driver.window_handles if one != first)
    page.driver.switch_to.window(second)
    shows(page, ["from the second", "from the first"])
    page.wait(lambda: page.js("return document.documentElement.dataset.theme") == theme)
    page.js("document.querySelector('.sidebar-user .icon-button').click()")
    page.find(".sign-in")
    page.driver.switch_to.window(first)
    page.find(".sign-in")


def test_asleep_while_the_network_changed(everline, people):
    """The socket is dead and says nothing, as after sleep: the page finds out when it wakes."""
    tag = uuid.uuid4().hex[:6]
    page = people("en-US")
    register(page, f"sleep{tag}", "Sleep")
    create_room(page, f"Sleep {tag}")
    write(page, "before")
    shows(page, ["before"])
    # A socket that swallows what it is given, and a clock that was ahead all at once.
    page.js("""window.sound = WebSocket.prototype.send;
        WebSocket.prototype.send = () => {};
        const real = Date.now;
        Date.now = () => real.call(Date) + 60_000;""")
    page.wait(lambda: state(page) == "offline", 120)
    page.js("WebSocket.prototype.send = window.sound")
    other = everline.user(f"other{tag}")
    other.result("room.join", room=f"Sleep {tag}")
    other.send(f"Sleep {tag}", "while asleep")
    shows(page, ["before", "while asleep"], 120)
    page.wait(lambda: state(page) == "live")


def test_history_turned_back_and_the_server_renewed(own_everline, people):
    everline = own_everline
    page = people("en-US", everline=everline)
    register(page, "epochal", "Epochal")
    create_room(page, "Epochs")
    write(page, "kept")
    shows(page, ["kept"])
    # In another room a change was begun, here an answer.
    create_room(page, "Elsewhere")
    write(page, "old words")
    shows(page, ["old words"])
    page.press(Keys.ARROW_UP)
    page.find(".composer-context:not([hidden])")
    page.fill(".composer-text", "new words")
    open_room(page, "Epochs")
    shows(page, ["kept"])
    page.js("document.querySelector('[data-seq=\"1\"]').focus()")
    page.press("r")
    page.find(".composer-context:not([hidden])")
    page.press("half an answer")
    # Another epoch while the page is open: its numbers are forgotten, the room comes anew, and the reader is told. What was being written stays,
    # but answers and changes nothing: under an old number there may be another message now.
    old = everline.sql("SELECT generation || '-' || token FROM everline.epoch")[0][0]
    page.js("document.querySelector('[data-seq=\"1\"]').dataset.old = 'yes'")
    everline.sql(f"SELECT everline.new_epoch('{old}')", "everline_guardian")
    page.wait(lambda: page.count("[data-old]") == 0 and page.bodies() == ["kept"], 120)
    page.wait(lambda: "The history was restored from a backup" in page.text())
    page.wait(lambda: page.count(".composer-context:not([hidden])") == 0)
    assert page.js("return document.querySelector('.composer-text').value") == "half an answer"
    page.fill(".composer-text", "and on")
    page.press(Keys.ENTER)
    shows(page, ["kept", "and on"], 120)
    assert page.count(".replied") == 0
    open_room(page, "Elsewhere")
    shows(page, ["old words"])
    page.find(".composer-text").click()
    page.press(Keys.ENTER)
    page.wait(lambda: page.count(".composer-context:not([hidden])") == 0 and page.js("return document.querySelector('.composer-text').value") == "new words")
    assert page.bodies() == ["old words"]
    page.press(Keys.ENTER)
    shows(page, ["old words", "new words"], 120)
    open_room(page, "Epochs")
    shows(page, ["kept", "and on"])
    page.fill(".composer-text", "typed before the update")
    # Another page on the server than the one that is open.
    page.js("""const real = fetch; window.fetch = (path, ...rest) => path === '/version.txt' ? Promise.resolve(new Response('another')) : real(path, ...rest);""")
    everline.kill("message-gateway-0", signal.SIGTERM)
    page.wait(lambda: "Everline was updated." in page.text(), 120)
    page.find_text(".notice button", "Reload").click()
    page.wait(lambda: page.count(".notice") == 0 and page.bodies() == ["kept", "and on"])
    assert page.js("return document.querySelector('.composer-text').value") == "typed before the update"


def test_a_draft_in_two_tabs(everline, people):
    tag = uuid.uuid4().hex[:6]
    room = f"Drafts {tag}"
    page = people("en-US")
    register(page, f"draft{tag}", "Draft")
    create_room(page, room)
    first = page.driver.current_window_handle
    page.driver.switch_to.new_window("tab")
    page.go("/")
    open_room(page, room)
    page.find(".composer-text")
    second = page.driver.current_window_handle
    draft = "return document.querySelector('.composer-text').value"
    page.fill(".composer-text", "begun in one")
    page.driver.switch_to.window(first)
    page.wait(lambda: page.js(draft) == "begun in one")
    write(page, "begun in one, sent in the other")
    page.driver.switch_to.window(second)
    page.wait(lambda: page.js(draft) == "")
    # As if both were typed in at once: what this tab holds is another text than the one that the other has sent.
    page.fill(".composer-text", "kept")
    page.js("dispatchEvent(new StorageEvent('storage', {key: Object.keys(localStorage).find(key => key.startsWith('everline.draft.')), oldValue: 'another', newValue: null}))")
    page.driver.refresh()
    page.wait(lambda: page.js(draft) == "kept")
    # Whoever logs out leaves nothing behind, and is asked first.
    page.js("document.querySelector('.sidebar-user .icon-button').click()")
    page.wait(lambda: "A draft in 1 room is lost." in page.text())
    page.press(Keys.ESCAPE)
    page.wait(lambda: page.count("dialog") == 0)
    assert page.js(draft) == "kept"
    page.js("document.querySelector('.sidebar-user .icon-button').click()")
    page.find("dialog[open] .danger").click()
    page.find(".sign-in")
    kept = page.js("return Object.entries(localStorage).filter(([key]) => key.startsWith('everline.draft.'))")
    assert kept == [], kept


def test_a_view_that_is_there_before_the_connection(everline, people):
    tag = uuid.uuid4().hex[:6]
    page = people("en-US")
    register(page, f"slow{tag}", "Slow")
    create_room(page, f"Slow {tag}")
    write(page, f"needle{tag}")
    shows(page, [f"needle{tag}"])
    create_room(page, f"Other {tag}")
    write(page, f"needle{tag}")
    shows(page, [f"needle{tag}"])
    # A line on which the connection takes its time.
    page.run_cdp("Page.addScriptToEvaluateOnNewDocument", {"source": """window.WebSocket = class extends WebSocket {
        set onopen(act) { super.onopen = (event) => setTimeout(() => act(event), 1500); } };"""})
    page.go(f"/search?q=needle{tag}&room=Other%20{tag}")
    page.wait(lambda: "1 message found." in page.text())
    page.wait(lambda: page.js("return document.querySelector('select[name=room]').value") == f"Other {tag}")
    page.wait(lambda: page.js("return document.querySelectorAll('select[name=room] option').length") == 3)
    page.go("/account/sessions")
    page.wait(lambda: page.count(".table tbody tr") == 1)
    assert page.count("[role=alert]") == 0


def lose(page):
    page.offline()
    page.js("dispatchEvent(new Event('offline'))")
    page.wait(lambda: state(page) == "offline")


def find_again(page):
    page.offline(False)
    page.js("dispatchEvent(new Event('online'))")


def test_a_change_outlives_the_page(everline, people):
    """Edited without a network, and loaded anew before there was one: the text is there to be sent again, after what is being written now."""
    tag = uuid.uuid4().hex[:6]
    page = people("en-US")
    register(page, f"change{tag}", "Change")
    create_room(page, f"Change {tag}")
    for number in range(2):
        write(page, f"line {number}")
    shows(page, ["line 0", "line 1"])
    text = "return document.querySelector('.composer-text').value"
    lose(page)
    # In time it goes by itself, with all else that was done.
    page.find(".composer-text").click()
    page.press(Keys.ARROW_UP)
    page.find(".composer-context:not([hidden])")
    page.fill(".composer-text", "line 1, better")
    page.press(Keys.ENTER)
    page.js("document.querySelector('[data-seq=\"1\"]').focus()")
    page.press(Keys.DELETE)
    page.find("dialog .danger").click()
    for number in range(3):
        write(page, f"written {number}")
    find_again(page)
    shows(page, ["line 1, better", "written 0", "written 1", "written 2"])
    page.wait(lambda: page.count(".tombstone") == 1 and page.count(".pending") == 0)
    kept = "return Object.keys(localStorage).filter(key => /^everline[.](draft|outbox|change)/.test(key))"
    page.wait(lambda: page.js(kept) == [])
    lose(page)
    page.find(".composer-text").click()
    page.press(Keys.ARROW_UP)
    page.find(".composer-context:not([hidden])")
    page.fill(".composer-text", "the last, changed")
    page.press(Keys.ENTER)
    page.fill(".composer-text", "the next")
    page.driver.refresh()
    page.wait(lambda: page.js(text) == "the next")
    find_again(page)
    page.wait(lambda: state(page) == "live")
    page.find(".composer-text").click()
    page.press(Keys.ENTER)
    page.wait(lambda: page.js(text) == "the last, changed" and page.count(".composer-context:not([hidden])") == 1)
    page.press(Keys.ENTER)
    shows(page, ["line 1, better", "written 0", "written 1", "the last, changed", "the next"])
    page.wait(lambda: page.js(kept) == [])


def test_two_people_at_one_browser_whose_names_begin_alike(everline, people):
    tag = uuid.uuid4().hex[:6]
    room = f"Alike {tag}"
    page = people("en-US")
    register(page, f"li{tag}.bai", "Bai")
    create_room(page, room)
    write(page, "known")
    shows(page, ["known"])
    lose(page)
    write(page, "unsent")
    page.fill(".composer-text", "half")
    everline.user(f"li{tag}.bai").result("auth.revoke", others=True)
    find_again(page)
    # Out, and nothing is lost by it; but it is nobody else's.
    page.find(".sign-in")
    register(page, f"li{tag}", "Li")
    page.wait(lambda: page.bodies() == ["known"])
    page.find(".join-bar button").click()
    page.find(".composer-text")
    assert page.count(".pending") == 0 and page.js("return document.querySelector('.composer-text').value") == ""
    page.js("document.querySelector('.sidebar-user .icon-button').click()")
    log_in(page, f"li{tag}.bai")
    open_room(page, room)
    shows(page, ["known", "unsent"])
    page.wait(lambda: page.js("return document.querySelector('.composer-text').value") == "half")
    assert [one["sender"] for one in everline.user(f"li{tag}").result("history.page", room=room, after=0)["messages"]] == [f"li{tag}.bai"] * 2


def test_what_an_earlier_version_kept_is_carried_over(everline, people):
    """Its keys ended a name by a dot, which a name may have in it."""
    tag = uuid.uuid4().hex[:6]
    page = people("en-US")
    register(page, f"old{tag}", "Old")
    room = f"Old {tag}"
    create_room(page, room)
    write(page, "known")
    shows(page, ["known"])
    lose(page)
    write(page, "unsent")
    page.fill(".composer-text", "half")
    kept = "return Object.keys(localStorage).filter(key => /^everline[.](draft|outbox)[.]/.test(key))"
    page.wait(lambda: len(page.js(kept)) == 2)
    page.js(f"""for (const key of Object.keys(localStorage).filter(key => /^everline[.](draft|outbox)[.]/.test(key))) {{
        localStorage.setItem(key.replace("/", "."), localStorage.getItem(key));
        localStorage.removeItem(key);
    }}
    localStorage.setItem("everline.draft.old{tag}.other.{room}", JSON.stringify({{body: "another's"}}));""")
    find_again(page)
    page.driver.refresh()
    shows(page, ["known", "unsent"])
    page.wait(lambda: page.js("return document.querySelector('.composer-text').value") == "half")
    assert sorted(page.js(kept)) == sorted([f"everline.draft.old{tag}/{room}", f"everline.draft.old{tag}.other.{room}"])


def test_the_language_of_all_tabs(everline, people):
    tag = uuid.uuid4().hex[:6]
    page = people("en-US")
    register(page, f"tongue{tag}", "Tongue")
    first = page.driver.current_window_handle
    page.driver.switch_to.new_window("tab")
    page.go("/")
    page.find(".sidebar")
    page.find_text("button", "中文").click()
    page.wait(lambda: page.language() == "zh-Hant")
    page.driver.switch_to.window(first)
    page.wait(lambda: page.language() == "zh-Hant" and "我的聊天室" in page.text(), 20)
