"""The checker catches what it is there for, each by its name, and says nothing about what is right."""
import pytest

from checker import Reading, Room, check
from records import KINDS, Ack, Log, Push, RevisionAck, RevisionPush, Stored, StoredRevision, digest

EPOCH = digest("1-abc")
EDIT, DELETE, REACT = (KINDS.index(kind) for kind in ("edit", "delete", "react"))


def key(number):
    return number.to_bytes(16, "big")


def clean():
    """Ten messages of two senders, one edited, one reacted to, one deleted, one retried, one never answered; and two readers."""
    texts = {n: digest(f"第 {n} 行") for n in range(1, 11)}
    stored = [Stored(n, n % 2, key(n), texts[n], 1000 + n, None, False) for n in range(1, 11)]
    stored[2] = stored[2]._replace(digest=digest("改"), rev=1)
    stored[3] = stored[3]._replace(rev=2)
    stored[4] = stored[4]._replace(digest=digest(""), rev=3, deleted=True)
    acks = [Ack(n % 2, key(n), texts[n], n, False, EPOCH, n % 2, n) for n in range(1, 10)]
    acks.append(Ack(1, key(7), texts[7], 7, True, EPOCH, 5, 1))
    revisions = [StoredRevision(1, 3, 1, key(101), EDIT), StoredRevision(2, 4, 0, key(102), REACT), StoredRevision(3, 5, 1, key(103), DELETE)]
    revision_acks = [
        RevisionAck(1, key(101), digest("改"), EDIT, 3, 1, False), RevisionAck(0, key(102), texts[4], REACT, 4, 2, True),
        RevisionAck(1, key(103), digest(""), DELETE, 5, 3, False)]
    pushes = [Push(n, key(n), texts[n], EPOCH) for n in range(1, 11)]
    late = list(pushes)
    late[2] = late[2]._replace(digest=digest("改"))
    seen = [RevisionPush(1, 3, digest("改"), False), RevisionPush(2, 4, texts[4], False), RevisionPush(3, 5, digest(""), True)]
    return Room(
        "唐詩", frozenset({EPOCH}), 10, 3, stored, revisions, acks, revision_acks, {(0, key(10)): texts[10]},
        {"early": Reading(pushes, seen), "late": Reading(late, list(seen))})


def test_what_is_right_passes():
    assert check(clean()) == []


def test_logs_hold_what_was_put_in():
    room = clean()
    for kind, records in ((Ack, room.acks), (RevisionAck, room.revision_acks), (Push, room.readers["early"].pushes),
                          (RevisionPush, room.readers["early"].revisions)):
        log = Log(kind)
        for record in records:
            log.add(*record)
        assert list(Log(kind, bytes(log.data))) == records and len(log) == len(records)


def lost(room):
    del room.stored[8]
    room.stored[8] = room.stored[8]._replace(seq=9)
    for reader in room.readers.values():
        del reader.pushes[8]
        reader.pushes[8] = reader.pushes[8]._replace(seq=9)
    return room._replace(last_seq=9)


def lost_at_the_end(room):
    room.acks.append(Ack(0, key(11), digest("x"), 11, False, EPOCH, 0, 11))
    return room


def swapped_in_the_database(room):
    a, b = room.stored[6], room.stored[7]
    room.stored[6], room.stored[7] = b._replace(seq=7, sent_at=a.sent_at), a._replace(seq=8, sent_at=b.sent_at)
    for reader in room.readers.values():
        a, b = reader.pushes[6], reader.pushes[7]
        reader.pushes[6], reader.pushes[7] = b._replace(seq=7), a._replace(seq=8)
    return room


def swapped_for_a_reader(room):
    pushes = room.readers["late"].pushes
    pushes[6], pushes[7] = pushes[7], pushes[6]
    return room


def swapped_contents_for_a_reader(room):
    pushes = room.readers["late"].pushes
    pushes[6], pushes[7] = pushes[7]._replace(seq=7), pushes[6]._replace(seq=8)
    return room


def stored_twice(room):
    room.stored.append(room.stored[9]._replace(seq=11))
    for reader in room.readers.values():
        reader.pushes.append(reader.pushes[9]._replace(seq=11))
    return room._replace(last_seq=11)


def accepted_twice(room):
    room.acks[-1] = room.acks[-1]._replace(duplicate=False)
    return room


def another_number_for_a_retry(room):
    room.acks[-1] = room.acks[-1]._replace(seq=8)
    return room


def hole(room):
    del room.stored[9]
    room.stored.append(Stored(11, 0, key(10), digest("第 10 行"), 2000, None, False))
    for reader in room.readers.values():
        reader.pushes[9] = reader.pushes[9]._replace(seq=11)
    return room._replace(last_seq=11)


def hole_in_the_revisions(room):
    del room.revisions[1]
    del room.revision_acks[1]
    return room


def counter_behind(room):
    return room._replace(last_seq=9)


def revision_counter_ahead(room):
    for reader in room.readers.values():
        reader.revisions.append(RevisionPush(4, 5, digest(""), True))
    return room._replace(last_rev=4)


def wrong_body(room):
    room.stored[0] = room.stored[0]._replace(digest=digest("別的"))
    return room


def an_edit_that_was_undone(room):
    room.stored[2] = room.stored[2]._replace(digest=digest("第 3 行"))
    return room


def wrong_body_never_answered(room):
    room.stored[9] = room.stored[9]._replace(digest=digest("別的"))
    return room


def wrong_body_for_a_reader(room):
    room.readers["early"].pushes[0] = room.readers["early"].pushes[0]._replace(digest=digest("別的"))
    return room


def sent_by_nobody(room):
    room.unanswered.clear()
    return room


def revision_lost(room):
    room.revision_acks.append(RevisionAck(1, key(104), digest("y"), EDIT, 1, 4, False))
    return room


def revision_of_another(room):
    room.revision_acks[0] = room.revision_acks[0]._replace(seq=1)
    return room


def reader_misses_one(room):
    del room.readers["late"].pushes[5]
    return room


def reader_misses_the_end(room):
    del room.readers["late"].pushes[9]
    return room


def reader_misses_a_revision(room):
    del room.readers["late"].revisions[1]
    return room


def reader_sees_one_twice(room):
    room.readers["late"].pushes.insert(5, room.readers["late"].pushes[4])
    return room


def sent_in_another_order(room):
    room.acks[0], room.acks[2] = room.acks[0]._replace(attempt=3), room.acks[2]._replace(attempt=1)
    return room


def clock_turned_back(room):
    room.stored[5] = room.stored[5]._replace(sent_at=1)
    return room


def another_epoch(room):
    room.acks[0] = room.acks[0]._replace(epoch=digest("2-abc"))
    return room


@pytest.mark.parametrize("plant, kind", [
    (lost, "lost"), (lost_at_the_end, "lost"), (swapped_in_the_database, "wrong number"), (swapped_for_a_reader, "reader order"),
    (swapped_contents_for_a_reader, "reader saw another"), (stored_twice, "stored twice"), (accepted_twice, "accepted twice"),
    (another_number_for_a_retry, "another answer"), (hole, "hole"), (hole_in_the_revisions, "revision hole"), (counter_behind, "counter"),
    (revision_counter_ahead, "counter"), (wrong_body, "wrong body"), (an_edit_that_was_undone, "wrong body"),
    (wrong_body_never_answered, "wrong body"), (wrong_body_for_a_reader, "reader wrong body"), (sent_by_nobody, "nobody's"),
    (revision_lost, "revision lost"), (revision_of_another, "revision differs"), (reader_misses_one, "reader missed"),
    (reader_misses_the_end, "reader missed"), (reader_misses_a_revision, "reader missed"), (reader_sees_one_twice, "reader doubled"),
    (sent_in_another_order, "sent order"), (clock_turned_back, "clock"), (another_epoch, "epoch"),
], ids=lambda value: value.__name__ if callable(value) else None)
def test_what_is_planted_is_found(plant, kind):
    found = check(plant(clean()))
    assert kind in {one.kind for one in found}, [str(one) for one in found]
