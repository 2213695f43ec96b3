"""Registering, logging in, and looking after users at the prompt."""
import json
import os
import pathlib
import pty
import time
import uuid

import pytest

from running import PASSWORD
from test_rooms_people import until


def test_usernames(everline):
    line = everline.line()
    suffix = uuid.uuid4().hex[:6]
    assert line.result("auth.register", username=f"Ｗｉｄｅ{suffix}", password=PASSWORD)["user"]["username"] == f"Wide{suffix}"
    for taken in (f"wide{suffix}", f"WIDE{suffix}", f"ｗｉｄｅ{suffix}"):
        assert line.error("auth.register", username=taken, password=PASSWORD) == "auth.username_taken"
        assert line.result("auth.login", username=taken, password=PASSWORD)["user"]["username"] == f"Wide{suffix}"
    for good in (f"Straße{suffix}", f"हिन्दी{suffix}", f"王.小-明_{suffix}", f"José{suffix}", f"๑๒{suffix}"):
        assert line.result("auth.register", username=good, password=PASSWORD)["user"]["displayName"] == good
    assert line.error("auth.register", username=f"STRASSE{suffix}", password=PASSWORD) == "auth.username_taken"
    for bad in ("a", "a b", "a@b", "a\u200db", "<b>", "😀😀", "\u0301ab", "a/b", "x" * 33, "a\u202eb"):
        answer = line.call("auth.register", username=bad, password=PASSWORD)
        assert answer["error"]["code"] == -32602 and answer["error"]["data"]["param"] == "username", bad
    long = ("界" * (32 - len(suffix))) + suffix
    assert line.result("auth.register", username=long, password=PASSWORD)["user"]["username"] == long


def test_passwords(everline):
    line = everline.line()
    for password in ("        ", "é" * 8, "😀" * 8, "x" * 256, "\u0000" * 8, "密" * 256):
        name = f"p{uuid.uuid4().hex[:8]}"
        line.result("auth.register", username=name, password=password)
        assert "session" in line.result("auth.login", username=name, password=password)
    name = f"p{uuid.uuid4().hex[:8]}"
    line.result("auth.register", username=name, password="caf\u00e9 caf\u00e9")
    assert "session" in line.result("auth.login", username=name, password="cafe\u0301 cafe\u0301")


def test_wrong_and_unknown_look_alike(everline):
    name = f"real{uuid.uuid4().hex[:6]}"
    everline.user(name)
    line = everline.line()
    nobody = f"nobody{uuid.uuid4().hex[:6]}"
    wrong = line.call("auth.login", username=name, password="not the password")["error"]
    unknown = line.call("auth.login", username=nobody, password="not the password")["error"]
    impossible = line.call("auth.login", username="a b <", password="x")["error"]
    assert wrong == unknown == impossible
    everline.run("auth", "users", "disable", name)
    assert line.call("auth.login", username=name, password=PASSWORD)["error"] == wrong
    log = everline.sql(f"SELECT name, outcome, address, user_id IS NULL FROM everline.login_log WHERE name IN ('{name}', '{nobody}') ORDER BY id")
    assert [row[:2] for row in log] == [
        [name, "unknown_user"], [name, "registered"], [name, "wrong_password"], [nobody, "unknown_user"], [name, "disabled"]]
    assert {row[2] for row in log} <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"} and log[3][3] == "t"


def test_guessing_is_slowed_down_for_the_guesser_alone(everline):
    name = f"guess{uuid.uuid4().hex[:6]}"
    everline.user(name)
    line = everline.line()
    answers = [line.call("auth.login", username=name, password=f"guess number {n}")["error"]["data"] for n in range(22)]
    assert answers[-1]["name"] == "auth.throttled" and answers[-1]["retryAfterMs"] > 0 and answers[-1]["retryable"]
    # Also of what was not looked at it is known whose account it was meant for.
    log = everline.sql(f"SELECT l.outcome, u.username, l.address, l.client IS NULL FROM everline.login_log l JOIN everline.users u ON u.id = l.user_id WHERE l.name = '{name}' ORDER BY l.id DESC LIMIT 2")
    assert [row[:2] for row in log] == [["throttled", name], ["wrong_password", name]] and log[0][2:] == log[1][2:]
    # Somebody else from the same place.
    assert "session" in everline.line().result("auth.login", username=everline.user("李白").name, password=PASSWORD)


def test_refused_in_a_flood_each_stands_in_the_log(everline):
    """They are written together: as many as were told, each with its name and whose account that is."""
    tag = uuid.uuid4().hex[:6]
    known = f"flood{tag}"
    everline.user(known)
    lines = [everline.line() for _ in range(100)]
    names = [known if n % 2 else f"無人{tag}" for n in range(len(lines))]
    asked = [line.write("auth.login", {"username": name, "password": "not this one", "client": "洪水"})
             for line, name in zip(lines, names)]
    answers = [line.answer(id)["error"]["data"]["name"] for line, id in zip(lines, asked)]
    assert {"auth.busy", "auth.invalid_credentials"} <= set(answers) <= {"auth.busy", "auth.invalid_credentials", "auth.throttled"}
    log = everline.sql(f"""SELECT l.name, l.outcome, l.client, coalesce(u.username, '') FROM everline.login_log l
        LEFT JOIN everline.users u ON u.id = l.user_id WHERE l.name LIKE '%{tag}' AND l.client = '洪水'""")
    assert len(log) == len(lines)
    outcome = {"auth.busy": "busy", "auth.throttled": "throttled"}
    assert sorted(log) == sorted(
        [name, outcome.get(answer, "wrong_password" if name == known else "unknown_user"), "洪水", known if name == known else ""]
        for name, answer in zip(names, answers))


def test_hashing_gives_way_to_chat(everline):
    auth = everline.pid("auth")

    def niceness():
        """Of each thread that is still there when it is looked at."""
        for task in os.listdir(f"/proc/{auth}/task"):
            try:
                yield int(pathlib.Path(f"/proc/{auth}/task/{task}/stat").read_text().rsplit(")", 1)[1].split()[16])
            except (FileNotFoundError, ProcessLookupError):
                pass
    assert sorted(niceness())[-2:] == [10, 10]
    groups = pathlib.Path("/proc/sys/kernel/sched_autogroup_enabled")
    if not groups.exists() or groups.read_text().strip() != "1":
        pytest.skip("this kernel does not group by session")
    # Threads are nice to those of their own session only; a session of its own is nice as a whole.
    group = lambda name: pathlib.Path(f"/proc/{everline.pid(name)}/autogroup").read_text().split()  # noqa: E731
    assert group("auth")[1:] == ["nice", "10"]
    for other in ("message-gateway-0", "history-0", "db-guardian", "postgres", "redis"):
        assert group(other)[1:] == ["nice", "0"] and group(other)[0] != group("auth")[0], other


def test_client_name_is_logged(everline):
    name = f"client{uuid.uuid4().hex[:6]}"
    everline.user(name)
    everline.line().result("auth.login", username=name, password=PASSWORD, client="手機 1.0")
    assert everline.sql(f"SELECT client FROM everline.login_log WHERE name = '{name}' ORDER BY id DESC LIMIT 1") == [["手機 1.0"]]


def test_prompt(everline):
    name = f"管理{uuid.uuid4().hex[:6]}"
    everline.run("auth", "users", "create", name, "--display-name", "老闆", input="first password\n")
    users = {one["username"]: one for one in map(json.loads, everline.run("auth", "users", "list", "--json").stdout.splitlines())}
    assert users["admin"]["admin"] is True
    assert (users[name]["displayName"], users[name]["admin"], users[name]["disabled"]) == ("老闆", False, False)
    line = everline.line()
    session = line.result("auth.login", username=name, password="first password")["session"]
    everline.run("auth", "users", "make-admin", name)
    assert everline.line().result("auth.login", username=name, password="first password")["user"]["admin"] is True

    everline.run("auth", "users", "set-password", name, input="second password\n")
    assert line.push("session.ended")
    assert line.error("auth.login", username=name, password="first password") == "auth.invalid_credentials"
    assert line.error("session.resume", session=session) == "session.invalid"
    again = line.result("auth.login", username=name, password="second password")["session"]
    everline.run("auth", "users", "disable", name.upper())
    assert line.push("session.ended") and line.error("session.resume", session=again) == "session.invalid"
    assert line.error("auth.login", username=name, password="second password") == "auth.invalid_credentials"
    everline.run("auth", "users", "enable", name)
    assert "session" in line.result("auth.login", username=name, password="second password")

    for arguments, input, words in [
        (["create", name], "some password\n", "taken"), (["create", "a b"], "some password\n", "letters"), (["create", "shorty"], "short\n", "8 to 256"),
        (["disable", "nobody-at-all"], None, "no such user"), (["create", "nopass"], "", "no password"),
    ]:
        failed = everline.run("auth", "users", *arguments, input=input or "", check=False)
        assert failed.returncode == 1 and words in failed.stderr.lower(), (arguments, failed)
    assert everline.run("auth", "users", "create", check=False).returncode == 64


def test_an_emptied_redis_logs_nobody_out(everline):
    user = everline.user("李白")
    import hashlib, base64
    key = hashlib.sha256(base64.urlsafe_b64decode(user.session + "=")).hexdigest()
    until(lambda: everline.redis("GET", f"everline:session:{key}", user="auth"), "the session is remembered")
    assert "李白" in everline.redis("--no-raw", "GET", f"everline:session:{key}", user="auth").encode().decode("unicode_escape").encode("latin1").decode()
    everline.redis("DEL", f"everline:session:{key}", user="auth")
    assert everline.line().result("session.resume", session=user.session)["user"]["username"] == "李白"
    # Expired ones do end, whatever Redis remembers.
    everline.sql(f"UPDATE everline.sessions SET expires_at = now() - interval '1 s' WHERE token_hash = '\\x{key}'")
    everline.redis("DEL", f"everline:session:{key}", user="auth")
    assert everline.line().error("session.resume", session=user.session) == "session.invalid"


def test_nothing_secret_is_stored_or_logged(everline):
    user = everline.user(f"secret{uuid.uuid4().hex[:6]}")
    user.result("room.create", room=f"secret {user.name}")
    user.send(f"secret {user.name}", "不可告人的一行 unspeakable")
    everline.line().call("auth.login", username=user.name, password="wrong but secret 密碼")
    logs = "".join(path.read_text(errors="replace") for path in (everline.home / "log").glob("*.log"))
    for secret in (PASSWORD, user.session, "unspeakable", "wrong but secret", (everline.home / "secrets/postgres-everline_auth").read_text().strip()):
        assert secret not in logs
    assert everline.sql(f"SELECT password_hash LIKE '$scrypt$ln=17,r=8,p=1$%' FROM everline.users WHERE username = '{user.name}'") == [["t"]]
