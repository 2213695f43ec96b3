"""What is exported is read back as it was."""
import csv
import hashlib
import io
import json
import os
import pathlib
import re
import subprocess
import uuid

import pytest

import fortunes
from client import context
from test_search import keys, all_hits, send_all

KEPT = ("seq", "sender", "body", "sentAt", "clientId", "replyTo", "editedAt", "deleted", "reactions")


def history(everline, *arguments, check=True):
    return everline.run("history", *arguments, check=check)


def lines_of(line, **params):
    found, after = [], None
    while True:
        answer = line.result("history.export", **params, **({"after": after} if after is not None else {}))
        found += answer["lines"]
        after = answer.get("next")
        if after is None:
            return found


@pytest.fixture(scope="module")
def written(everline):
    """A room with all that can become of messages."""
    tag = uuid.uuid4().hex[:6]
    room = f"集 {tag}"
    li, du = everline.user("李白"), everline.user("杜甫")
    li.result("room.create", room=room)
    du.result("room.join", room=room)
    send_all(li, room, fortunes.chinese()[:150] + ['有,逗號 "引號"\n第二行', "tab\there", "👩‍💻"])
    epoch = li.result("room.open", room=room)["epoch"]
    du.send(room, "和詩", epoch=epoch, replyTo=3)
    li.result("message.edit", room=room, epoch=epoch, seq=2, clientId=str(uuid.uuid4()), body="改過的詩")
    li.result("message.delete", room=room, epoch=epoch, seq=5, clientId=str(uuid.uuid4()))
    du.result("message.react", room=room, epoch=epoch, seq=3, clientId=str(uuid.uuid4()), reaction="👍")
    return li, du, room


def test_pages_hold_everything_once(everline, written):
    li, du, room = written
    whole = [json.loads(line) for line in lines_of(li, room=room)]
    assert [one["seq"] for one in whole] == list(range(1, 155))
    assert [json.loads(line) for line in lines_of(li, room=room, limit=7)] == whole
    assert li.result("history.page", room=room, after=0, limit=200)["messages"] == whole
    rows = list(csv.DictReader(io.StringIO("\r\n".join(lines_of(li, room=room, format="csv", limit=10)) + "\r\n", newline="")))
    assert [row["body"] for row in rows] == [one["body"] for one in whole]
    assert [row["deleted"] for row in rows] == ["true" if "deleted" in one else "" for one in whole]
    own = [json.loads(line) for line in lines_of(du, account=True, limit=1)]
    assert all(one["sender"] == "杜甫" for one in own) and [one for one in own if one["room"] == room] == [whole[-1]]
    for wrong in ({}, {"room": room, "account": True}, {"room": room, "format": "xml"}, {"room": room, "limit": 1001}, {"account": True, "after": "x"},
                  {"room": room, "after": -1}, {"room": room, "after": "1"}):
        assert li.error("history.export", **wrong) == "invalid_params", wrong
    assert li.error("history.export", room=room, epoch="1-other") == "epoch.changed"
    assert everline.line().error("history.export", room=room) == "session.required"


def test_only_what_one_may_read(everline):
    tag = uuid.uuid4().hex[:6]
    li, wang = everline.user("李白"), everline.user("王維")
    li.result("room.create", room=f"密 {tag}", kind="private")
    li.send(f"密 {tag}", "秘密")
    assert wang.error("history.export", room=f"密 {tag}") == "room.not_found"
    assert wang.error("history.export", room=f"無 {tag}") == "room.not_found"


def test_at_the_prompt_cut_off_resumed_and_read_back(everline, written, tmp_path):
    li, _, room = written
    whole = history(everline, "export", "--room", room).stdout
    assert [json.loads(line) for line in whole.splitlines()] == [json.loads(line) for line in lines_of(li, room=room)]
    file = tmp_path / "集.jsonl"
    # Cut off at every kind of place: in a line, in a character, at a line's end, before all.
    data = whole.encode()
    for length in (0, 1, len(data) // 2, len(data) // 2 + 1, len(data) // 2 + 2, data.index(b"\n") + 1, len(data) - 1, len(data)):
        file.write_bytes(data[:length])
        history(everline, "export", "--room", room, "--output", str(file), "--resume")
        assert file.read_bytes() == data, length
    assert history(everline, "export", "--room", room, "--after", "150").stdout == "".join(line + "\n" for line in whole.splitlines()[150:])
    copy = f"抄 {room}"
    assert "imported 154 messages" in history(everline, "import", "--room", copy, str(file)).stdout
    again = [json.loads(line) for line in history(everline, "export", "--room", copy).stdout.splitlines()]
    for old, new in zip([json.loads(line) for line in whole.splitlines()], again, strict=True):
        assert {name: old.get(name) for name in KEPT} == {name: new.get(name) for name in KEPT}
    # It is a room like any other: found, and written to.
    assert {copy, room} <= {key[0] for key in keys(all_hits(li, "改過的詩"))}
    assert li.send(copy, "之後")["seq"] == 155
    full = history(everline, "import", "--room", copy, str(file), check=False)
    assert full.returncode == 1 and "HINT" in full.stderr
    # Half an import goes on.
    part = tmp_path / "半.jsonl"
    part.write_text("".join(line + "\n" for line in whole.splitlines()[:60]))
    half = f"半 {room}"
    history(everline, "import", "--room", half, str(part))
    assert "94 messages" in history(everline, "import", "--room", half, str(file), "--resume").stdout
    assert len(history(everline, "export", "--room", half).stdout.splitlines()) == 154


def test_all_who_reacted_are_read_back(everline, tmp_path):
    """Readers are told the first twenty of them; an export leaves nobody out."""
    li = everline.user("李白")
    room, copy = (f"{what} {uuid.uuid4().hex[:6]}" for what in ("讚", "抄"))
    li.result("room.create", room=room)
    for n in range(2):
        li.send(room, f"第 {n} 首")
    # As if they had: a hundred people's accounts would take half a minute to make.
    everline.sql(f"""WITH people AS (INSERT INTO everline.users (username, username_key, display_name, password_hash)
            SELECT 'fan' || n || '{room[2:]}', 'fan' || n || '{room[2:]}', 'Fan', '-' FROM generate_series(1, 100) n RETURNING id)
        INSERT INTO everline.reactions (room_id, seq, reaction, user_id, at)
        SELECT r.id, 1, '👍', p.id, clock_timestamp() FROM everline.rooms r, people p WHERE r.name = '{room}'""")
    li.result("message.react", room=room, epoch=li.result("room.open", room=room)["epoch"], seq=1, clientId=str(uuid.uuid4()), reaction="👍")
    shown = li.result("room.open", room=room)["messages"][0]["reactions"]
    assert shown[0]["count"] == 101 and len(shown[0]["users"]) == 20
    file = tmp_path / "讚.jsonl"
    file.write_text(history(everline, "export", "--room", room).stdout)
    history(everline, "import", "--room", copy, str(file))
    first, second = ([json.loads(line).get("reactions") for line in history(everline, "export", "--room", name).stdout.splitlines()]
                     for name in (room, copy))
    assert first == second and second[1] is None and second[0][0]["count"] == 101 and len(set(second[0][0]["users"])) == 101
    assert li.result("room.open", room=copy)["messages"][0]["reactions"] == shown


def test_what_is_no_export(everline, tmp_path):
    file = tmp_path / "x"
    tag = uuid.uuid4().hex[:6]
    good = {"room": f"新 {tag}", "seq": 1, "epoch": "e", "sender": "李白", "senderName": "李白", "body": "x", "sentAt": "2026-01-01T00:00:00.000Z",
            "clientId": str(uuid.uuid4())}
    for content, word in (("", "nothing"), ("{", "line 1"), ("[]", "line 1"), ("{}\n", "line 1"), (json.dumps(good | {"seq": 2}), "number 2"),
                          (json.dumps(good | {"body": "x" * 20_000}), "line 1"), (json.dumps(good | {"replyTo": 1}), "line 1")):
        file.write_text(content)
        done = history(everline, "import", str(file), check=False)
        assert done.returncode == 1 and word in done.stderr, (content[:40], done.stderr)
    assert history(everline, "import", "/nowhere", check=False).returncode == 1
    assert history(everline, "export", "--room", f"無 {tag}", check=False).returncode == 1
    assert history(everline, "export", check=False).returncode == 64
    assert everline.sql(f"SELECT count(*) FROM everline.rooms WHERE name = '新 {tag}'") == [["0"]]


def mattermost(tag):
    def line(type, value):
        return json.dumps({"type": type, type: value}, ensure_ascii=False)

    def at(second):
        return 1_700_000_000_000 + second * 1000

    return "\n".join([
        line("version", 1), line("team", {"name": "poets", "display_name": "Poets", "type": "O"}),
        line("channel", {"team": "poets", "name": f"town-{tag}", "display_name": "Town Square", "type": "O"}),
        line("channel", {"team": "poets", "name": f"closed-{tag}", "display_name": "密室", "type": "P"}),
        line("user", {"username": f"mm1{tag}", "first_name": "白", "last_name": "李", "teams": [
            {"name": "poets", "channels": [{"name": f"town-{tag}"}, {"name": f"closed-{tag}"}]}]}),
        line("user", {"username": f"mm2{tag}", "nickname": "子美", "teams": [{"name": "poets", "channels": [{"name": f"town-{tag}"}]}]}),
        line("emoji", {"name": "x", "image": "x.png"}),
        line("post", {"team": "poets", "channel": f"town-{tag}", "user": f"mm1{tag}", "message": "第三", "create_at": at(30)}),
        line("post", {"team": "poets", "channel": f"town-{tag}", "user": f"mm2{tag}", "message": "第一", "create_at": at(10), "edit_at": at(15),
                      "reactions": [{"user": f"mm1{tag}", "emoji_name": "thumbsup", "create_at": at(12)}],
                      "replies": [{"user": f"mm1{tag}", "message": "答第一，在第三之後", "create_at": at(40)},
                                  {"user": f"mm2{tag}", "message": "答第一，在第三之前", "create_at": at(20)}]}),
        line("post", {"team": "poets", "channel": f"closed-{tag}", "user": f"mm1{tag}", "message": "", "create_at": at(50),
                      "attachments": [{"path": "data/圖.png"}]}),
        line("post", {"team": "poets", "channel": f"closed-{tag}", "user": f"mm1{tag}", "message": "長" * 12_000, "create_at": at(60)}),
        line("direct_channel", {"members": [f"mm1{tag}", f"mm2{tag}"]}),
        line("direct_post", {"channel_members": [f"mm2{tag}", f"mm1{tag}"], "user": f"mm2{tag}", "message": "私語", "create_at": at(70)}),
    ]) + "\n"


def test_a_team_moves_in_from_mattermost(everline, tmp_path):
    tag = uuid.uuid4().hex[:6]
    file = tmp_path / "export.jsonl"
    file.write_text(mattermost(tag))
    said = history(everline, "import", "--mattermost", str(file)).stdout
    assert "imported 9 messages into 3 rooms; users: 2" in said and "left out: 1 emoji" in said and "made 2 users" in said
    town = [json.loads(line) for line in history(everline, "export", "--room", f"town-{tag}").stdout.splitlines()]
    assert [(one["body"], one.get("replyTo")) for one in town] == [("第一", None), ("答第一，在第三之前", 1), ("第三", None), ("答第一，在第三之後", 1)]
    assert town[0]["senderName"] == "子美" and town[0]["sentAt"] == "2023-11-14T22:13:30.000Z" and town[0]["editedAt"] == "2023-11-14T22:13:35.000Z"
    assert town[0]["reactions"] == [{"reaction": "thumbsup", "count": 1, "users": [f"mm1{tag}"]}]
    closed = [json.loads(line) for line in history(everline, "export", "--room", f"closed-{tag}").stdout.splitlines()]
    assert [one["body"] for one in closed] == ["[圖.png]", "長" * 5461, "長" * 5461, "長" * 1078]
    # The user is handed over, and is at home.
    everline.run("auth", "users", "set-password", f"mm2{tag}", input="床前明月光，疑是地上霜\n")
    everline.run("auth", "users", "enable", f"mm2{tag}")
    line = everline.user(f"mm2{tag}")
    joined = {room["room"]: room["kind"] for room in line.result("room.list")["rooms"] if room["joined"]}
    assert joined[f"town-{tag}"] == "public" and f"closed-{tag}" not in joined and len(joined) == 2
    assert len(all_hits(line, "答第一")) == 2 and len(all_hits(line, "私語")) >= 1
    again = history(everline, "import", "--mattermost", str(file), check=False)
    assert again.returncode == 1 and "HINT" in again.stderr
    assert "9 messages" in history(everline, "import", "--mattermost", "--prefix", f"mm{tag} ", str(file)).stdout


def test_a_team_with_awkward_names_moves_in(everline, tmp_path):
    tag = uuid.uuid4().hex[:6]

    def line(type, value):
        return json.dumps({"type": type, type: value}, ensure_ascii=False)

    crowd = [f"a-rather-long-name-{n}-{tag}" for n in range(6)]
    posts = [line("post", {"team": "t", "channel": f"頻道-{tag}", "user": crowd[n % 6], "message": f"第 {n} 句", "create_at": 1_700_000_000_000 + n,
                           "reactions": [{"user": crowd[0], "emoji_name": "+1", "create_at": 1}] * 2}) for n in range(1001)]
    groups = [line("direct_post", {"channel_members": crowd[:5] + [one], "user": one, "message": f"{one} 說", "create_at": 1_700_000_000_000})
              for one in (crowd[5], f"z{tag}")]
    # The channel's line comes twice, and no line of a user says who is in it.
    channel = line("channel", {"team": "t", "name": f"頻道-{tag}", "display_name": "長" * 300 + "\0", "type": "O"})
    file = tmp_path / "export.jsonl"
    file.write_text("\n".join([line("version", 1), channel, channel, *posts, *groups]) + "\n")
    assert "imported 1003 messages into 3 rooms" in history(everline, "import", "--mattermost", str(file)).stdout
    rooms = everline.sql(
        "SELECT r.name, r.title, count(*) FROM everline.rooms r JOIN everline.room_members m ON m.room_id = r.id JOIN everline.users u ON u.id = m.user_id "
        f"WHERE r.id IN (SELECT x.room_id FROM everline.messages x JOIN everline.users y ON y.id = x.sender_id WHERE y.username LIKE '%{tag}') GROUP BY r.id ORDER BY r.id")
    assert [row[2] for row in rooms] == ["6"] * 3 and rooms[0][:2] == [f"頻道-{tag}", "長" * 200]
    assert len({row[0] for row in rooms}) == 3 and all(len(row[0]) <= 64 for row in rooms)
    assert everline.sql(f"SELECT count(*) FROM everline.reactions x JOIN everline.rooms r ON r.id = x.room_id WHERE r.name = '頻道-{tag}'") == [["1001"]]
    # What is broken is said by its line before anything is made.
    for broken, said in (('{"type": "post", "post": {"team": "t"', "line 3"), (line("post", {"team": "t", "channel": f"x{tag}", "message": "x", "create_at": 1}), "line 3"),
                         (line("post", {"team": "t", "channel": f"x{tag}", "user": "x", "message": "x", "create_at": 1, "replies": [{"message": "y", "create_at": 2}]}), "line 3"),
                         (line("direct_post", {"user": "x", "message": "x", "create_at": 1}), "line 3"), ("[]", "line 3"), (line("version", 2), "line 3")):
        good = line("post", {"team": "t", "channel": f"x{tag}", "user": f"new{tag}", "message": "x", "create_at": 1})
        file.write_text("\n".join([line("version", 1), good, broken]))
        done = history(everline, "import", "--mattermost", str(file), check=False)
        assert done.returncode == 1 and said in done.stderr, (broken, done.stderr)
    assert everline.sql(f"SELECT count(*) FROM everline.users WHERE username = 'new{tag}'") == [["0"]]
    file.write_text(line("post", {"team": "t", "channel": "ops", "user": f"new{tag}", "message": "x", "create_at": 1}))
    done = history(everline, "import", "--mattermost", str(file), check=False)
    assert done.returncode == 1 and "HINT" in done.stderr
    assert history(everline, "import", "--mattermost", "--prefix", "x" * 33, str(file), check=False).returncode == 64


def test_deleted_accounts_of_elsewhere_hinder_none_of_here(everline, tmp_path):
    tag = uuid.uuid4().hex[:6]
    line = everline.user(f"soon{tag}")
    [[id]] = everline.sql(f"SELECT id FROM everline.users WHERE username = 'soon{tag}'")
    message = {"room": f"外 {tag}", "epoch": "e", "senderName": "deleted user", "sentAt": "2026-01-01T00:00:00.000Z"}
    file = tmp_path / "外.jsonl"
    file.write_text("".join(json.dumps(message | {"seq": seq, "sender": sender, "body": f"第 {seq} 句", "clientId": str(uuid.uuid4())}) + "\n"
                            for seq, sender in enumerate((f"deleted:{id}", f"DELETED:{id}", "deleted:x"), 1)))
    history(everline, "import", str(file))
    again = [json.loads(one) for one in history(everline, "export", "--room", f"外 {tag}").stdout.splitlines()]
    assert [one["senderName"] for one in again] == ["deleted user"] * 3 and again[0]["sender"] == again[1]["sender"] != again[2]["sender"]
    assert not {one["sender"] for one in again} & {f"deleted:{id}", f"soon{tag}"}
    # What is exported of that is read back under the same name.
    file.write_text("".join(json.dumps(one) + "\n" for one in again))
    history(everline, "import", "--room", f"再 {tag}", str(file))
    assert [json.loads(one)["sender"] for one in history(everline, "export", "--room", f"再 {tag}").stdout.splitlines()] == [one["sender"] for one in again]
    assert line.result("auth.deleteAccount", password="床前明月光，疑是地上霜") == {}
    assert everline.sql(f"SELECT username FROM everline.users WHERE id = {id}") == [[f"deleted:{id}"]]


def test_no_cell_of_a_spreadsheet_is_a_formula(everline):
    tag = uuid.uuid4().hex[:6]
    line = everline.user("李白")
    line.result("room.create", room=f"表 {tag}")
    bodies = ["=1+1", "+886 2", "-2", "@SUM(A1)", "＝1", "\t=1", "1=1", '=HYPERLINK("http://x","y")', "=1\n=2", "'=1"]
    send_all(line, f"表 {tag}", bodies)
    text = history(everline, "export", "--room", f"表 {tag}", "--format", "csv").stdout
    exact = [json.loads(one)["body"] for one in history(everline, "export", "--room", f"表 {tag}").stdout.splitlines()]
    cells = [row["body"] for row in csv.DictReader(io.StringIO(text, newline=""))]
    assert cells == [("'" if body[0] in "=+-@＝\t" else "") + body for body in exact] and exact == bodies


def get(everline, path, session, read=None):
    """Status, headers and body of a GET; with `read`, the connection is dropped after so many bytes."""
    import http.client
    connection = http.client.HTTPSConnection("localhost", everline.port(8443), context=context(everline.ca), timeout=300)
    connection.request("GET", path, headers={"Authorization": f"Bearer {session}"} if session else {})
    response = connection.getresponse()
    body = response.read() if read is None else response.read(read)
    connection.close()
    return response.status, response.headers, body


def test_a_file_by_http(everline, written):
    from urllib.parse import quote
    li, _, room = written
    whole = "".join(line + "\n" for line in lines_of(li, room=room)).encode()
    status, headers, body = get(everline, f"/export/{quote(room)}", li.session)
    assert status == 200 and body == whole and headers["Content-Type"].startswith("application/x-ndjson") and "attachment" in headers["Content-Disposition"]
    # Cut off, and gone on with by number.
    _, _, part = get(everline, f"/export/{quote(room)}", li.session, read=len(whole) // 3)
    held = part[:part.rindex(b"\n") + 1]
    last = json.loads(held.splitlines()[-1])["seq"]
    assert held + get(everline, f"/export/{quote(room)}?after={last}", li.session)[2] == whole
    status, headers, body = get(everline, f"/export/{quote(room)}?format=csv", li.session)
    assert status == 200 and len(list(csv.reader(io.StringIO(body.decode(), newline="")))) == 155
    for path, session, expected, name in (
            (f"/export/{quote(room)}", None, 401, "session.required"), (f"/export/{quote(room)}", "x" * 43, 401, "session.invalid"),
            ("/export/nowhere", li.session, 404, "room.not_found"), (f"/export/{quote(room)}?format=xml", li.session, 400, "invalid_params"),
            (f"/export/{quote(room)}?after=-1", li.session, 400, "invalid_params"), ("/export/%FF", li.session, 400, "invalid_params"),
            ("/export/", li.session, 400, "invalid_params"), (f"/export/{quote(room)}?x=1", li.session, 400, "invalid_params")):
        status, _, body = get(everline, path, session)
        assert (status, json.loads(body)["error"]["data"]["name"]) == (expected, name), (path, status, body)


MILLION = 1_000_000


def peak(pid):
    """The most memory that a process has had since it was last forgotten, in MiB."""
    return int(re.search(r"VmHWM:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1]) / 1024


def at_the_prompt(everline, *arguments):
    """How many lines `history export` writes, their digest, and the most memory that it takes in MiB."""
    binary = pathlib.Path(__file__).resolve().parents[2] / ".build/release/history"
    child = subprocess.Popen([str(binary), "export", *arguments], env=everline.environment, cwd=binary.parents[2], stdout=subprocess.PIPE)
    lines, digest = 0, hashlib.sha256()
    while piece := child.stdout.read(1 << 20):
        lines += piece.count(b"\n")
        digest.update(piece)
    _, status, usage = os.wait4(child.pid, 0)
    assert status == 0
    return lines, digest.hexdigest(), usage.ru_maxrss / 1024


def test_a_million_messages_in_constant_memory(own_everline):
    everline = own_everline
    # What is done here is measured, not the index.
    everline.stop()
    everline.extra = {"EVERLINE_INDEXING": "0"}
    everline.start()
    li = everline.user("李白")
    li.result("room.create", room="百萬")
    [[room, user]] = everline.sql("SELECT r.id, u.id FROM everline.rooms r, everline.users u WHERE r.name = '百萬' AND u.username = '李白'")
    script = pathlib.Path(everline.folder) / "million.sql"
    script.write_text(
        "INSERT INTO everline.messages (room_id, seq, sender_id, client_id, body, sent_at) "
        f"SELECT {room}, n, {user}, gen_random_uuid(), '第 ' || n || ' 句，床前明月光', timestamptz '2026-01-01' + n * interval '1 second' FROM generate_series(1, {MILLION}) n;"
        f"UPDATE everline.room_counters SET last_seq = {MILLION}, last_sent_at = timestamptz '2026-01-01' + {MILLION} * interval '1 second' WHERE room_id = {room};")
    everline.run_sql_file(script, timeout=600)
    few, _, little = at_the_prompt(everline, "--room", "百萬", "--after", str(MILLION - 20_000))
    many, digest, much = at_the_prompt(everline, "--room", "百萬")
    assert (few, many) == (20_000, MILLION)
    assert much < little + 16, (little, much)
    # Through both doors of services, as the page has it, to somebody who takes it slowly at first.
    pids = [everline.pid(name) for name in ("history-0", "message-gateway-0")]
    for pid in pids:
        pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")
    before = [peak(pid) for pid in pids]
    import http.client
    from urllib.parse import quote
    connection = http.client.HTTPSConnection("localhost", everline.port(8443), context=context(everline.ca), timeout=300)
    connection.request("GET", f"/export/{quote('百萬')}", headers={"Authorization": f"Bearer {li.session}"})
    response = connection.getresponse()
    found = hashlib.sha256()
    while piece := response.read(1 << 16):
        found.update(piece)
    connection.close()
    assert found.hexdigest() == digest
    grown = [peak(pid) - earlier for pid, earlier in zip(pids, before)]
    assert max(grown) < 48, grown
