"""Sessions, passwords, second factors, and the end of an account: what protects people, and who tries to get round it."""
import base64
import hashlib
import hmac
import json
import os
import signal
import struct
import threading
import time
import uuid

import pytest

from psql import Psql
from running import PASSWORD
from test_rooms_people import counts, fresh, listed, people, room, until  # noqa: F401

NEW = "低頭思故鄉，舉頭望明月"


def also(everline, line, instance=0, **more):
    other = everline.line(instance)
    other.session = other.result("auth.login", username=line.name, password=PASSWORD, **more)["session"]
    other.name = line.name
    return other


def digest(session):
    return hashlib.sha256(base64.urlsafe_b64decode(session + "=")).hexdigest()


def early():
    """Waits until the time that a code is for has half of it to go."""
    while time.time() % 30 > 15:
        time.sleep(0.2)


def code(secret, shift=0):
    """RFC 6238 over the standard library: what an authenticator shows."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    mac = hmac.digest(key, struct.pack(">q", int(time.time()) // 30 + shift), "sha1")
    at = mac[-1] & 15
    return f"{(struct.unpack('>I', mac[at:at + 4])[0] & 0x7fffffff) % 1_000_000:06}"


@pytest.fixture(scope="module")
def boss(everline):
    line = everline.line()
    line.session = line.result("auth.login", username="admin", password=(everline.home / "admin-password").read_text().strip())["session"]
    return line


# Sessions

def test_sessions_are_listed_and_ended(everline):
    one = fresh(everline)
    phone, far = also(everline, one, client="手機 1.0"), also(everline, one, instance=1)
    sessions = one.result("auth.sessions")["sessions"]
    assert [x["current"] for x in sessions].count(True) == 1 and len(sessions) == 3
    mine = next(x for x in sessions if x.get("client") == "手機 1.0")
    assert mine["address"] and mine["createdAt"] <= mine["lastSeenAt"] < mine["expiresAt"]
    other = fresh(everline)
    assert other.result("auth.revoke", sessionId=mine["id"]) == {"ended": 0}, "another's session is none of one's own"
    assert one.result("auth.revoke", sessionId=mine["id"]) == {"ended": 1}
    assert phone.push("session.ended")
    assert phone.error("room.list") == "session.required" and phone.error("session.resume", session=phone.session) == "session.invalid"
    assert one.result("auth.revoke", others=True) == {"ended": 1}
    assert far.push("session.ended") and [x["current"] for x in one.result("auth.sessions")["sessions"]] == [True]
    for wrong in ({}, {"others": False}, {"others": True, "sessionId": mine["id"]}, {"sessionId": "x"}, {"sessionId": 1}):
        assert one.error("auth.revoke", **wrong) == "invalid_params"
    assert everline.line().error("auth.sessions") == "session.required"


def told_soon(everline, one):
    """Whether most of six sessions hear of their end soon: one of them may be kept waiting by the machine, and the look at all sessions, which comes
    every ten seconds, is not as quick as that for most."""
    soon = 0
    for _ in range(6):
        other = also(everline, one)
        assert one.result("auth.revoke", others=True) == {"ended": 1}
        begun = time.monotonic()
        assert other.push("session.ended")
        soon += time.monotonic() - begun < 3
        other.close()
    return soon >= 4


def test_a_session_hears_of_its_end_soon(everline):
    assert told_soon(everline, fresh(everline))


def test_a_session_ended_without_redis_ends_on_every_gateway(own_everline):
    everline = own_everline
    one = fresh(everline)
    other = also(everline, one)
    os.kill(everline.pid("redis"), signal.SIGSTOP)
    try:
        until(lambda: "redis cannot be reached" in (everline.home / "log/message-gateway-0.log").read_text(), "the gateway notices", 120)
        until(lambda: "redis cannot be reached" in (everline.home / "log/auth.log").read_text(), "auth notices", 120)
        assert one.result("auth.revoke", others=True) == {"ended": 1}
        assert other.push("session.ended")
        # The count of ends is looked at twice a second.
        assert told_soon(everline, one)
    finally:
        os.kill(everline.pid("redis"), signal.SIGCONT)


def test_sliding_and_absolute_expiry(everline):
    one = fresh(everline)
    key = digest(one.session)
    hours = lambda: float(everline.sql(  # noqa: E731
        f"SELECT extract(epoch FROM expires_at - now()) / 3600 FROM everline.sessions WHERE token_hash = '\\x{key}'")[0][0])
    assert 719 < hours() <= 720
    assert float(everline.sql(f"SELECT extract(epoch FROM ends_at - now()) / 86400 FROM everline.sessions WHERE token_hash = '\\x{key}'")[0][0]) > 364
    for end, least, most in [("interval '7200 hours'", 719, 720), ("interval '480 hours'", 479, 480)]:
        everline.sql(f"UPDATE everline.sessions SET expires_at = now() + interval '10 days', ends_at = now() + {end} WHERE token_hash = '\\x{key}'")
        everline.redis("DEL", f"everline:session:{key}", user="auth")
        everline.line().result("session.resume", session=one.session)
        assert least < hours() <= most
    # At its end it is over, however lately it was used.
    everline.sql(f"UPDATE everline.sessions SET expires_at = now() - interval '1 s', ends_at = now() - interval '1 s' WHERE token_hash = '\\x{key}'")
    everline.redis("DEL", f"everline:session:{key}", user="auth")
    assert everline.line().error("session.resume", session=one.session) == "session.invalid"
    assert one.push("session.ended")


# Passwords

def test_changing_the_password_ends_the_other_sessions(everline):
    one = fresh(everline)
    other = also(everline, one, instance=1)
    assert one.error("auth.changePassword", current="not the password", new=NEW) == "auth.invalid_credentials"
    for weak in ("password123", "Password123", "1qaz2wsx", one.name, PASSWORD):
        assert one.error("auth.changePassword", current=PASSWORD, new=weak) == "auth.weak_password", weak
    assert one.error("auth.changePassword", current=PASSWORD, new="short") == "invalid_params"
    assert everline.line().error("auth.register", username=f"w{uuid.uuid4().hex[:8]}", password="iloveyou1") == "auth.weak_password"
    assert one.result("auth.changePassword", current=PASSWORD, new=NEW) == {}
    assert other.push("session.ended")
    assert one.result("room.list") and everline.line().result("session.resume", session=one.session)
    line = everline.line()
    assert line.error("auth.login", username=one.name, password=PASSWORD) == "auth.invalid_credentials"
    assert "session" in line.result("auth.login", username=one.name, password=NEW)
    assert [row[0] for row in everline.sql(f"SELECT action FROM everline.admin_actions WHERE subject = '{one.name}'")] == ["password.changed"]


def test_a_login_with_the_old_password_that_comes_late_opens_nothing(everline):
    """Login looked at the hash; then the password is changed; then login would open its session."""
    one = fresh(everline)
    [[id, old]] = everline.sql(f"SELECT id, password_hash FROM everline.users WHERE username = '{one.name}'")
    open_session = (
        f"WITH holder AS (SELECT u.id FROM everline.users u WHERE u.id = {id} AND u.password_hash = '{old}' AND NOT u.disabled FOR SHARE) "
        "INSERT INTO everline.sessions (token_hash, user_id, address, expires_at) SELECT sha256(random()::text::bytea), h.id, 'x', now() + interval '1 h' "
        "FROM holder h RETURNING 1")
    change, login = Psql(everline, "everline_auth"), Psql(everline, "everline_auth")
    # The change first: the login waits for it and opens nothing.
    change.run("BEGIN")
    change.run(f"UPDATE everline.users SET password_hash = 'new' WHERE id = {id}")
    login.begin(open_session)
    login.until_it_waits()
    change.run(f"DELETE FROM everline.sessions WHERE user_id = {id}")
    change.run("COMMIT")
    assert login.finish() == []
    assert everline.sql(f"SELECT count(*) FROM everline.sessions WHERE user_id = {id}") == [["0"]]
    # The login first: the change waits for it, and ends what it opened.
    change.run(f"UPDATE everline.users SET password_hash = '{old}' WHERE id = {id}")
    login.run("BEGIN")
    assert login.run(open_session) == [["1"]]
    change.run("BEGIN")
    change.begin(f"UPDATE everline.users SET password_hash = 'new' WHERE id = {id}")
    change.until_it_waits()
    login.run("COMMIT")
    change.finish()
    assert change.run(f"DELETE FROM everline.sessions WHERE user_id = {id} RETURNING 1") == [["1"]]
    change.run("COMMIT")
    change.close()
    login.close()


def test_a_login_is_not_refused_because_the_same_password_is_hashed_anew_meanwhile(everline):
    """Another login may bring the hash up to today's parameters, between this one's look at it and its session."""
    one, other = fresh(everline), fresh(everline)
    hash_of = lambda name: everline.sql(f"SELECT password_hash FROM everline.users WHERE username = '{name}'")[0][0]  # noqa: E731
    same = hash_of(other.name)
    other.result("auth.changePassword", current=PASSWORD, new=NEW)
    different = hash_of(other.name)
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND usename = 'everline_auth'"
    owner = Psql(everline, "everline_guardian")
    for hashed, method, params in ((same, "auth.login", {"username": one.name, "password": PASSWORD}), (different, "auth.login", {"username": one.name, "password": PASSWORD}),
                                   (same, "auth.changePassword", {"current": PASSWORD, "new": "舉杯邀明月，對影成三人"})):
        old = hash_of(one.name)
        if old == different:
            everline.sql(f"UPDATE everline.users SET password_hash = '{same}' WHERE username = '{one.name}'")
            # Another salt, so that it changes.
            hashed = everline.sql(f"SELECT password_hash FROM everline.users WHERE username = '{fresh(everline).name}'")[0][0]
        owner.run("BEGIN")
        owner.run(f"SELECT FROM everline.users WHERE username = '{one.name}' FOR UPDATE")
        line = one if method == "auth.changePassword" else everline.line()
        id = line.write(method, params)
        until(lambda: everline.sql(waiting) == [["1"]], "it waits for the row")
        owner.run(f"UPDATE everline.users SET password_hash = '{hashed}' WHERE username = '{one.name}'")
        owner.run("COMMIT")
        answer = line.answer(id)
        assert ("result" in answer) == (hashed != different), answer
        assert "result" in answer or answer["error"]["data"]["name"] == "auth.invalid_credentials"
    owner.close()
    outcomes = [login["outcome"] for login in one.result("auth.logins")["logins"]]
    assert outcomes == ["wrong_password", "success", "success", "registered"]


def test_logins_race_with_a_change_of_the_password(everline):
    one = fresh(everline)
    opened = []

    def log_in():
        line = everline.line()
        answer = line.call("auth.login", username=one.name, password=PASSWORD)
        if "result" in answer:
            opened.append(answer["result"]["session"])
    threads = [threading.Thread(target=log_in) for _ in range(4)]
    for thread in threads:
        thread.start()
    one.result("auth.changePassword", current=PASSWORD, new=NEW)
    for thread in threads:
        thread.join()
    assert [everline.line().error("session.resume", session=session) for session in opened] == ["session.invalid"] * len(opened)


def test_who_must_change_the_password_can_do_nothing_else(everline, boss):
    name = f"must{uuid.uuid4().hex[:8]}"
    boss.result("admin.createUser", username=name, password="first of two words", mustChange=True)
    line = everline.line()
    opened = line.result("auth.login", username=name, password="first of two words")
    assert opened["mustChange"] is True and opened["user"]["mustChange"] is True
    again = everline.line()
    assert again.result("session.resume", session=opened["session"])["mustChange"] is True
    direct = everline.line()
    for method, params in [("room.list", {}), ("auth.sessions", {}), ("room.create", {"room": "x"}), ("history.recent", {"room": "x"}),
                           ("message.send", {"room": "x", "clientId": str(uuid.uuid4()), "body": "x"}), ("auth.secondFactor", {}), ("auth.export", {})]:
        assert line.error(method, **params) == again.error(method, **params) == "auth.password_change_required", method
    from client import Line, RPC
    assert RPC(everline.port(8443), everline.ca, opened["session"]).call("room.list")["error"]["data"]["name"] == "auth.password_change_required"
    history = Line(everline.port(7502), everline.ca)
    history.result("session.resume", session=opened["session"])
    assert history.error("history.recent", room="x") == "auth.password_change_required"
    assert line.error("auth.changePassword", current="first of two words", new="first of two words") == "auth.weak_password"
    assert line.result("auth.changePassword", current="first of two words", new=NEW) == {}
    assert "rooms" in line.result("room.list")
    assert "mustChange" not in everline.line().result("session.resume", session=opened["session"])
    direct.close()


# Second factor

def test_second_factor(everline):
    one = fresh(everline)
    assert one.result("auth.secondFactor") == {"enabled": False, "recoveryCodesLeft": 0}
    assert one.error("auth.secondFactor.begin", password="wrong") == "auth.invalid_credentials"
    assert one.error("auth.secondFactor.confirm", code="000000") == "invalid_params"
    first = one.result("auth.secondFactor.begin", password=PASSWORD)
    begun = one.result("auth.secondFactor.begin", password=PASSWORD)
    secret = begun["secret"]
    assert secret != first["secret"] and f"secret={secret}" in begun["uri"] and begun["uri"].startswith("otpauth://totp/Everline:")
    # Not asked for before it is confirmed.
    line = everline.line()
    assert "session" in line.result("auth.login", username=one.name, password=PASSWORD)
    assert one.error("auth.secondFactor.confirm", code=code(first["secret"])) == "invalid_params"
    used = code(secret)
    codes = one.result("auth.secondFactor.confirm", code=used)["recoveryCodes"]
    assert len(set(codes)) == 10
    assert one.result("auth.secondFactor") == {"enabled": True, "recoveryCodesLeft": 10}
    assert one.error("auth.secondFactor.begin", password=PASSWORD) == "invalid_params"
    assert line.error("auth.login", username=one.name, password=PASSWORD) == "auth.second_factor_required"
    # Without the right password nobody learns that there is one.
    assert line.error("auth.login", username=one.name, password="wrong") == "auth.invalid_credentials"
    assert line.error("auth.login", username=one.name, password=PASSWORD, code="000000") == "auth.invalid_credentials"
    assert line.error("auth.login", username=one.name, password=PASSWORD, code=used) == "auth.invalid_credentials", "a code was used twice"
    following = code(secret, 1)
    assert "session" in line.result("auth.login", username=one.name, password=PASSWORD, code=f"{following[:3]} {following[3:]}")
    assert line.error("auth.login", username=one.name, password=PASSWORD, code=following) == "auth.invalid_credentials"
    assert line.error("auth.login", username=one.name, password=PASSWORD, code=used) == "auth.invalid_credentials", "an older one"
    assert "session" in line.result("auth.login", username=one.name, password=PASSWORD, code=codes[0].upper())
    assert line.error("auth.login", username=one.name, password=PASSWORD, code=codes[0]) == "auth.invalid_credentials"
    assert one.result("auth.secondFactor")["recoveryCodesLeft"] == 9
    # What is stored tells neither the secret nor the codes.
    [[stored]] = everline.sql(f"SELECT f.secret FROM everline.second_factors f JOIN everline.users u ON u.id = f.user_id WHERE u.username = '{one.name}'")
    raw = base64.b32decode(secret)
    assert raw.hex() not in stored
    hashes = {row[0] for row in everline.sql(
        f"SELECT c.hash FROM everline.recovery_codes c JOIN everline.users u ON u.id = c.user_id WHERE u.username = '{one.name}'")}
    assert len(hashes) == 9 and not any(x.replace("-", "").encode().hex() in h for x in codes for h in hashes)
    assert one.error("auth.secondFactor.disable", password=PASSWORD) == "auth.second_factor_required"
    assert one.error("auth.secondFactor.disable", password="wrong", code=codes[1]) == "auth.invalid_credentials"
    assert one.result("auth.secondFactor.disable", password=PASSWORD, code=codes[1]) == {}
    assert "session" in line.result("auth.login", username=one.name, password=PASSWORD)
    for wrong in ({"code": 123456}, {"code": "x" * 65}, {"code": ""}):
        assert line.error("auth.login", username=one.name, password=PASSWORD, **wrong) == "invalid_params"


def test_a_code_is_good_once_also_when_it_comes_twice_at_once(everline):
    one = fresh(everline)
    secret = one.result("auth.secondFactor.begin", password=PASSWORD)["secret"]
    # The one before is as good as over.
    early()
    recovery = one.result("auth.secondFactor.confirm", code=code(secret, -1))["recoveryCodes"][0]
    for given in (code(secret), recovery):
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(
            everline.line().call("auth.login", username=one.name, password=PASSWORD, code=given))) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted("result" in answer for answer in answers) == [False] * 4 + [True], answers


def test_codes_are_not_to_be_guessed(everline):
    """Not by who has the password, nor by who has got hold of a session; and guessing keeps nobody else out."""
    one = fresh(everline)
    secret = one.result("auth.secondFactor.begin", password=PASSWORD)["secret"]
    early()
    codes = one.result("auth.secondFactor.confirm", code=code(secret, -1))["recoveryCodes"]
    guesser = everline.line()
    told = [guesser.call("auth.login", username=one.name, password=PASSWORD, code=f"{n:06}" if n % 2 else f"aaaa-{n:04}")["error"]["data"]["name"]
            for n in range(15)]
    # The others at the session that it has got. Ten wrong ones of an authenticator cost no wait, and seven there were.
    told += [one.call("auth.secondFactor.disable", password=PASSWORD, code=f"{n:06}")["error"]["data"]["name"] for n in range(4)]
    assert told == ["auth.invalid_credentials"] * 19
    # Each more doubles the wait, until that is long enough for what follows.
    for n in range(10_000):
        error = one.call("auth.secondFactor.disable", password=PASSWORD, code=f"{n:06}")["error"]["data"]
        if error["name"] == "auth.throttled":
            if error["retryAfterMs"] > 10_000:
                break
            time.sleep(error["retryAfterMs"] / 1_000)
    assert n < 20
    # The right one comes too late, wherever from; a recovery code, which nobody guesses, still lets its owner in.
    assert guesser.error("auth.login", username=one.name, password=PASSWORD, code=code(secret)) == "auth.throttled"
    assert one.error("auth.secondFactor.disable", password=PASSWORD, code=code(secret)) == "auth.throttled"
    assert one.result("auth.secondFactor") == {"enabled": True, "recoveryCodesLeft": 10}
    assert "session" in everline.line().result("auth.login", username=one.name, password=PASSWORD, code=codes[0])
    assert "session" in everline.line().result("auth.login", username=fresh(everline).name, password=PASSWORD)


# The end of an account

def test_an_accounts_export_and_its_end(everline, room):
    name, li, _, wang = room
    du = fresh(everline)
    du.result("room.join", room=name)
    epoch = du.send(name, f"@{wang.name} 我的話")["epoch"]
    li.send(name, f"@{du.name} 別走")
    for seq, sign in ((1, "👍"), (2, "👍"), (2, "🎉")):
        du.result("message.react", room=name, epoch=epoch, seq=seq, reaction=sign, clientId=str(uuid.uuid4()))
    li.result("message.react", room=name, epoch=epoch, seq=2, reaction="👍", clientId=str(uuid.uuid4()))
    other = also(everline, du, instance=1)
    export = du.result("auth.export")
    assert export["user"]["username"] == du.name and [one["room"] for one in export["rooms"]] == [name]
    assert [one["outcome"] for one in export["logins"]] == ["success", "registered"]
    assert len(export["sessions"]) == 2 and PASSWORD not in json.dumps(export)
    assert du.error("auth.deleteAccount", password="wrong") == "auth.invalid_credentials"
    [[id]] = everline.sql(f"SELECT id FROM everline.users WHERE username = '{du.name}'")
    assert du.result("auth.deleteAccount", password=PASSWORD) == {}
    assert other.push("session.ended") and du.push("session.ended")
    line = everline.line()
    assert line.error("auth.login", username=du.name, password=PASSWORD) == "auth.invalid_credentials"
    assert line.error("session.resume", session=du.session) == "session.invalid"
    assert line.error("auth.login", username=f"deleted:{id}", password="!") == "auth.invalid_credentials"
    assert [one["username"] for one in li.result("room.members", room=name)["members"] if one["username"] not in {line.name for line in (li, room[2], wang)}] == []
    until(lambda: li.result("history.page", room=name, after=0)["messages"][0]["senderName"] == "deleted user", "names are forgotten")
    until(lambda: li.result("history.recent", room=name)["messages"][0]["senderName"] == "deleted user", "names are forgotten")
    [first, second] = li.result("history.page", room=name, after=0)["messages"]
    assert first["body"].endswith("我的話") and first["sender"] == f"deleted:{id}" and second["sender"] == li.name
    # Its reactions are gone, each with a revision of its own; others' stay.
    until(lambda: [one.get("reactions") for one in li.result("history.page", room=name, after=0)["messages"]] == [
        None, [{"reaction": "👍", "count": 1, "users": [li.name]}]], "reactions are taken back")
    until(lambda: [one.get("reactions") for one in li.result("history.recent", room=name)["messages"]] == [
        None, [{"reaction": "👍", "count": 1, "users": [li.name]}]], "reactions are taken back")
    kinds = everline.sql(f"SELECT v.rev, v.kind FROM everline.revisions v JOIN everline.rooms r ON r.id = v.room_id WHERE r.name = '{name}' ORDER BY v.rev")
    assert kinds == [[str(n + 1), "react" if n < 4 else "unreact"] for n in range(7)]
    until(lambda: everline.sql("SELECT count(*) FROM everline.departures") == [["0"]], "nothing is left to do")
    # Of the name nothing is left where it is looked for.
    for table in ("users", "login_log", "admin_actions"):
        # A try to log in by the name, after its end, is one by whatever name.
        where = "AND user_id IS NOT NULL" if table == "login_log" else ""
        assert everline.sql(f"SELECT count(*) FROM everline.{table} x WHERE x::text LIKE '%{du.name}%' {where}") == [["0"]], table
    assert everline.sql(f"SELECT actor_id, action, subject_id FROM everline.admin_actions WHERE subject_id = {id}") == [[id, "account.deleted", id]]
    # The name is free again, for somebody else.
    again = everline.user(du.name)
    assert listed(again, name)["joined"] is False and again.result("auth.export")["logins"][-1]["outcome"] == "registered"


def test_a_deleted_accounts_name_is_forgotten_wherever_it_wrote(everline):
    """Also in rooms that it has left, and when it is deleted at the prompt, where no gateway knows of it."""
    mark = uuid.uuid4().hex[:8]
    li, du = fresh(everline), fresh(everline)
    for room in (f"在 {mark}", f"離 {mark}"):
        li.result("room.create", room=room)
        du.result("room.join", room=room)
        du.send(room, "我的話")
    du.result("room.leave", room=f"離 {mark}")
    for room in (f"在 {mark}", f"離 {mark}"):
        until(lambda: li.result("history.recent", room=room)["source"] == "redis", "the window has it")
        assert li.result("history.recent", room=room)["messages"][0]["senderName"] == du.name
    everline.run("auth", "users", "delete", du.name, "--yes")
    for room in (f"在 {mark}", f"離 {mark}"):
        until(lambda: [one["senderName"] for one in li.result("history.recent", room=room)["messages"]] == ["deleted user"], "the name is forgotten")
        assert [one["senderName"] for one in li.result("room.open", room=room)["messages"]] == ["deleted user"]
    until(lambda: everline.sql("SELECT count(*) FROM everline.departures") == [["0"]], "nothing is left to do")
    # The right to forget is all that auth has with rooms in Redis.
    assert "NOPERM" in everline.redis("ZCARD", "everline:window:{1}", user="auth") and "NOPERM" in everline.redis("GET", "everline:window:{1}", user="auth")


@pytest.mark.parametrize("way", ["leaves", "is deleted"])
def test_a_room_is_not_left_to_somebody_who_cannot_come_in(everline, boss, way):
    room = f"主 {uuid.uuid4().hex[:8]}"
    owner, kept_out, other = fresh(everline), fresh(everline), fresh(everline)
    owner.result("room.create", room=room)
    for one in (kept_out, other):
        one.result("room.join", room=room)
    owner.result("room.setRole", room=room, username=kept_out.name, role="moderator")
    boss.result("admin.disable", username=kept_out.name)
    if way == "leaves":
        owner.result("room.leave", room=room)
    else:
        owner.result("auth.deleteAccount", password=PASSWORD)
    assert {one["username"]: one["role"] for one in other.result("room.members", room=room)["members"]} == {kept_out.name: "moderator", other.name: "owner"}


def test_messages_become_tombstones_when_the_admin_has_said_so(own_everline):
    everline = own_everline
    everline.stop()
    everline.extra = {"EVERLINE_ACCOUNTS_DELETED_MESSAGES": "tombstones"}
    everline.start()
    li, du = everline.user("李白"), everline.user("杜甫")
    li.result("room.create", room="唐詩")
    du.result("room.join", room="唐詩")
    li.result("room.open", room="唐詩")
    for n in range(450):
        du.write("message.send", {"room": "唐詩", "clientId": str(uuid.uuid4()), "body": f"@李白 {n}"}, id=f"s{n}")
    for n in range(450):
        assert "result" in du.answer(f"s{n}")
    li.send("唐詩", "我的留下")
    assert counts(li, "唐詩") == (0, 451, 450)
    du.result("auth.deleteAccount", password=PASSWORD)
    revs = [li.push("message.deleted")["rev"] for _ in range(450)]
    assert revs == list(range(1, 451))
    messages = li.result("history.page", room="唐詩", after=440, limit=50)["messages"]
    assert [one["body"] for one in messages] == [""] * 10 + ["我的留下"] and all(one.get("deleted") for one in messages[:10])
    assert li.result("history.recent", room="唐詩")["messages"][0]["body"] == ""
    assert counts(li, "唐詩") == (0, 451, 0)
    until(lambda: everline.sql("SELECT count(*) FROM everline.departures") == [["0"]], "nothing is left to do")
