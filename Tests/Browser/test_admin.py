"""What an admin does on the page, on the real server: accounts, findings, backups and drills, statistics."""
import re
import uuid

import pytest
from acting import log_in
from running import PASSWORD, ROOT
from selenium.webdriver.common.keys import Keys


@pytest.fixture
def boss(everline, people):
    page = people("en-US")
    page.fill("input[name=username]", "admin")
    page.fill("input[name=password]", (everline.home / "admin-password").read_text().strip())
    page.press(Keys.ENTER)
    page.find(".sidebar")
    return page


@pytest.fixture
def chief(everline, people):
    """The same in Traditional Chinese."""
    page = people("zh-TW")
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
    # What was being done is not told of what is done.
    assert boss.js("return [...document.querySelectorAll('.job')].filter(one => one.querySelector('.badge').textContent === 'Done' && one.querySelector('.job-message')).map(one => one.textContent)") == []
    # At a desk nothing of it has to be looked for sideways.
    boss.run_cdp("Emulation.setDeviceMetricsOverride", {"width": 1280, "height": 860, "deviceScaleFactor": 1, "mobile": False})
    boss.wait(lambda: boss.js("return [...document.querySelectorAll('.table-place')].every(one => one.scrollWidth <= one.clientWidth)"))
    # On a phone the chart is seen by its newest end, and what a value is called does not run into it.
    boss.run_cdp("Emulation.setDeviceMetricsOverride", {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": False})
    part(boss, "guardian")
    boss.wait(lambda: boss.js("const one = document.querySelector('.chart-place'); return one.scrollLeft > 0 && one.scrollLeft + one.clientWidth >= one.scrollWidth - 1"))
    # The tab of what is shown is in sight, though some are offered only later.
    part(boss, "actions")
    boss.wait(lambda: boss.js("const {left, right} = document.querySelector('.part-link[aria-current]').getBoundingClientRect(); return right > left && left >= 0 && right <= innerWidth - 20"))
    part(boss, "guardian")
    assert boss.js("return [...document.querySelectorAll('td[data-title]')].filter(one => getComputedStyle(one, '::before').whiteSpace !== 'normal').map(one => one.dataset.title)") == []
    boss.run_cdp("Emulation.clearDeviceMetricsOverride", {})


HAN = re.compile(r"[\u4e00-\u9fff]")


def test_the_guardian_speaks_the_readers_language(everline, chief):
    admin = everline.line()
    admin.result("auth.login", username="admin", password=(everline.home / "admin-password").read_text().strip())
    status = admin.result("guardian.status")
    assert [one["text"] for one in status["sayings"]] == status["problems"] and all(one["kind"] for one in status["sayings"])
    # A job that fails, for a reason that has words of its own.
    secret = everline.home / "secrets/postgres-everline_guardian"
    hidden = secret.rename(everline.home / "secrets/hidden")
    try:
        part(chief, "guardian")
        chief.find_text(".form-actions button", "傾印").click()
        chief.wait(lambda: "失敗" in chief.text() and chief.count(".job-message") > 0, 120)
    finally:
        hidden.rename(secret)
    [why] = chief.js("return [document.querySelector('.job-message')].map(one => [one.lang, one.textContent])")
    assert why[0] == "zh-Hant" and HAN.search(why[1]) and str(secret) in why[1] and "HINT" not in why[1], why
    # In the other language the same line says the same, without anything being asked for anew.
    chief.find_text("button", "English").click()
    chief.wait(lambda: chief.js("return document.querySelector('.job-message').lang") == "en")
    assert not HAN.search(chief.js("return document.querySelector('.job-message').textContent"))
    chief.find_text("button", "中文").click()
    chief.wait(lambda: chief.language() == "zh-Hant")
    # Each step of one that goes well.
    chief.js("""window.steps = new Set();
        new MutationObserver(() => document.querySelectorAll('.job-message').forEach(one => steps.add(one.lang + one.textContent))).observe(document.querySelector('.jobs'), {childList: true, subtree: true});""")
    done = "return [...document.querySelectorAll('.job')].filter(one => one.querySelector('.job-kind').textContent === '基礎備份' && one.querySelector('.badge').textContent === '完成').length"
    before = chief.js(done)
    chief.find_text(".form-actions button", "基礎備份").click()
    chief.wait(lambda: chief.js(done) > before, 240)
    # The view has come anew, and the keyboard is where it was.
    chief.wait(lambda: chief.js("return document.activeElement.matches('.form-actions button') && document.activeElement.textContent") == "基礎備份")
    steps = chief.js("return [...steps]")
    assert steps and all(step.startswith("zh-Hant") and HAN.search(step[7:]) for step in steps), steps
    # What is wrong now, there and in the overview.
    part(chief, "guardian")
    assert all(lang == "zh-Hant" and HAN.search(text) for lang, text in chief.js("return [...document.querySelectorAll('.problems li')].map(one => [one.lang, one.textContent])"))
    part(chief, "health")
    notes = chief.js("return [...document.querySelectorAll('tbody td:last-child')].map(one => one.textContent)")
    assert all(note == "–" or HAN.search(note) for note in notes), notes


def test_every_saying_has_words_in_both_languages(everline, chief):
    kinds = re.findall(r'case \w+ = "([a-z.-]+)"', (ROOT / "Services/DBGuardian/Service/Saying/Kind.swift").read_text())
    assert len(kinds) > 60
    part(chief, "guardian")
    said = chief.js_async("""
        const kinds = %s;
        const { saidOf } = await import('/scripts/view/admin/saying.js');
        const { language } = await import('/scripts/words/language.js');
        const inner = {kind: 'room.missing', values: {room: 'R'}, text: 'in English'};
        const values = Object.fromEntries('backup ledger segment folder file place holder room database table repository tool text'.split(' ').map(name => [name, `«${name}»`]));
        Object.assign(values, {at: '2026-11-29T12:00:00.000Z', to: '2026-11-29T12:00:00.000Z', far: '2026-11-29T12:00:00.000Z', why: inner, what: inner,
            count: 1234, wanted: 5, seconds: 400, signal: 15, status: 1, mebibytes: 3, done: 100, kibibytes: 4096, percent: 12});
        delete values.repository;
        const all = () => kinds.map(kind => [kind, saidOf({kind, values, text: 'in English'}), saidOf({kind, values: {...values, count: 1}, text: 'in English'})]);
        const chinese = all();
        const unknown = [saidOf({kind: 'of.tomorrow', values: {}, text: 'in English'}), saidOf(undefined, 'in English'), saidOf({kind: 'base.none', values: {repository: '/b'}, text: ''})];
        await language.use('en');
        return [chinese, all(), unknown];""" % kinds)
    chinese, english, unknown = said
    # What has no pattern of its own is said as the server says it.
    plain = {"error", "step.other"}
    assert [kind for kind, many, one in chinese + english if (many == "in English") != (kind in plain) or "undefined" in many + one or "{" in many + one] == []
    # Names and output of programs alone need no words.
    assert [kind for kind, many, _ in chinese if kind not in plain | {"error.system", "drill.amcheck"} and not HAN.search(many)] == []
    assert [kind for kind, many, one in english if HAN.search(many + one)] == []
    forms = {kind: (many, one) for kind, many, one in english}
    assert forms["wal.holes"][0].startswith("The archived WAL has 1,234 holes") and forms["wal.holes"][1].startswith("The archived WAL has 1 hole,") and "Nov 29, 2026" in forms["base.old"][0]
    assert unknown == ["in English", "in English", "/b：還沒有基礎備份。"]


def test_evidence_in_the_guardians_words(everline, chief):
    """What the page has words for is what the guardian says; what it does not know, it leaves."""
    part(chief, "findings")
    patterns, shown = chief.js_async("""
        const { default: words } = await import('/scripts/words/findings/evidence-zh-Hant.js');
        const { evidenceOf, objectOf } = await import('/scripts/view/admin/evidence.js');
        return [Object.keys(words), ['pg_stat_user_tables: 60 rows deleted from messages within 2 s', 'everline.json:12', 'archiving has failed 3 times in a row',
            'role bob is new: superuser=t'].map(evidenceOf).concat([{rule: 'archive-stall', object: 'archive'}, {rule: 'over-grant', object: 'archive'}, {rule: 'sequence-gap', object: 'room 7'}].map(objectOf))];""")
    assert shown == ["pg_stat_user_tables：2 秒內從 messages 刪除了 60 列", "everline.json:12", "封存連續失敗 3 次", "role bob 是新的：superuser=t", "封存", "archive", "聊天室 7"]
    swift = " ".join(file.read_text() for file in (ROOT / "Services/DBGuardian/Service").rglob("*.swift"))
    # An interpolation, with one level of brackets in it.
    literals = {re.sub(r"\\\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)", "{}", one) for one in re.findall(r'"((?:[^"\\\n]|\\\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)|\\.)*)"', swift)}
    # Those that are put together of parts.
    made = {"pg_replication_slots: {} holds back {} bytes, read by nobody", "pg_replication_slots: {} holds back {} bytes, read", "everline.login_log {}: a login succeeded after the burst",
            "statements {} to {} of process {} lack in the log", "lines {} to {} of process {} lack in the log", "{} {} in {} is new: {}", "{} {} is new: {}", "{} {} in {} is gone; it was: {}", "{} {} is gone; it was: {}"}
    assert sorted(set(patterns) - literals - made) == []


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
