"""Who tries to learn of rooms and people by the answers, to speak SQL, or to use a session on its way out."""
import threading
import uuid

from client import RPC
from running import PASSWORD
from test_account_protection import also
from test_rights import ACCOUNTS, PRIVATE, TABLES, Place, account_params, people  # noqa: F401
from test_rooms_people import fresh, until

# Each would do harm, or answer with more than is asked for, if it were read as SQL.
SQL = ["'; DELETE FROM everline.messages; --", "y' OR 'a'='a", "\\'; SELECT pg_sleep(30); --", "$1", "%' UNION SELECT password_hash FROM everline.users; --",
       "'||(SELECT password_hash FROM everline.users LIMIT 1)||'", "$$; DROP TABLE everline.users; $$"]


def test_a_room_that_one_may_not_know_of_answers_as_one_that_is_not_there(people):
    place = Place(people, "private")
    place.arrange("stranger")
    door = people.rpc("stranger")
    for method, expected in TABLES[PRIVATE].items():
        assert expected["stranger"] == "room.not_found", method
        params = place.params(method)
        there = door.call(method, **params)["error"]
        assert there == door.call(method, **params | {"room": f"private {uuid.uuid4()}"})["error"], method
        # Nor does it tell whether somebody is there, or anywhere.
        if "username" in params:
            for name in (people.name("stranger"), people.name("keeper"), f"nobody{uuid.uuid4().hex[:8]}"):
                assert there == door.call(method, **params | {"username": name})["error"], (method, name)


def test_sql_in_every_text(people):
    everline = people.everline
    place = Place(people, "private")
    place.arrange("owner")
    # An admin of its own: guesses at its password slow down nobody else.
    admin = fresh(everline, "sql")
    everline.run("auth", "users", "make-admin", admin.name)
    # One call a time each, so that all that is stored is stored by these.
    doors = [(people.rpc("owner"), TABLES[PRIVATE], lambda method: place.params(method)),
             (RPC(everline.port(8443), everline.ca, admin.session), TABLES[ACCOUNTS], lambda method: account_params(people, method, "admin"))]
    counted = "SELECT (SELECT count(*) FROM everline.users WHERE NOT disabled), (SELECT count(*) FROM everline.messages WHERE deleted_at IS NULL)"
    before = [int(one) for one in everline.sql(counted)[0]]
    tried = 0
    for door, table, params in doors:
        for method in table:
            texts = [name for name, value in params(method).items() if isinstance(value, str)]
            if method in ("admin.users", "admin.logins"):
                texts += ["query"] if method == "admin.users" else ["username", "outcome", "address"]
            for name in texts:
                # What asks for a password takes long.
                for text in SQL[:2] if name in ("password", "current") else SQL:
                    answer = door.call(method, **params(method) | {name: text})
                    tried += 1
                    assert "result" in answer or answer["error"]["data"]["name"] not in ("internal_error", "unavailable", "deadline"), (method, name, text, answer)
                    assert "scrypt" not in str(answer), (method, name, text)
    assert tried > 200
    after = [int(one) for one in everline.sql(counted)[0]]
    assert after[0] >= before[0] and after[1] >= before[1]
    # What may be said in a text is kept as it was said.
    name = f"sql {uuid.uuid4()}"
    line = people.lines["owner"]
    line.result("room.create", room=name)
    for text in SQL:
        line.send(name, text)
    assert [one["body"] for one in line.result("history.page", room=name, after=0)["messages"]] == SQL
    assert [one["body"] for one in line.result("history.recent", room=name)["messages"]] == SQL


def test_a_session_used_while_it_is_revoked(everline):
    one = fresh(everline)
    far = also(everline, one, instance=1)
    room = f"last words {uuid.uuid4()}"
    one.result("room.create", room=room)
    count = 400
    stop = threading.Event()

    def write():
        for n in range(count):
            far.write("message.send", {"room": room, "clientId": str(uuid.uuid4()), "body": str(n)}, id=f"s{n}")
            if n == 100:
                stop.set()
    writing = threading.Thread(target=write)
    writing.start()
    stop.wait()
    assert one.result("auth.revoke", others=True) == {"ended": 1}
    writing.join()
    answers = [far.answer(f"s{n}") for n in range(count)]
    assert far.push("session.ended")
    acknowledged = [answer["result"]["seq"] for answer in answers if "result" in answer]
    refused = {answer["error"]["data"]["name"] for answer in answers if "error" in answer}
    # Once refused, always refused; and what was acknowledged before is there, nothing else.
    assert acknowledged == list(range(1, len(acknowledged) + 1)) and refused <= {"session.required", "session.invalid"}
    assert ["result" in answer for answer in answers] == [n < len(acknowledged) for n in range(count)]
    assert everline.sql(f"SELECT c.last_seq FROM everline.room_counters c JOIN everline.rooms r ON r.id = c.room_id WHERE r.name = '{room}'") == [[str(len(acknowledged))]]
    for instance in range(2):
        assert everline.line(instance).error("session.resume", session=far.session) == "session.invalid"
        door = RPC(everline.port(8443, instance), everline.ca, far.session)
        until(lambda: door.call("room.list").get("error", {}).get("data", {}).get("name") == "session.invalid", "a call with it is refused")
    assert one.send(room, "在此")["seq"] == len(acknowledged) + 1
