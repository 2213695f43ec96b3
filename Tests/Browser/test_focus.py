"""With the keyboard alone: each control of each view is reached, and it can be seen where the focus is (WCAG 2.1.1, 2.4.7, 2.4.11, 1.4.11)."""
import uuid

import pytest
from acting import create_room, register, write
from focusing import tabbed
from selenium.webdriver.common.keys import Keys

WIDTHS = (1280, 375)
DIALOGS = {"create": ".rooms-top button", "members": "[data-action=members]", "settings": "[data-action=settings]", "date": "[data-action=calendar]", "emoji": ".composer-smile", "leave": "[data-action=leave]"}


class Views:
    """Goes through views at both widths, and keeps what is wrong with each."""

    def __init__(self, page):
        self.page = page
        self.found = {}
        page.run_cdp("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-reduced-motion", "value": "reduce"}] + ([{"name": "prefers-color-scheme", "value": "dark"}] if page.js("return matchMedia('(prefers-color-scheme: dark)').matches") else [])})

    def width(self, width):
        self.page.run_cdp("Emulation.setDeviceMetricsOverride", {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False})

    def look(self, name, least=2):
        for width in WIDTHS:
            self.width(width)
            wrong, steps = tabbed(self.page)
            if wrong or steps <= least:
                self.found[f"{name} {width}"] = wrong or [f"only {steps} steps"]
        self.width(WIDTHS[0])


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_focus_is_seen_everywhere(everline, people, dark):
    tag = uuid.uuid4().hex[:6]
    room = f"焦點 {tag}"
    page = people("zh-TW", dark=dark)
    views = Views(page)
    page.find("input[name=password]")
    views.look("log in")
    register(page, f"focus{tag}", "Focus")
    create_room(page, room)
    write(page, f"@focus{tag} **bold** `code` https://example.org")
    write(page, "> quote\n\n```\ncode\n```")
    page.wait(lambda: len(page.bodies()) == 2)
    program = everline.user(f"focus{tag}")
    epoch = program.result("room.open", room=room)["epoch"]
    program.result("message.send", room=room, clientId=str(uuid.uuid4()), body="answer", replyTo=1, epoch=epoch)
    program.result("message.react", room=room, epoch=epoch, seq=1, clientId=str(uuid.uuid4()), reaction="🎉")
    page.wait(lambda: page.count(".reaction") == 1 and page.count(".replied") == 1)
    views.look("room", 8)
    for name, opener in DIALOGS.items():
        page.js("document.querySelector(arguments[0]).click()", opener)
        page.wait(lambda: page.count("dialog[open]") == 1 and page.count("dialog [aria-busy]") == 0)
        views.look(name, 1)
        page.js("document.querySelector('dialog').close()")
        page.wait(lambda: page.count("dialog") == 0)
    page.js("document.querySelector('[data-seq=\"1\"]').focus()")
    page.chord(Keys.CONTROL, "k")
    page.wait(lambda: page.count("dialog[open] .switcher-list") == 1)
    views.look("switcher", 1)
    page.press(Keys.ESCAPE)
    page.go("/")
    page.find(".welcome")
    views.look("home", 5)
    page.go("/search?q=bold")
    page.wait(lambda: page.count(".hit mark") > 0)
    page.js("document.querySelector('.search-filters').open = true")
    views.look("search", 8)
    for part in ("profile", "appearance", "security", "sessions", "logins", "data"):
        page.go(f"/account/{part}")
        page.find(".part .panel")
        page.wait(lambda: page.count(".part .loading") == 0)
        views.look(part, 8)
    assert views.found == {}, "\n".join(f"{view}: {one}" for view, wrong in views.found.items() for one in wrong)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_focus_is_seen_by_an_admin(everline, people, dark):
    everline.sql(f"CREATE ROLE focus_{uuid.uuid4().hex[:6]}")
    page = people("en-US", dark=dark)
    views = Views(page)
    page.fill("input[name=username]", "admin")
    page.fill("input[name=password]", (everline.home / "admin-password").read_text().strip())
    page.press(Keys.ENTER)
    page.find(".sidebar")
    for part in ("health", "statistics", "guardian", "findings", "users", "logins", "actions"):
        page.go(f"/admin/{part}")
        page.find(".part .panel, .part .verdict")
        page.wait(lambda: page.count(".part .loading") == 0)
        page.js("[...document.querySelectorAll('.part details')].slice(0, 3).forEach(one => one.open = true)")
        views.look(part, 8)
    assert views.found == {}, "\n".join(f"{view}: {one}" for view, wrong in views.found.items() for one in wrong)
