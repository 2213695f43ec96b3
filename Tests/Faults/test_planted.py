"""The whole way from what clients record to what the checker says: a fault planted in the database itself, after a load without any, is found."""
import signal

import pytest

from campaign import until
from checker import check
from load import Load
from running import Everline

ROOM = "(SELECT id FROM everline.rooms WHERE name = '房 0')"
PLANTS = {
    "lost": f"DELETE FROM everline.messages WHERE room_id = {ROOM} AND seq = 20",
    "hole": f"UPDATE everline.messages SET seq = seq + 1000000 WHERE room_id = {ROOM} AND seq > 20; "
            f"UPDATE everline.messages SET seq = seq - 999999 WHERE room_id = {ROOM} AND seq > 1000000",
    "wrong number": f"UPDATE everline.messages SET seq = -1 WHERE room_id = {ROOM} AND seq = 20; "
                    f"UPDATE everline.messages SET seq = 20 WHERE room_id = {ROOM} AND seq = 21; "
                    f"UPDATE everline.messages SET seq = 21 WHERE room_id = {ROOM} AND seq = -1",
    "wrong body": f"UPDATE everline.messages SET body = body || '.' WHERE room_id = {ROOM} AND seq = 20",
    "nobody's": f"INSERT INTO everline.messages SELECT room_id, (SELECT max(seq) + 1 FROM everline.messages WHERE room_id = {ROOM}), sender_id, "
                f"gen_random_uuid(), body, reply_to, sent_at FROM everline.messages WHERE room_id = {ROOM} AND seq = 20",
    "stored twice": f"ALTER TABLE everline.messages DROP CONSTRAINT messages_room_id_sender_id_client_id_key; "
                    f"INSERT INTO everline.messages SELECT room_id, (SELECT max(seq) + 1 FROM everline.messages WHERE room_id = {ROOM}), sender_id, "
                    f"client_id, body, reply_to, sent_at FROM everline.messages WHERE room_id = {ROOM} AND seq = 20",
}


@pytest.fixture(scope="module")
def loaded():
    """An Everline that stands still, with a load that has recorded what it was told."""
    everline, load = Everline(), None
    try:
        everline.start()
        load = Load(everline, [("line", everline.port(7443)), ("web", everline.port(8443))], seed=3, rooms=3, senders=3, readers=2, pace=100)
        until(lambda: load.count["acknowledged"] > 600, 180, "the load does not begin")
        assert load.quiet() == [] and load.complaints == []
        # Nobody is to notice what is done to it now.
        everline.kill("message-gateway-0", signal.SIGSTOP)
        everline.sql("CREATE TABLE public.kept AS SELECT * FROM everline.messages")
        yield everline, load
    finally:
        if load:
            everline.kill("message-gateway-0", signal.SIGCONT)
            load.close()
        everline.remove()


def findings(load):
    return [one for room in load.records() for one in check(room)]


def test_nothing_is_found_where_nothing_is_planted(loaded):
    everline, load = loaded
    assert [str(one) for one in findings(load)] == []
    assert sum(len(room.acks) for room in load.records()) > 600 and all(room.readers for room in load.records())


@pytest.mark.parametrize("kind", PLANTS)
def test_what_is_planted_in_the_database_is_found(loaded, kind):
    everline, load = loaded
    everline.sql(PLANTS[kind])
    try:
        found = findings(load)
        assert (kind, "房 0") in {(one.kind, one.room) for one in found}, [str(one) for one in found[:10]]
        assert {one.room for one in found} == {"房 0"}
    finally:
        everline.sql("TRUNCATE everline.messages; INSERT INTO everline.messages SELECT * FROM public.kept")
