"""What clients were told, and what PostgreSQL holds: plain records, packed small enough that millions fit."""
import hashlib
import struct
from typing import NamedTuple


def digest(text):
    """Eight bytes of a text; `left(md5(text), 16)` in PostgreSQL is the same."""
    return hashlib.md5(text.encode()).digest()[:8]


class Ack(NamedTuple):
    """The answer to a send."""
    sender: int
    key: bytes
    digest: bytes
    seq: int
    duplicate: bool
    epoch: bytes
    # The connection, and which of its sends this was: for the order in which they were sent.
    link: int
    attempt: int


class RevisionAck(NamedTuple):
    """The answer to an edit, a deletion or a reaction."""
    sender: int
    key: bytes
    # Of the new text; of the empty one for a deletion.
    digest: bytes
    kind: int
    seq: int
    rev: int
    duplicate: bool


class Push(NamedTuple):
    """message.posted"""
    seq: int
    key: bytes
    digest: bytes
    epoch: bytes


class RevisionPush(NamedTuple):
    """message.edited or message.deleted"""
    rev: int
    seq: int
    digest: bytes
    deleted: bool


class Stored(NamedTuple):
    """A row of `messages`."""
    seq: int
    sender: int
    key: bytes
    digest: bytes
    sent_at: int
    rev: int | None
    deleted: bool


class StoredRevision(NamedTuple):
    """A row of `revisions`."""
    rev: int
    seq: int
    sender: int
    key: bytes
    kind: int


KINDS = ("edit", "delete", "react", "unreact")

FORMATS = {
    Ack: struct.Struct("<I16s8sq?8sII"), RevisionAck: struct.Struct("<I16s8sBqq?"), Push: struct.Struct("<q16s8s8s"),
    RevisionPush: struct.Struct("<qq8s?"),
}


class Log:
    """Records of one kind in the order in which they came."""

    def __init__(self, kind, data=b""):
        self.kind, self.data = kind, bytearray(data)
        self.pack, self.iterate = FORMATS[kind].pack, FORMATS[kind].iter_unpack

    def add(self, *fields):
        self.data += self.pack(*fields)

    def __iter__(self):
        return map(self.kind._make, self.iterate(self.data))

    def __len__(self):
        return len(self.data) // FORMATS[self.kind].size
