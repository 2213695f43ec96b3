"""Compares what every client was told with what PostgreSQL holds. Pure functions over plain records, so that they are tested themselves."""
from typing import Iterable, NamedTuple

from records import KINDS, Ack, Push, RevisionAck, RevisionPush, Stored, StoredRevision, digest

EDIT, DELETE = KINDS.index("edit"), KINDS.index("delete")


class Reading(NamedTuple):
    """Everything that one reader was pushed of one room, over all its connections, in order."""
    pushes: Iterable[Push]
    revisions: Iterable[RevisionPush]


class Room(NamedTuple):
    name: str
    # Those that held while it was written; one, unless history was turned back.
    epochs: frozenset[bytes]
    last_seq: int
    last_rev: int
    stored: list[Stored]
    revisions: list[StoredRevision]
    acks: list[Ack]
    revision_acks: list[RevisionAck]
    # What was sent and never answered: sender and key, with the digest of the text.
    unanswered: dict[tuple[int, bytes], bytes]
    readers: dict[str, Reading]


class Finding(NamedTuple):
    kind: str
    room: str
    what: str

    def __str__(self):
        return f"{self.kind}: {self.room}: {self.what}"


def check(room: Room) -> list[Finding]:
    found = []
    for kind, what in (*numbers(room), *acknowledged(room), *revised(room), *sent_order(room), *read(room)):
        found.append(Finding(kind, room.name, what))
    return found


def numbers(room):
    """Each room 1..N without a hole, the counters agree, and each send stands there once."""
    keys = set()
    sent_at = 0
    for expected, one in enumerate(room.stored, 1):
        if one.seq != expected:
            yield "hole", f"number {expected} is missing; {one.seq} follows"
            break
    for one in room.stored:
        if (one.sender, one.key) in keys:
            yield "stored twice", f"{one.key.hex()} of {one.sender}, again as {one.seq}"
        keys.add((one.sender, one.key))
        if one.sent_at < sent_at:
            yield "clock", f"{one.seq} was sent before the one before it"
        sent_at = max(sent_at, one.sent_at)
    last = room.stored[-1].seq if room.stored else 0
    if room.last_seq != last:
        yield "counter", f"last_seq is {room.last_seq}, the last message {last}"
    for expected, one in enumerate(room.revisions, 1):
        if one.rev != expected:
            yield "revision hole", f"revision {expected} is missing; {one.rev} follows"
            break
    last = room.revisions[-1].rev if room.revisions else 0
    if room.last_rev != last:
        yield "counter", f"last_rev is {room.last_rev}, the last revision {last}"


def acknowledged(room):
    """Every acknowledged message is there under its number with its text, and nothing that nobody sent."""
    by_key = {(one.sender, one.key): one for one in room.stored}
    told = {}
    final = last_texts(room)
    accepted = set()
    for ack in room.acks:
        who = (ack.sender, ack.key)
        one = by_key.get(who)
        if one is None:
            yield "lost", f"{ack.key.hex()} of {ack.sender} was acknowledged as {ack.seq}"
            continue
        if told.setdefault(who, ack.seq) != ack.seq:
            yield "another answer", f"{ack.key.hex()} got {told[who]}, then {ack.seq}"
        elif ack.seq != one.seq:
            yield "wrong number", f"{ack.key.hex()} was acknowledged as {ack.seq} and is {one.seq}"
        if not ack.duplicate:
            if who in accepted:
                yield "accepted twice", f"{ack.key.hex()} of {ack.sender} as {ack.seq}"
            accepted.add(who)
        if final.get(one.seq, ack.digest) != one.digest:
            yield "wrong body", f"{one.seq} is not what was sent"
        if ack.epoch not in room.epochs:
            yield "epoch", f"{ack.seq} was acknowledged in another epoch"
    for who, one in by_key.items():
        if who not in told and who not in room.unanswered:
            yield "nobody's", f"{one.seq} was sent by nobody"
        elif who not in told and final.get(one.seq, room.unanswered[who]) != one.digest:
            yield "wrong body", f"{one.seq} is not what was sent"


def revised(room):
    """The same for edits, deletions and reactions."""
    by_key = {(one.sender, one.key): one for one in room.revisions}
    told = {}
    for ack in room.revision_acks:
        who = (ack.sender, ack.key)
        one = by_key.get(who)
        if one is None:
            yield "revision lost", f"{ack.key.hex()} of {ack.sender} was acknowledged as {ack.rev}"
        elif told.setdefault(who, ack.rev) != ack.rev:
            yield "another answer", f"the revision {ack.key.hex()} got {told[who]}, then {ack.rev}"
        elif (ack.rev, ack.seq, ack.kind) != (one.rev, one.seq, one.kind):
            yield "revision differs", f"acknowledged as {ack.rev} of {ack.seq}, and is {one.rev} of {one.seq}"


def sent_order(room):
    """Two sends by one connection are numbered in the order sent. What is a duplicate got its number by another one."""
    last = {}
    for ack in sorted((ack for ack in room.acks if not ack.duplicate), key=lambda ack: (ack.link, ack.attempt)):
        before = last.get(ack.link, 0)
        if ack.seq < before:
            yield "sent order", f"{ack.seq} was sent after {before} on one connection"
        last[ack.link] = ack.seq


def read(room):
    """Every reader saw the same order, complete, each number once, and revisions likewise."""
    keys = {one.seq: one.key for one in room.stored}
    texts = all_texts(room)
    of_revision = {one.rev: one for one in room.revisions}
    for name, reading in room.readers.items():
        last = 0
        for push in reading.pushes:
            yield from in_order("reader", name, "number", push.seq, last)
            last = max(last, push.seq)
            if keys.get(push.seq) != push.key:
                yield "reader saw another", f"{name} saw {push.key.hex()} as {push.seq}"
            elif push.seq in texts and push.digest not in texts[push.seq]:
                yield "reader wrong body", f"{name} at {push.seq}"
            if push.epoch not in room.epochs:
                yield "epoch", f"{name} was pushed {push.seq} of another epoch"
        if last < room.last_seq:
            yield "reader missed", f"{name} saw {last} of {room.last_seq}"
        last = 0
        for push in reading.revisions:
            yield from in_order("reader", name, "revision", push.rev, last)
            last = max(last, push.rev)
            if push.rev in of_revision and of_revision[push.rev].seq != push.seq:
                yield "reader saw another", f"{name} saw revision {push.rev} of {push.seq}"
            elif push.seq in texts and push.digest not in texts[push.seq]:
                yield "reader wrong body", f"{name} at revision {push.rev}"
        if last < room.last_rev:
            yield "reader missed", f"{name} saw revision {last} of {room.last_rev}"


def in_order(who, name, what, number, last):
    if number == last:
        yield f"{who} doubled", f"{name} saw {what} {number} twice"
    elif number < last:
        yield f"{who} order", f"{name} saw {what} {number} after {last}"
    elif number > last + 1:
        yield f"{who} missed", f"{name} saw {what} {number} after {last}"


def last_texts(room):
    """By number, what the newest edit or deletion left."""
    left = {}
    for ack in sorted(room.revision_acks, key=lambda ack: ack.rev):
        if ack.kind in (EDIT, DELETE):
            left[ack.seq] = ack.digest
    return left


def all_texts(room):
    """By number, whatever a message has said: also what a reader that came late may have been shown in its place."""
    texts = {}
    by_key = {(one.sender, one.key): one.seq for one in room.stored}
    for ack in room.acks:
        if (ack.sender, ack.key) in by_key:
            texts.setdefault(by_key[ack.sender, ack.key], set()).add(ack.digest)
    for who, text in room.unanswered.items():
        if who in by_key:
            texts.setdefault(by_key[who], set()).add(text)
    for ack in room.revision_acks:
        texts.setdefault(ack.seq, set()).add(digest("") if ack.kind == DELETE else ack.digest)
    return texts
