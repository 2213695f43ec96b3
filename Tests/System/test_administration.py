"""What admins do by the wire and at the prompt, the record of it, and the login log."""
import json
import time
import uuid

import pytest

from psql import Psql
from running import PASSWORD
from test_account_protection import NEW, boss, code  # noqa: F401
from test_rooms_people import fresh, until


def actions(everline, subject):
    return [row[0] for row in everline.sql(f"SELECT action FROM everline.admin_actions WHERE subject = '{subject}' ORDER BY id")]


def test_deeds_of_admins_are_done_and_recorded(everline, boss):
    name = f"managed{uuid.uuid4().hex[:8]}"
    assert boss.result("admin.createUser", username=name, password=PASSWORD, displayName="老闆") == {
        "username": name, "displayName": "老闆", "admin": False}
    assert boss.error("admin.createUser", username=name.upper(), password=PASSWORD) == "auth.username_taken"
    assert boss.error("admin.createUser", username="a b", password=PASSWORD) == "invalid_params"
    assert boss.error("admin.createUser", username="x" + name, password="password1") == "auth.weak_password"
    line = everline.line()
    line.session = line.result("auth.login", username=name, password=PASSWORD)["session"]
    [mine] = boss.result("admin.sessions", username=name)["sessions"]
    assert mine["current"] is False
    assert boss.result("admin.revoke", username=name, sessionId=mine["id"]) == {"ended": 1} and line.push("session.ended")
    line.result("auth.login", username=name, password=PASSWORD)
    assert boss.result("admin.revoke", username=name) == {"ended": 1} and line.push("session.ended")
    line.result("auth.login", username=name, password=PASSWORD)
    boss.result("admin.disable", username=name)
    assert line.push("session.ended") and line.error("auth.login", username=name, password=PASSWORD) == "auth.invalid_credentials"
    boss.result("admin.enable", username=name)
    line.result("auth.login", username=name, password=PASSWORD)
    boss.result("admin.setPassword", username=name, password=NEW, mustChange=True)
    assert line.push("session.ended")
    assert line.result("auth.login", username=name, password=NEW)["mustChange"] is True
    line.result("auth.changePassword", current=NEW, new=PASSWORD)
    secret = line.result("auth.secondFactor.begin", password=PASSWORD)["secret"]
    line.result("auth.secondFactor.confirm", code=code(secret))
    [account] = boss.result("admin.users", query=name[:-1])["users"]
    assert account["secondFactor"] is True and account["sessions"] == 1 and account["lastLoginAt"] >= account["createdAt"]
    boss.result("admin.resetSecondFactor", username=name)
    assert boss.error("admin.resetSecondFactor", username=name) == "invalid_params"
    boss.result("admin.setAdmin", username=name, admin=True)
    other = everline.line()
    other.result("auth.login", username=name, password=PASSWORD)
    assert other.result("admin.users", limit=1)["hasMore"] is True
    boss.result("admin.setAdmin", username=name, admin=False)
    assert other.push("session.ended")
    other.result("auth.login", username=name, password=PASSWORD)
    assert other.error("admin.users") == "admin.required"
    assert actions(everline, name) == [
        "user.created", "sessions.revoked", "sessions.revoked", "user.disabled", "user.enabled", "password.set", "password.changed",
        "second_factor.enabled", "second_factor.reset", "admin.given", "admin.taken"]
    newest = boss.result("admin.actions", limit=3)
    assert [one["action"] for one in newest["actions"]] == ["admin.taken", "admin.given", "second_factor.reset"] and newest["hasMore"]
    assert newest["actions"][0]["by"] == "admin" and newest["actions"][0]["address"] and newest["actions"][0]["subject"] == name
    assert boss.result("admin.actions", before=newest["actions"][-1]["id"], limit=1)["actions"][0]["action"] == "second_factor.enabled"
    for method in ("admin.disable", "admin.enable", "admin.sessions", "admin.revoke", "admin.resetSecondFactor"):
        assert boss.error(method, username="無此人") == "user.not_found"


def test_the_record_cannot_be_changed_by_the_service(everline):
    auth = Psql(everline, "everline_auth")
    for statement in ("DELETE FROM everline.admin_actions", "UPDATE everline.admin_actions SET actor = 'x'", "TRUNCATE everline.admin_actions",
                      "INSERT INTO everline.admin_actions (id, at, actor, action, subject, address) OVERRIDING SYSTEM VALUE VALUES (1, now(), 'x', 'x', 'x', 'x')",
                      "DELETE FROM everline.login_log", "UPDATE everline.login_log SET outcome = 'x'", "SELECT everline.keep_login_log(1)",
                      "DROP TABLE everline.login_log_other"):
        assert auth.run(statement) == [["ERROR:  42501"]], statement
    auth.close()


def test_one_admin_always_remains(everline, boss):
    others = [one for one in everline.sql("SELECT username FROM everline.users WHERE admin AND NOT disabled AND username <> 'admin'")]
    for [name] in others:
        boss.result("admin.setAdmin", username=name, admin=False)
    assert boss.error("admin.setAdmin", username="admin", admin=False) == boss.error("admin.disable", username="admin") == "invalid_params"
    password = (everline.home / "admin-password").read_text().strip()
    assert boss.error("auth.deleteAccount", password=password) == "invalid_params"
    # Two take it from each other at once.
    name = f"second{uuid.uuid4().hex[:8]}"
    boss.result("admin.createUser", username=name, password=PASSWORD, admin=True)
    second = everline.line()
    second.result("auth.login", username=name, password=PASSWORD)
    ids = [(boss, boss.write("admin.setAdmin", {"username": name, "admin": False})), (second, second.write("admin.setAdmin", {"username": "admin", "admin": False}))]
    answers = [line.answer(id) for line, id in ids]
    assert ["result" in answer for answer in answers].count(True) == 1, answers
    assert len(everline.sql("SELECT 1 FROM everline.users WHERE admin AND NOT disabled")) == 1
    if "result" in answers[1]:
        everline.run("auth", "users", "make-admin", "admin")
        everline.run("auth", "users", "revoke-admin", name)
    # It may have lost its session by that.
    boss.session = boss.result("auth.login", username="admin", password=password)["session"]


def test_of_two_admins_who_disable_each_other_at_once_one_remains(everline, boss):
    # Auth waits for a lock for three seconds: where that was too short for both to come to it, once more with others.
    for _ in range(20):
        pair = []
        for n in range(2):
            name = f"rival{n}{uuid.uuid4().hex[:8]}"
            boss.result("admin.createUser", username=name, password=PASSWORD, admin=True)
            line = everline.line()
            line.result("auth.login", username=name, password=PASSWORD)
            pair.append((name, line))
        # Both are admins when they ask, and both come to the lock before either has done it.
        owner = Psql(everline, "everline_guardian")
        owner.run("BEGIN")
        owner.run("SELECT id FROM everline.users WHERE admin ORDER BY id FOR UPDATE")
        ids = [line.write("admin.disable", {"username": other}) for (_, line), (other, _) in zip(pair, reversed(pair))]
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND usename = 'everline_auth'"
        end = time.monotonic() + 10
        while not (both := everline.sql(waiting) == [["2"]]) and time.monotonic() < end:
            time.sleep(0.05)
        owner.run("COMMIT")
        owner.close()
        answers = [line.answer(id) for (_, line), id in zip(pair, ids)]
        if both and not any(answer["error"]["data"]["retryable"] for answer in answers if "error" in answer):
            break
        for name, _ in pair:
            boss.result("admin.setAdmin", username=name, admin=False)
    assert both and ["result" in answer for answer in answers].count(True) == 1, answers
    names = ",".join(f"'{name}'" for name, _ in pair)
    assert sorted(everline.sql(f"SELECT disabled FROM everline.users WHERE username IN ({names})")) == [["f"], ["t"]]
    for name, _ in pair:
        boss.result("admin.setAdmin", username=name, admin=False)


# What an admin asks, and what of it can be seen when it was done.
DEEDS = [
    ("admin.createUser", {"username": "NEW", "password": PASSWORD}, "SELECT count(*) FROM everline.users WHERE username = 'NEW'"),
    ("admin.disable", {}, "SELECT count(*) FROM everline.users WHERE username = 'VICTIM' AND disabled"),
    ("admin.enable", {}, "SELECT count(*) FROM everline.users WHERE username = 'DISABLED' AND NOT disabled"),
    ("admin.setPassword", {"password": NEW, "mustChange": True}, "SELECT count(*) FROM everline.users WHERE username = 'VICTIM' AND must_change"),
    ("admin.requireChange", {}, "SELECT count(*) FROM everline.users WHERE username = 'VICTIM' AND must_change"),
    ("admin.setAdmin", {"admin": True}, "SELECT count(*) FROM everline.users WHERE username = 'VICTIM' AND admin"),
    ("admin.setAdmin", {"username": "ADMIN", "admin": False}, "SELECT count(*) FROM everline.users WHERE username = 'ADMIN' AND NOT admin"),
    ("admin.resetSecondFactor", {}, "SELECT 1 - count(*) FROM everline.second_factors f JOIN everline.users u ON u.id = f.user_id WHERE u.username = 'VICTIM'"),
    ("admin.revoke", {}, "SELECT 1 - count(*) FROM everline.sessions s JOIN everline.users u ON u.id = s.user_id WHERE u.username = 'VICTIM'"),
]
# What becomes of who asked, while the deed waits for its lock.
FALLS = [
    ("admin = false", None, "admin.required"), ("disabled = true", None, "admin.required"),
    (None, "DELETE FROM everline.sessions WHERE user_id = {id}", "session.invalid")]


@pytest.mark.parametrize("change, statement, error", FALLS, ids=["made less", "disabled", "logged out"])
def test_who_is_no_admin_any_more_when_the_deed_is_done_does_not_do_it(everline, boss, change, statement, error):
    mark = uuid.uuid4().hex[:8]
    names = {"VICTIM": f"victim{mark}", "DISABLED": f"kept{mark}", "ADMIN": f"admin{mark}", "NEW": f"made{mark}"}
    victim = everline.user(names["VICTIM"])
    secret = victim.result("auth.secondFactor.begin", password=PASSWORD)["secret"]
    victim.result("auth.secondFactor.confirm", code=code(secret))
    for key in ("DISABLED", "ADMIN"):
        boss.result("admin.createUser", username=names[key], password=PASSWORD, admin=key == "ADMIN")
    boss.result("admin.disable", username=names["DISABLED"])
    falling = f"falling{mark}"
    boss.result("admin.createUser", username=falling, password=PASSWORD, admin=True)
    [[id]] = everline.sql(f"SELECT id FROM everline.users WHERE username = '{falling}'")
    lines = []
    for _ in DEEDS:
        line = everline.line()
        line.result("auth.login", username=falling, password=PASSWORD)
        lines.append(line)
    recorded = everline.sql("SELECT coalesce(max(id), 0) FROM everline.admin_actions")
    owner = Psql(everline, "everline_guardian")
    owner.run("BEGIN")
    owner.run(f"SELECT id FROM everline.users WHERE id = {id} FOR UPDATE")
    asked = []
    for line, (method, params, _) in zip(lines, DEEDS):
        params = {"username": "DISABLED" if method == "admin.enable" else "VICTIM"} | params
        asked.append(line.write(method, {key: names.get(value, value) if isinstance(value, str) else value for key, value in params.items()}))
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND usename = 'everline_auth'"
    # As many as there are connections for; the others wait for one, and ask nothing before.
    until(lambda: int(everline.sql(waiting)[0][0]) >= 2, "they wait")
    owner.run(f"UPDATE everline.users SET {change} WHERE id = {id}" if change else statement.format(id=id))
    owner.run("COMMIT")
    owner.close()
    answers = [line.answer(asked_id)["error"]["data"]["name"] for line, asked_id in zip(lines, asked)]
    assert set(answers) <= {error, "session.invalid"} and error in answers, answers
    for _, _, seen in DEEDS:
        for key, name in names.items():
            seen = seen.replace(f"'{key}'", f"'{name}'")
        assert everline.sql(seen) == [["0"]], seen
    assert everline.sql("SELECT coalesce(max(id), 0) FROM everline.admin_actions") == recorded
    boss.result("admin.setAdmin", username=names["ADMIN"], admin=False)
    everline.sql(f"UPDATE everline.users SET admin = false WHERE id = {id}")


def test_admins_who_do_something_to_each_other_at_once_do_not_hinder_each_other(everline, boss):
    pair = []
    for n in range(2):
        name = f"peer{n}{uuid.uuid4().hex[:8]}"
        boss.result("admin.createUser", username=name, password=PASSWORD, admin=True)
        line = everline.line(n)
        line.result("auth.login", username=name, password=PASSWORD)
        pair.append((name, line))
    for _ in range(10):
        asked = [(line, line.write("admin.enable", {"username": other})) for (_, line), (other, _) in zip(pair, reversed(pair)) for _ in range(10)]
        assert [line.answer(id).get("result") for line, id in asked] == [{}] * 20
    for name, _ in pair:
        boss.result("admin.setAdmin", username=name, admin=False)


def test_an_account_that_was_deleted_is_nobody_for_admins(everline, boss):
    name = f"gone{uuid.uuid4().hex[:8]}"
    line = everline.user(name)
    [[id]] = everline.sql(f"SELECT id FROM everline.users WHERE username = '{name}'")
    line.result("auth.deleteAccount", password=PASSWORD)
    for username in (name, f"deleted:{id}", f"DELETED:{id}", "db:guardian"):
        for method, more in (("enable", {}), ("disable", {}), ("setPassword", {"password": NEW}), ("setAdmin", {"admin": True}), ("requireChange", {}),
                             ("resetSecondFactor", {}), ("sessions", {}), ("revoke", {})):
            assert boss.error(f"admin.{method}", username=username, **more) in ("user.not_found", "invalid_params"), (username, method)
        for verb in ("enable", "make-admin", "require-change"):
            assert everline.run("auth", "users", verb, username, check=False).returncode != 0, (username, verb)
    assert everline.sql(f"SELECT disabled, admin, must_change FROM everline.users WHERE id = {id}") == [["t", "f", "f"]]


def test_users_are_found(everline, boss):
    mark = uuid.uuid4().hex[:8]
    for n in range(5):
        boss.result("admin.createUser", username=f"唐{n}{mark}", displayName=f"詩人 {n} {mark}", password=PASSWORD)
    names = [one["username"] for one in boss.result("admin.users", query=mark)["users"]]
    assert names == [f"唐{n}{mark}" for n in range(5)]
    first = boss.result("admin.users", query=mark, limit=2)
    assert [one["username"] for one in first["users"]] == names[:2] and first["hasMore"]
    rest = boss.result("admin.users", query=mark, after=names[1])
    assert [one["username"] for one in rest["users"]] == names[2:] and not rest["hasMore"]
    assert len(boss.result("admin.users", query=f"詩人 3 {mark}")["users"]) == 1
    for harmless in ("%", "_", "'; DROP TABLE everline.users; --", "\\", "%' OR '1'='1"):
        # Names may hold such a sign (other tests' do), and then it is the sign that is found.
        assert all(harmless in one["username"] + (one.get("displayName") or "") for one in boss.result("admin.users", query=harmless)["users"]), harmless
    assert boss.result("admin.users", query=f"唐_{mark}")["users"] == [] == boss.result("admin.users", query=f"唐%{mark}")["users"]
    for wrong in ({"limit": 0}, {"limit": 201}, {"query": 1}, {"after": "x" * 65}):
        assert boss.error("admin.users", **wrong) == "invalid_params"


def test_the_login_log(everline, boss):
    one = fresh(everline, "log")
    line = everline.line()
    for n in range(3):
        line.call("auth.login", username=one.name, password="wrong")
    line.result("auth.login", username=one.name, password=PASSWORD, client="手機")
    mine = one.result("auth.logins")
    assert [x["outcome"] for x in mine["logins"]] == ["success", "wrong_password", "wrong_password", "wrong_password", "registered"]
    assert mine["logins"][0]["client"] == "手機" and "username" not in mine["logins"][0] and mine["hasMore"] is False
    page = one.result("auth.logins", limit=2)
    assert page["hasMore"] and one.result("auth.logins", before=page["logins"][-1]["id"])["logins"] == mine["logins"][2:]
    # Another's is not one's own.
    assert all(x["id"] not in {y["id"] for y in mine["logins"]} for x in fresh(everline).result("auth.logins")["logins"])
    found = boss.result("admin.logins", username=one.name.upper(), outcome="wrong_password")["logins"]
    assert len(found) == 3 and {x["username"] for x in found} == {one.name}
    nobody = f"nobody{uuid.uuid4().hex[:8]}"
    line.call("auth.login", username=nobody, password="x")
    assert [x["outcome"] for x in boss.result("admin.logins", username=nobody)["logins"]] == ["unknown_user"]
    at = mine["logins"][0]["at"]
    assert boss.result("admin.logins", username=one.name, since=at)["logins"][0]["at"] == at
    assert boss.result("admin.logins", address="192.0.2.1")["logins"] == []
    assert boss.result("admin.logins", since="1026-01-01T00:00:00Z", until="3026-01-01T00:00:00Z", limit=1)["hasMore"]
    assert boss.error("admin.logins", since="2026-01-02T00:00:00Z", until="2026-01-01T00:00:00Z") == "invalid_params"
    assert boss.result("admin.logins", username="x' OR '1'='1")["logins"] == []
    lines = [json.loads(x) for x in everline.run("auth", "logins", "list", "--username", one.name, "--outcome", "success", "--json").stdout.splitlines()]
    assert [x["client"] for x in lines] == ["手機"]


def test_the_login_log_is_kept_in_months(everline):
    partitions = lambda: {row[0] for row in everline.sql(  # noqa: E731
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'everline.login_log'::regclass")}
    months = {row[0] for row in everline.sql(
        "SELECT 'login_log_' || to_char(now() AT TIME ZONE 'UTC' + n * interval '1 month', 'YYYY_MM') FROM generate_series(0, 2) n")}
    assert months | {"login_log_other"} <= partitions()
    name = f"old{uuid.uuid4().hex[:8]}"
    owner = Psql(everline, "everline_guardian")
    # An attempt of a month without a partition is kept all the same; once there is one, it lies there.
    owner.run(f"INSERT INTO everline.login_log (at, name, outcome, address) VALUES ('2001-02-03', '{name}', 'x', 'x')")
    last = sorted(months)[1]
    # At once, as the guardian looks after it too.
    owner.run("BEGIN")
    owner.run(f"DROP TABLE everline.{last}")
    owner.run(f"INSERT INTO everline.login_log (at, name, outcome, address) VALUES ('{last[-7:].replace('_', '-')}-15 12:00+00', '{name}', 'x', 'x')")
    assert owner.run("SELECT everline.keep_login_log(365)") == [[f"made {last}"]]
    owner.run("COMMIT")
    assert everline.sql(f"SELECT count(*) FROM everline.{last} WHERE name = '{name}'") == [["1"]]
    assert everline.sql(f"SELECT count(*) FROM everline.login_log WHERE name = '{name}'") == [["1"]], "what is older than a year is gone"
    owner.run("BEGIN")
    owner.run("CREATE TABLE everline.login_log_2001_03 PARTITION OF everline.login_log FOR VALUES FROM ('2001-03-01') TO ('2001-04-01')")
    assert owner.run("SELECT everline.keep_login_log(365)") == [["dropped login_log_2001_03"]]
    owner.run("COMMIT")
    assert owner.run("SELECT everline.keep_login_log(365)") == []
    owner.close()
    everline.user(f"still{uuid.uuid4().hex[:8]}")


def test_the_prompt_does_what_admins_do(everline):
    name = f"prompt{uuid.uuid4().hex[:8]}"
    run = lambda *arguments, input=None: everline.run("auth", *arguments, input=input).stdout  # noqa: E731
    run("users", "create", name, "--must-change", input="a first password\n")
    line = everline.line()
    assert line.result("auth.login", username=name, password="a first password", client="試")["mustChange"] is True
    line.result("auth.changePassword", current="a first password", new=NEW)
    [session] = [json.loads(x) for x in run("sessions", "list", name, "--json").splitlines()]
    assert session["client"] == "試"
    assert run("sessions", "revoke", name, "--id", session["id"]).strip() == "ended 1" and line.push("session.ended")
    line.result("auth.login", username=name, password=NEW)
    run("users", "require-change", name)
    assert line.push("session.ended") and line.result("auth.login", username=name, password=NEW)["mustChange"] is True
    line.result("auth.changePassword", current=NEW, new=PASSWORD)
    secret = line.result("auth.secondFactor.begin", password=PASSWORD)["secret"]
    line.result("auth.secondFactor.confirm", code=code(secret))
    run("users", "reset-second-factor", name)
    assert "session" in line.result("auth.login", username=name, password=PASSWORD)
    weak = everline.run("auth", "users", "set-password", name, input="password123\n", check=False)
    assert weak.returncode == 1 and "common" in weak.stderr
    assert everline.run("auth", "users", "delete", name, check=False).returncode == 64
    run("users", "delete", name, "--yes")
    assert line.push("session.ended")
    done = [json.loads(x) for x in run("actions", "--json", "--limit", "7").splitlines()]
    assert done[0]["action"] == "account.deleted" and done[0]["by"].startswith("prompt:") and done[0]["address"] == "prompt"
    assert name not in run("users", "list")
