"""The primary is lost for good, and a synchronous standby takes its place: nothing acknowledged is lost, and everybody is told."""
import pytest

from campaign import until
from checker import check
from load import Load
from running import Everline, free_ports
from standby import Standby, lose_primary


@pytest.fixture
def pair():
    everline = Everline(gateways=2)
    [port] = free_ports(1, everline)
    everline.extra = {"EVERLINE_POSTGRES_HOSTS": f"127.0.0.1:{everline.port(7432)},127.0.0.1:{port}"}
    standby = None
    try:
        everline.start()
        standby = Standby(everline, port)
        standby.start()
        standby.make_synchronous()
        yield everline, standby
    finally:
        everline.remove()
        if standby:
            standby.remove()


def test_a_standby_takes_the_place_of_the_primary(pair):
    everline, standby = pair
    [[old]] = everline.sql("SELECT generation || '-' || token FROM everline.epoch")
    ways = [(kind, everline.port(base, k)) for k in range(2) for kind, base in (("line", 7443), ("web", 8443))]
    # Without revisions: those name the epoch, and are refused in the next one.
    load = Load(everline, ways, seed=1, rooms=6, senders=6, readers=4, depth=10, revising=False, turned_back=True)
    try:
        until(lambda: load.count["acknowledged"] > 2000, 180, "the load does not begin")
        lose_primary(everline)
        at_death = load.count["acknowledged"]
        standby.promote()
        everline.database_port = standby.port
        until(lambda: load.count["acknowledged"] > at_death + 2000, 180, "sending does not go on")
        assert load.quiet() == [] and load.complaints == []
        [[new]] = everline.sql("SELECT generation || '-' || token FROM everline.epoch")
        assert int(new.split("-")[0]) > int(old.split("-")[0])
        found = [str(one) for room in load.records(epochs=[old]) for one in check(room)]
        assert found == []
        # Each reader was told of each of its rooms.
        following = {(name, room.name) for room in load.records() for name in room.readers}
        assert {(name, room) for name, room, _ in load.resets} == following
        assert {epoch for _, _, epoch in load.resets} == {new}
    finally:
        load.close()
