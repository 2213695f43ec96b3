"""The rules of the append, each by real sessions that wait for each other; whoever takes one away fails here."""
import json
import threading
import time
import uuid

import pytest

from client import RPC
from psql import Psql


class Place:
    """A room with its owner, and sessions of the gateway's role."""

    def __init__(self, everline):
        self.everline = everline
        self.owner = everline.user(f"rule-{uuid.uuid4().hex[:8]}")
        self.name = f"規則 {uuid.uuid4()}"
        self.owner.result("room.create", room=self.name)
        [[self.id]] = everline.sql(f"SELECT id FROM everline.rooms WHERE name = '{self.name}'")
        self.user = self.user_id(self.owner)
        self.epoch = self.owner.result("room.open", room=self.name)["epoch"]
        self.a, self.b = Psql(everline), Psql(everline)

    def user_id(self, line):
        [[id]] = self.everline.sql(f"SELECT id FROM everline.users WHERE username = '{line.name}'")
        return id

    def members_rev(self):
        [[rev]] = self.everline.sql(f"SELECT members_rev FROM everline.room_counters WHERE room_id = {self.id}")
        return rev

    def careful(self, *keys, epoch=None, user=None):
        return (f"SELECT status, seq FROM everline.append('{epoch or self.epoch}', {self.all(self.id, keys)}, {self.all(user or self.user, keys)}, "
                f"{self.uuids(keys)}, {self.texts(keys)}, array_fill(NULL::bigint, ARRAY[{len(keys)}]))")

    def fast(self, *keys, rev=None, epoch=None):
        return (f"SELECT base FROM everline.append_fast('{epoch or self.epoch}', ARRAY[{self.id}::bigint], ARRAY[{rev or self.members_rev()}::bigint], "
                f"{self.all(self.id, keys)}, {self.all(self.user, keys)}, {self.uuids(keys)}, {self.texts(keys)})")

    def one_room(self, *keys, rev=None, epoch=None):
        return (f"SELECT base FROM everline.append_room('{epoch or self.epoch}', {self.id}, {rev or self.members_rev()}, {self.all(self.user, keys)}, "
                f"{self.uuids(keys)}, {self.texts(keys)})")

    def all(self, value, keys):
        return f"array_fill({value}::bigint, ARRAY[{len(keys)}])"

    def uuids(self, keys):
        return "ARRAY[" + ", ".join(f"'{key}'::uuid" for key in keys) + "]"

    def texts(self, keys):
        return "ARRAY[" + ", ".join(f"'body of {key}'" for key in keys) + "]"

    def stored(self):
        return [(int(seq), key) for seq, key in self.everline.sql(
            f"SELECT seq, client_id FROM everline.messages WHERE room_id = {self.id} ORDER BY seq")]

    def check_numbers(self):
        stored = self.stored()
        assert [seq for seq, _ in stored] == list(range(1, len(stored) + 1))
        assert self.everline.sql(f"SELECT last_seq FROM everline.room_counters WHERE room_id = {self.id}") == [[str(len(stored))]]


@pytest.fixture
def place(everline):
    one = Place(everline)
    yield one
    one.a.close()
    one.b.close()


def keys(count):
    return [str(uuid.uuid4()) for _ in range(count)]


def test_a_known_client_id_is_looked_for_after_the_lock(place):
    """One statement's snapshot is older than its wait for the lock: it would not see what the other has appended meanwhile."""
    same, other, third = keys(3)
    place.a.run("BEGIN")
    assert place.a.run(place.careful(same)) == [["0", "1"]]
    place.b.begin(place.careful(other, same))
    place.b.until_it_waits()
    place.a.run("COMMIT")
    assert place.b.finish() == [["0", "2"], ["1", "1"]]
    assert place.b.run(place.careful(third)) == [["0", "3"]]
    assert place.stored() == [(1, same), (2, other), (3, third)]
    place.check_numbers()


@pytest.mark.parametrize("form", ["fast", "one_room"])
def test_a_fast_form_gives_up_on_a_known_client_id_as_a_whole(place, form):
    same, other = keys(2)
    place.a.run("BEGIN")
    assert place.a.run(place.careful(same)) == [["0", "1"]]
    place.b.begin(getattr(place, form)(other, same))
    place.b.until_it_waits()
    place.a.run("COMMIT")
    assert place.b.finish() == [["ERROR:  23505"]]
    assert place.stored() == [(1, same)]
    # The numbers after a wait are those after what was waited for.
    place.a.run("BEGIN")
    place.a.run(place.careful(*keys(3)))
    place.b.begin(getattr(place, form)(other))
    place.b.until_it_waits()
    place.a.run("COMMIT")
    assert place.b.finish() == [["4"]] and place.stored()[4] == (5, other)
    place.check_numbers()


@pytest.mark.parametrize("form", ["fast", "one_room"])
def test_a_fast_form_gives_up_when_a_membership_has_changed(place, form):
    """Also when it changed while the form waited for the lock; and a member who was removed is refused by the careful form then."""
    guest = place.everline.user(f"guest-{uuid.uuid4().hex[:8]}")
    joined = place.user_id(guest)
    append = getattr(place, form)
    old = place.members_rev()
    assert place.a.run(append(*keys(1), rev=old)) == [["0"]]
    place.a.run("BEGIN")
    assert place.a.run(f"SELECT status FROM everline.join_room({place.id}, {joined})") == [["0"]]
    place.b.begin(append(*keys(1), rev=old))
    place.b.until_it_waits()
    place.a.run("COMMIT")
    assert place.b.finish() == [["ERROR:  EV001"]]
    assert place.b.run(append(*keys(1), rev=old)) == [["ERROR:  EV001"]]
    assert place.b.run(append(*keys(1))) == [["1"]]
    place.a.run("BEGIN")
    assert place.a.run(f"SELECT status FROM everline.leave_room({place.id}, {joined})") == [["0"]]
    place.b.begin(place.careful(*keys(1), user=joined))
    place.b.until_it_waits()
    place.a.run("COMMIT")
    assert place.b.finish() == [["3", ""]]
    place.check_numbers()


def test_every_change_of_membership_raises_its_number_under_the_lock(place):
    guest = place.user_id(place.everline.user(f"guest-{uuid.uuid4().hex[:8]}"))
    for change in (f"join_room({place.id}, {guest})", f"set_role({place.id}, {place.user}, {guest}, 'moderator')",
                   f"remove_member({place.id}, {place.user}, {guest}, true)", f"invite({place.id}, {place.user}, {guest})",
                   f"leave_room({place.id}, {guest})"):
        before = int(place.members_rev())
        place.a.run("BEGIN")
        assert place.a.run(place.careful(*keys(1)))[0][0] == "0"
        place.b.begin(f"SELECT status FROM everline.{change}")
        place.b.until_it_waits()
        place.a.run("COMMIT")
        assert place.b.finish() == [["0"]], change
        assert int(place.members_rev()) == before + 1, change


def test_two_owners_who_demote_each_other_at_once(place):
    """Whoever comes second is no owner any more by then; one always remains."""
    other = place.user_id(place.everline.user(f"guest-{uuid.uuid4().hex[:8]}"))
    assert place.a.run(f"SELECT status FROM everline.join_room({place.id}, {other})") == [["0"]]
    assert place.a.run(f"SELECT status FROM everline.set_role({place.id}, {place.user}, {other}, 'owner')") == [["0"]]
    place.a.run("BEGIN")
    assert place.a.run(f"SELECT status FROM everline.set_role({place.id}, {place.user}, {other}, 'member')") == [["0"]]
    place.b.begin(f"SELECT status FROM everline.set_role({place.id}, {other}, {place.user}, 'member')")
    place.b.until_it_waits()
    place.a.run("COMMIT")
    assert place.b.finish() == [["3"]]
    assert place.everline.sql(f"SELECT user_id FROM everline.room_members WHERE room_id = {place.id} AND role = 'owner'") == [[place.user]]


def test_another_epoch_is_refused(place):
    key, = keys(1)
    place.a.run(place.careful(*keys(1)))
    before = place.stored()
    for form in (place.careful, place.fast, place.one_room):
        for epoch in ("1-other", "", place.epoch + "x"):
            if epoch:
                assert place.a.run(form(key, epoch=epoch)) == [["ERROR:  EV002"]], form
    assert place.a.run(f"SELECT status FROM everline.revise('1-other', {place.id}, {place.user}, '{key}', 1, 'edit', 'x')") == [["ERROR:  EV002"]]
    assert place.stored() == before
    # An epoch that ends while an append waits for the lock is seen too.
    place.a.run("BEGIN")
    place.a.run(place.careful(*keys(1)))
    place.b.begin(place.careful(key))
    place.b.until_it_waits()
    place.everline.sql("UPDATE everline.epoch SET token = token || 'x'")
    try:
        place.a.run("COMMIT")
        assert place.b.finish() == [["ERROR:  EV002"]]
    finally:
        place.everline.sql("UPDATE everline.epoch SET token = left(token, -1)")
    place.check_numbers()


@pytest.mark.parametrize("sqlstate", ["23514", "22P02", "54000"])
def test_a_row_that_postgresql_refuses_spoils_no_other(place, sqlstate):
    name = f"planted_{uuid.uuid4().hex}"
    place.everline.sql(
        f"CREATE FUNCTION public.{name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF new.room_id = {place.id} AND new.body LIKE '壞%' THEN "
        f"RAISE EXCEPTION 'planted' USING ERRCODE = '{sqlstate}'; END IF; RETURN new; END $$; "
        f"CREATE TRIGGER {name} BEFORE INSERT ON everline.messages FOR EACH ROW EXECUTE FUNCTION public.{name}()")
    try:
        bad = {0, 17, 18, 40, 63}
        for turn in range(2):
            # In one write, so that they come in one batch: first by the careful form, then by the fast one.
            requests = [("壞" if n in bad else "好") + f" {turn} {n}" for n in range(64)]
            ids = [f"{turn}/{n}" for n in range(64)]
            place.owner.write_bytes(b"".join(json.dumps({
                "jsonrpc": "2.0", "id": id, "method": "message.send",
                "params": {"room": place.name, "clientId": str(uuid.uuid4()), "body": body}}, ensure_ascii=False).encode() + b"\n"
                for id, body in zip(ids, requests)))
            answers = [place.owner.answer(id) for id in ids]
            assert {n for n, answer in enumerate(answers) if "error" in answer} == bad
            assert {answers[n]["error"]["data"]["name"] for n in bad} == {"invalid_params"}
            assert [answer["result"]["seq"] for answer in answers if "result" in answer] == list(range(turn * 59 + 1, turn * 59 + 60))
    finally:
        place.everline.sql(f"DROP TRIGGER {name} ON everline.messages; DROP FUNCTION public.{name}()")
    place.check_numbers()


def test_sent_at_never_goes_back(place):
    """The clock of the server may; here the room's last time lies ahead of it."""
    other = Place(place.everline)
    for one in (place, other):
        one.owner.send(one.name, "一")
    place.everline.sql(f"UPDATE everline.room_counters SET last_sent_at = date_trunc('second', clock_timestamp()) + '1 hour' WHERE room_id = {place.id}")
    [[last]] = place.everline.sql(
        f"SELECT to_char(last_sent_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') FROM everline.room_counters WHERE room_id = {place.id}")
    # By the fast form of one room, the careful one, and the fast one of several rooms.
    assert place.owner.send(place.name, "二")["sentAt"] == last
    assert place.owner.send(place.name, "三", replyTo=1, epoch=place.epoch)["sentAt"] == last
    key_here, key_there = keys(2)
    place.a.run(
        f"SELECT * FROM everline.append_fast('{place.epoch}', ARRAY[{place.id}::bigint, {other.id}], "
        f"ARRAY[{place.members_rev()}::bigint, {other.members_rev()}], ARRAY[{place.id}::bigint, {other.id}], ARRAY[{place.user}::bigint, {other.user}], "
        f"ARRAY['{key_here}'::uuid, '{key_there}'], ARRAY['四', '二'])")
    times = place.owner.result("history.page", room=place.name, after=0)["messages"]
    assert [one["seq"] for one in times] == [1, 2, 3, 4] and [one["sentAt"] for one in times[1:]] == [last] * 3
    assert times[0]["sentAt"] < other.owner.result("history.page", room=other.name, after=1)["messages"][0]["sentAt"] < last
    other.a.close()
    other.b.close()


def test_the_gateways_role_only_executes(everline):
    """It neither writes a row nor makes one thing; and what it waits for or leaves open has an end."""
    rights = everline.sql(
        "SELECT c.relname, p.verb FROM pg_class c, unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER', 'REFERENCES']) AS p (verb), "
        "unnest(ARRAY['everline_gateway', 'everline_history']) AS r (role) "
        "WHERE c.relnamespace = 'everline'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm') AND has_table_privilege(r.role, c.oid, p.verb)")
    assert rights == []
    assert everline.sql(
        "SELECT r.role FROM unnest(ARRAY['everline_gateway', 'everline_history', 'everline_auth']) AS r (role) WHERE "
        "has_schema_privilege(r.role, 'everline', 'CREATE') OR has_schema_privilege(r.role, 'public', 'CREATE') "
        "OR has_database_privilege(r.role, 'everline', 'CREATE') OR pg_has_role(r.role, 'everline_guardian', 'MEMBER')") == []
    session = Psql(everline)
    session.run("RESET ALL")
    for setting, most in (("lock_timeout", 1_000), ("idle_in_transaction_session_timeout", 10_000)):
        [[value]] = session.run(f"SELECT setting FROM pg_settings WHERE name = '{setting}'")
        assert 0 < int(value) <= most, (setting, value)
    session.close()


def test_nothing_of_the_table_itself_can_spoil_an_append(everline):
    """Foreign keys halve the rate, and whatever raises in a trigger would refuse what the append has checked."""
    assert everline.sql("SELECT conname FROM pg_constraint WHERE conrelid = 'everline.messages'::regclass AND contype NOT IN ('p', 'u')") == []
    assert everline.sql("SELECT tgname FROM pg_trigger WHERE tgrelid IN ('everline.messages'::regclass, 'everline.room_counters'::regclass) "
                        "AND NOT tgisinternal") == []
    assert everline.sql("SELECT rulename FROM pg_rewrite WHERE ev_class = 'everline.messages'::regclass") == []


def test_a_room_that_is_held_is_told_and_not_waited_for_without_end(place):
    """The lock timeout: whoever holds the row, the sends of that room end with an error that may be retried, and none is lost."""
    place.a.run("BEGIN")
    place.a.run(place.careful(*keys(1)))
    key, = keys(1)
    answer = place.owner.call("message.send", room=place.name, clientId=key, body="等")
    assert answer["error"]["data"]["retryable"], answer
    place.a.run("ROLLBACK")
    end = time.monotonic() + 120
    while "error" in (answer := place.owner.call("message.send", room=place.name, clientId=key, body="等")):
        assert answer["error"]["data"]["retryable"] and time.monotonic() < end
        time.sleep(0.05)
    assert answer["result"]["seq"] == 1
    place.check_numbers()


def test_two_alike_in_one_batch(place):
    key, other = keys(2)
    assert place.a.run(place.careful(key, other, key)) == [["0", "1"], ["0", "2"], ["1", "1"]]
    # On the wire too, the fast form being known as right for this sender by then.
    place.owner.send(place.name, "先")
    again, = keys(1)
    ids = [place.owner.write("message.send", {"room": place.name, "clientId": again, "body": "同"}) for _ in range(5)]
    answers = [place.owner.answer(id)["result"] for id in ids]
    assert {one["seq"] for one in answers} == {4} and [one.get("duplicate", False) for one in answers].count(False) == 1
    rpc = RPC(place.everline.port(8443, 1), place.everline.ca, place.owner.session)
    assert rpc.call("message.send", room=place.name, clientId=again, body="同")["result"] | {"sentAt": ""} == answers[1] | {"sentAt": ""} | {"duplicate": True}
    place.check_numbers()


def test_the_first_of_two_alike_is_refused_for_what_only_it_asked_for(place):
    [key] = keys(1)
    append = (f"SELECT status, seq FROM everline.append('{place.epoch}', {place.all(place.id, [1, 2, 3])}, {place.all(place.user, [1, 2, 3])}, "
              f"{place.uuids([key] * 3)}, ARRAY['一', '一', '一'], ARRAY[99, NULL, NULL]::bigint[])")
    assert place.a.run(append) == [["4", ""], ["0", "1"], ["1", "1"]]
    place.check_numbers()


def test_overlapping_batches_of_many_rooms_never_deadlock(everline):
    """Rows are locked in the order of their ids, whatever the order of the sends."""
    places = [Place(everline) for _ in range(4)]
    failures = []

    def append(session, order, turns=60):
        for _ in range(turns):
            rooms = ", ".join(f"{one.id}::bigint" for one in order)
            users = ", ".join(f"{one.user}::bigint" for one in order)
            rows = session.run(
                f"SELECT status FROM everline.append('{places[0].epoch}', ARRAY[{rooms}], ARRAY[{users}], "
                f"ARRAY[{', '.join('gen_random_uuid()' for _ in order)}], ARRAY[{', '.join(repr('x') for _ in order)}], array_fill(NULL::bigint, ARRAY[{len(order)}]))")
            if rows != [["0"]] * len(order):
                failures.append(rows)

    threads = [threading.Thread(target=append, args=(places[k].a, places[k:] + places[:k])) for k in range(4)]
    threads += [threading.Thread(target=append, args=(places[k].b, (places[k:] + places[:k])[::-1])) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    for one in places:
        one.check_numbers()
        assert len(one.stored()) == 480
        one.a.close()
        one.b.close()
