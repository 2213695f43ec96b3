"""What an admin does on the page, on the real server: accounts, findings, backups and drills, statistics."""
import uuid

import pytest
from acting import log_in
from running import PASSWORD
from selenium.webdriver.common.keys import Keys


@pytest.fixture
def boss(everline, people):
    page = people("en-US")
    page.fill("input[name=username]", "admin")
    page.fill("input[name=password]", (everline.home / "admin-password").read_text().strip())
    page.press(Keys.ENTER)
    page.find(".sidebar")
    return page


def part(page, path):
    page.go(f"/admin/{path}")
    page.find(".part-title")
    page.wait(lambda: page.count(".part .loading") == 0)


def choose(page, text):
    """An item of the menu of the only user that is listed."""
    page.find("tbody .menu-place button").click()
    page.find_text("[role=menuitem]", text).click()


def test_an_account_from_beginning_to_end(everline, people, boss):
    name = f"新人{uuid.uuid4().hex[:6]}"
    part(boss, "users")
    boss.find_text(".search-line button", "New user").click()
    boss.fill("dialog input[name=username]", name)
    boss.fill("dialog input[name=displayName]", "新來的人")
    boss.fill("dialog input[name=password]", "short")
    boss.find("dialog button[type=submit]").click()
    boss.find("dialog .form-error")
    boss.fill("dialog input[name=password]", PASSWORD)
    boss.find("dialog button[type=submit]").click()
    boss.wait(lambda: boss.count("dialog") == 0 and name in boss.text())
    # They choose a password of their own first.
    guest = people("zh-TW")
    guest.fill("input[name=username]", name)
    guest.fill("input[name=password]", PASSWORD)
    guest.press(Keys.ENTER)
    guest.fill("input[name=current]", PASSWORD)
    guest.fill("input[name=new]", f"{PASSWORD}, 我自己的")
    guest.find("button[type=submit]").click()
    guest.find(".sidebar")
    part(boss, f"users?q={name}")
    boss.wait(lambda: boss.count("tbody tr") == 1 and "Active" in boss.text() and "Must change password" not in boss.text())
    choose(boss, "Sessions")
    boss.wait(lambda: boss.count("dialog tbody tr") == 1)
    boss.press(Keys.ESCAPE)
    boss.wait(lambda: boss.count("dialog") == 0)
    choose(boss, "Disable")
    boss.find_text("dialog button", "Disable").click()
    boss.wait(lambda: "Disabled" in boss.text())
    # They are out within a second or so, and stay out.
    guest.find("input[name=password]")
    guest.fill("input[name=username]", name)
    guest.fill("input[name=password]", f"{PASSWORD}, 我自己的")
    guest.press(Keys.ENTER)
    guest.find(".form-error")
    choose(boss, "Enable")
    boss.wait(lambda: "Active" in boss.text())
    guest.fill("input[name=password]", f"{PASSWORD}, 我自己的")
    guest.press(Keys.ENTER)
    guest.find(".sidebar")
    part(boss, "actions")
    boss.wait(lambda: boss.js("return [...document.querySelectorAll('tbody tr')].filter(row => row.textContent.includes(arguments[0])).length", name) >= 3)
    part(boss, f"logins?username={name}")
    boss.wait(lambda: boss.count("tbody tr") == 3)


def test_a_finding_is_seen_and_acknowledged(everline, boss):
    role = f"thief_{uuid.uuid4().hex[:6]}"
    everline.sql(f"CREATE ROLE {role} SUPERUSER")
    try:
        found = "return [...document.querySelectorAll('.finding')].find(one => one.textContent.includes(arguments[0]) && one.querySelector('button'))"

        def seen():
            part(boss, "findings")
            return boss.js(found, role)

        boss.wait(seen, 120)
        boss.js(found + ".querySelector('button').click()", role)
        boss.find("dialog button[type=submit]").click()
        boss.find("dialog .form-error")
        boss.fill("dialog input[name=note]", "我試的，不是小偷")
        boss.find("dialog button[type=submit]").click()
        settled = "return [...document.querySelectorAll('.finding.settled')].some(one => one.textContent.includes(arguments[0]) && one.textContent.includes('Acknowledged by admin'))"
        boss.wait(lambda: boss.js(settled, role) and "我試的，不是小偷" in boss.text())
    finally:
        everline.sql(f"DROP ROLE {role}")


def test_a_backup_and_a_drill_are_started_and_followed(everline, boss):
    part(boss, "guardian")
    done = "return [...document.querySelectorAll('.job')].filter(one => one.querySelector('.job-kind').textContent === arguments[0] && one.querySelector('.badge').textContent === 'Done').length"
    before = [boss.js(done, kind) for kind in ("Base backup", "Restore drill")]
    boss.find_text(".form-actions button", "Base backup").click()
    boss.wait(lambda: boss.count(".job") > 0)
    boss.wait(lambda: boss.js(done, "Base backup") > before[0], 360)
    boss.find_text(".form-actions button", "Restore drill").click()
    boss.wait(lambda: boss.js(done, "Restore drill") > before[1], 240)
    # What ended changes the rest of the view: the drill's figures, and the backup that it proved.
    boss.wait(lambda: "Passed" in boss.text() and "Proven" in boss.text())
    boss.wait(lambda: boss.count(".part svg[role=img], .part figure svg") > 0)
    # Nothing of before the drill is told any more.
    figures = lambda: boss.js("return Object.fromEntries([...document.querySelectorAll('.figure')].map(one => [one.querySelector('dt').textContent, one.querySelector('.figure-value').textContent]))")
    boss.wait(lambda: "not known" not in [figures()[name] for name in ("Time to restore (RTO)", "Newest proven backup", "Can be restored up to")])


def test_statistics_have_their_tables(everline, boss):
    tag = uuid.uuid4().hex[:6]
    room, writer = f"統計 {tag}", everline.user(f"stat{tag}", "統計員")
    writer.result("room.create", room=room)
    admin = everline.line()
    admin.result("auth.login", username="admin", password=(everline.home / "admin-password").read_text().strip())
    admin.result("room.join", room=room)
    day = "return new Date().toDateString()"
    begun = boss.js(day)
    for n in range(12):
        writer.send(room, f"資料庫 {n} release")
    boss.wait(lambda: boss.js("return document.readyState") == "complete")
    part(boss, f"statistics?days=7&room={boss.js('return encodeURIComponent(arguments[0])', room)}")
    boss.wait(lambda: all(word in boss.text() for word in ("12", "統計員", "資料庫", "release")))
    # Behind each chart is the table that it was drawn from.
    boss.wait(lambda: boss.count("figure") == boss.count("figure details table") >= 3)
    boss.js("document.querySelectorAll('figure details').forEach(one => one.open = true)")
    rows = boss.js("return [...document.querySelector('figure table').tBodies[0].rows].map(row => row.cells[1].textContent)")
    # Over midnight they are of two days.
    today = 1 if boss.js(day) == begun else 2
    assert len(rows) == 7 and sum(map(int, rows[-today:])) == 12 and set(rows[:-today]) == {"0"}
    boss.js("const field = document.querySelector('select[name=days]'); field.value = '365'; field.dispatchEvent(new Event('change', {bubbles: true}))")
    boss.wait(lambda: "days=365" in boss.driver.current_url and boss.count(".part .loading") == 0 and boss.count("figure") >= 3)
