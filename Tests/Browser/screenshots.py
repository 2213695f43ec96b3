"""`make screenshots`: each view of the page in both languages and themes, at the width of a phone and of a desk, into the folder that is named."""
import contextlib
import pathlib
import sys
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from acting import log_in, open_room  # noqa: E402
from browser import Page  # noqa: E402
from guarding import Guardian  # noqa: E402
from running import Everline  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

DESK, PHONE = (1280, 860), (390, 844)
PEOPLE = {"libai": "李太白", "dufu": "Du Fu 杜甫", "wangwei": "王維", "grace": "Grace Hopper", "ada": "Ada Lovelace"}
TALK = [
    ("libai", "床前明月光，疑是地上霜。\n舉頭望明月，低頭思故鄉。"), ("dufu", "好詩！下一首呢？"), ("libai", "**兩岸**猿聲啼不住，*輕舟*已過萬重山。"),
    ("grace", "The release is cut. Notes are at https://example.org/notes, please read before Monday:\n- resumes by number after a restart\n- search finds two-character words\n- drills run nightly"),
    ("ada", "> drills run nightly\n\nLovely. How long did the last restore take?"), ("grace", "14.2 s for all of it:\n```\n$ db-guardian drill\nok   rooms 14   messages 51,234   RPO 0.4 s   RTO 14.2 s\n```"),
    ("wangwei", "🎉🎉"), ("libai", "@ada 今晚一起看月亮嗎？"), ("ada", "Yes, gladly. `20:00` on the bridge?"), ("libai", "不見不散。"),
]


def fill(everline):
    """Rooms, people and a talk; returns the room to show."""
    users = {name: everline.user(name, shown) for name, shown in PEOPLE.items()}
    admin = everline.line()
    admin.result("auth.login", username="admin", password=(everline.home / "admin-password").read_text().strip())
    rooms = [("明月樓 Moonlight", "詩、酒與發布 · Poems, wine and releases"), ("general", "Everything else"), ("維運 operations", "Who is on call, and what broke"), ("random", None), ("唐詩三百首", "每日一首")]
    for room, title in rooms:
        users["libai"].result("room.create", room=room, **({"title": title} if title else {}))
        for name in ("dufu", "wangwei", "grace", "ada"):
            users[name].result("room.join", room=room)
        admin.result("room.join", room=room)
    users["libai"].result("room.create", room="機密 plans", kind="private")
    users["ada"].result("room.create", room="announcements", title="From the bridge")
    room = rooms[0][0]
    epoch = None
    for name, text in TALK:
        epoch = users[name].send(room, text)["epoch"]
    users["libai"].result("message.send", room=room, clientId=str(uuid.uuid4()), body="那就說定了。", replyTo=9, epoch=epoch)
    for name, seq, sign in [("dufu", 1, "❤️"), ("ada", 1, "❤️"), ("grace", 1, "🎉"), ("libai", 6, "👍"), ("ada", 6, "👍"), ("wangwei", 6, "🚀")]:
        users[name].result("message.react", room=room, epoch=epoch, seq=seq, clientId=str(uuid.uuid4()), reaction=sign)
    for n in range(4):
        users["grace"].send("general", f"Line {n + 1}")
        users["ada"].send("random", "…")
    return room


class Shots:
    def __init__(self, folder, everline, room):
        self.folder = folder
        self.everline = everline
        self.room = room

    def all(self, language, dark, size):
        tag = f"{'zh' if language == 'zh-TW' else 'en'}-{'dark' if dark else 'light'}-{'phone' if size == PHONE else 'desk'}"
        with contextlib.closing(Page(f"https://localhost:{self.everline.port(8443)}/", language, size, dark, phone=size == PHONE)) as page:
            if size == DESK:
                page.run_cdp("Emulation.setDeviceMetricsOverride", {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": False})
            page.find("input[name=password]")
            self.take(page, "sign-in", tag)
            log_in(page, "libai")
            page.wait(lambda: page.count(".room-item") > 5)
            self.take(page, "rooms", tag)
            open_room(page, self.room)
            page.wait(lambda: page.count(".message") > 10 and page.count(".reaction") > 3 and page.count(".replied-name") > 0)
            self.take(page, "room", tag)
            for name, opener in (("members", "[data-action=members]"), ("settings", "[data-action=settings]"), ("emoji", ".composer-smile")):
                page.js("document.querySelector(arguments[0]).click()", opener)
                page.wait(lambda: page.count("dialog[open]") == 1 and page.count("dialog [aria-busy]") == 0)
                self.take(page, name, tag)
                page.js("document.querySelector('dialog').close()")
            if size == DESK:
                page.js("document.querySelector('[data-seq=\"6\"]').focus()")
                self.take(page, "actions", tag)
                page.press("?")
                page.wait(lambda: page.count("dialog kbd") > 0)
                self.take(page, "shortcuts", tag)
                page.js("document.querySelector('dialog').close()")
            for part in ("profile", "appearance", "security", "sessions", "logins", "data"):
                self.part(page, f"account/{part}", tag)
            page.go("/search?q=明月")
            page.find(".search-form")
            page.wait(lambda: page.js("const said = document.querySelector('.hits-status').textContent; return said && !/…$/.test(said)"))
            self.take(page, "search", tag)
            page.js("localStorage.clear()")
            page.go("/")
            page.fill("input[name=username]", "admin")
            page.fill("input[name=password]", (self.everline.home / "admin-password").read_text().strip())
            page.press(Keys.ENTER)
            page.find(".sidebar, .main")
            for part in ("health", "statistics", "guardian", "findings", "users", "logins", "actions"):
                self.part(page, f"admin/{part}", tag)

    def part(self, page, path, tag):
        page.go(f"/{path}")
        page.find(".part-title")
        page.wait(lambda: page.count(".part .loading") == 0)
        self.take(page, path.replace("/", "-"), tag)

    def take(self, page, view, tag):
        page.wait(lambda: page.js("return document.fonts.status === 'loaded' && document.getAnimations().every(one => one.effect.getTiming().iterations === Infinity)"))
        page.driver.save_screenshot(str(self.folder / f"{view}-{tag}.png"))


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    everline = Everline()
    guardian = None
    try:
        everline.start()
        room = fill(everline)
        guardian = Guardian(everline)
        guardian.json("backup", "base")
        guardian.switch()
        guardian.json("drill")
        shots = Shots(folder, everline, room)
        for language in ("zh-TW", "en-US"):
            for dark in (False, True):
                for size in (DESK, PHONE):
                    shots.all(language, dark, size)
    finally:
        if guardian:
            guardian.clean()
        everline.remove()
    print(f"{len(list(folder.glob('*.png')))} pictures in {folder}")


if __name__ == "__main__":
    main()
