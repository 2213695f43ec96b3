"""Redis by Sentinel and by Cluster: while masters are lost and slots move, nothing is lost, and afterwards Redis serves again."""
import hashlib
import base64
import signal
import time

import pytest

from campaign import until
from checker import check
from load import Load
from redises import Cluster, Sentinels
from running import Everline


@pytest.fixture
def by():
    """An Everline that finds its Redis by the addresses of such servers."""
    made = []

    def make(kind, **options):
        everline = Everline(gateways=2)
        redis = kind(everline, **options)
        everline.extra = {"EVERLINE_REDIS_ADDRESSES": redis.addresses}
        made.extend([everline, redis])
        # Its own Redis, which nobody uses, is prepared as any, with certificates and users.
        everline.start()
        redis.start()
        return everline, redis
    yield make
    for one in made:
        one.remove()


def loaded(everline):
    ways = [(kind, everline.port(base, k)) for k in range(2) for kind, base in (("line", 7443), ("web", 8443))]
    return Load(everline, ways, seed=2, rooms=12, senders=6, readers=6, depth=10)


def acknowledges(load, count):
    goal = load.count["acknowledged"] + count
    until(lambda: load.count["acknowledged"] > goal, 180, "sending does not go on")


def from_redis(everline, load):
    """Each room's newest messages are served from its window, and are those of PostgreSQL."""
    line = everline.user("people-0")
    for room in load.rooms:
        def served():
            found = line.result("history.recent", room=room)
            return found if found["source"] == "redis" else None
        until(served, 180, f"{room} is not served from Redis")
        found = served() or line.result("history.recent", room=room)
        [[number, last]] = everline.sql(
            f"SELECT r.id, c.last_seq FROM everline.rooms r JOIN everline.room_counters c ON c.room_id = r.id WHERE r.name = '{room}'")
        stored = everline.sql(
            f"SELECT seq, coalesce(rev, 0), deleted_at IS NOT NULL FROM everline.messages WHERE room_id = {number} AND seq > {int(last) - 50} ORDER BY seq")
        assert [[str(one["seq"]), str(one.get("rev", 0)), "t" if one.get("deleted") else "f"] for one in found["messages"]] == stored
    line.close()


def all_is_well(everline, redis, load):
    assert load.quiet() == [] and load.complaints == []
    assert [str(one) for room in load.records() for one in check(room)] == []
    # Services, Sentinels and replicas had the rights that they need.
    assert redis.refused() == []
    from_redis(everline, load)


def followed(server):
    """How many channels of rooms somebody listens to there, and how many listen."""
    channels = [one for one in server.cli("PUBSUB", "SHARDCHANNELS", "everline:room:*").split()]
    counts = server.cli("PUBSUB", "SHARDNUMSUB", *channels).split() if channels else []
    return len(channels), sum(map(int, counts[1::2]))


def test_sentinels_find_the_master_and_the_next(by):
    everline, redis = by(Sentinels)
    load = loaded(everline)
    try:
        acknowledges(load, 1000)
        first = redis.master
        until(lambda: followed(first)[0] == len(load.rooms), 180, "the rooms are not listened to")
        first.kill()
        acknowledges(load, 1000)
        until(lambda: redis.master not in (None, first) and followed(redis.master)[0] == len(load.rooms), 180, "the next master is not used")
        # Back as a replica; and once more, now as an operator does it.
        first.start()
        until(lambda: first.role == "slave", 180, "the lost one does not become a replica")
        second = redis.master
        until(lambda: redis.ask("FAILOVER", "everline") == "OK", 180, "the Sentinels do not agree")
        until(lambda: redis.master is not second and redis.master.role == "master" and followed(redis.master)[0] == len(load.rooms), 180,
              "the third master is not used")
        acknowledges(load, 1000)
        all_is_well(everline, redis, load)
        assert redis.master.cli("EXISTS", "everline:window:{1}") == "1"
    finally:
        load.close()


def test_a_master_that_hangs_is_left(by):
    everline, redis = by(Sentinels)
    load = loaded(everline)
    try:
        acknowledges(load, 500)
        first = redis.master
        first.signal(signal.SIGSTOP)
        acknowledges(load, 1000)
        until(lambda: redis.master not in (None, first) and followed(redis.master)[0] == len(load.rooms), 180, "the next master is not used")
        # It wakes up as if nothing had happened, with what it knew.
        first.signal(signal.SIGCONT)
        until(lambda: first.role == "slave", 180, "the one that hung does not become a replica")
        acknowledges(load, 500)
        all_is_well(everline, redis, load)
    finally:
        load.close()


def test_a_session_that_ended_does_not_come_back_with_a_replica_that_knew_it(by):
    everline, redis = by(Sentinels, replicas=1)
    master, replica = redis.data
    user = everline.user("王維")
    key = hashlib.sha256(base64.urlsafe_b64decode(user.session + "=")).hexdigest()
    other = everline.line()
    other.result("session.resume", session=user.session)
    until(lambda: replica.cli("EXISTS", f"everline:session:{key}") == "1", 180, "the session is not remembered")
    # From here on the replica hears nothing, and then it is all there is.
    replica.signal(signal.SIGSTOP)
    user.result("auth.logout")
    master.kill()
    replica.signal(signal.SIGCONT)
    end = time.monotonic() + 120
    while replica.role != "master" or replica.cli("GET", f"everline:session:{key}") != "ended":
        assert everline.line().error("session.resume", session=user.session) == "session.invalid"
        assert time.monotonic() < end, "Redis is not told again"
    assert everline.line().error("session.resume", session=user.session) == "session.invalid"


def test_a_cluster_of_three_masters(by):
    everline, redis = by(Cluster)
    load = loaded(everline)
    try:
        acknowledges(load, 1000)

        def all_followed():
            found = [followed(one) for one in redis.masters]
            return len(found) == 3 and sum(count for count, _ in found) == len(load.rooms)
        until(all_followed, 180, "the rooms are not listened to")
        # Rooms are spread, and each room's keys and signals lie together.
        def together():
            masters = redis.masters
            for one in masters:
                rooms = {channel.split("{")[1] for channel in one.cli("PUBSUB", "SHARDCHANNELS", "everline:room:*").split()}
                windows = {key.split("{")[1].split("}")[0] + "}" for key in one.cli("--scan", "--pattern", "everline:window:*").split()}
                if not rooms or windows != rooms:
                    return False
            return len(masters) == 3 and sum(int(one.cli("DBSIZE")) > 0 for one in masters) == 3
        until(together, 180, "the rooms' windows do not lie where their signals are")
        # A master is lost, and comes back as a replica.
        until(redis.is_well, 180, "the Cluster is not well")
        lost = redis.masters[0]
        lost.kill()
        acknowledges(load, 1000)
        until(lambda: redis.is_well() and all_followed(), 180, "no replica takes its place")
        lost.start()
        until(lambda: lost.role == "slave", 180, "the lost one does not become a replica")
        # Slots move while messages are sent.
        until(redis.is_well, 180, "the Cluster is not well")
        source, target, _ = redis.masters
        redis.manage("reshard", f"127.0.0.1:{target.port}", "--cluster-from", source.id, "--cluster-to", target.id, "--cluster-slots",
                     str(source.slots), "--cluster-yes")
        acknowledges(load, 1000)
        until(lambda: sum(followed(one)[0] for one in redis.running() if one.role == "master") == len(load.rooms), 180,
              "moved rooms are not listened to")
        all_is_well(everline, redis, load)
    finally:
        load.close()


def test_an_ended_session_is_told_through_the_cluster(by):
    everline, redis = by(Cluster)
    for n in range(6):
        user = everline.user(f"詩人{n}")
        other = everline.line(1)
        other.result("session.resume", session=user.session)
        user.result("auth.logout")
        assert other.push("session.ended") is not None
        other.close()
