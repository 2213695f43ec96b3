"""People who talk meanwhile, whatever is done to the stack."""
import os
import time

from checker import check
from load import Load

SIZE = {"rooms": 6, "senders": 6, "readers": 4, "depth": 10, "pace": 60}


class Talk:
    """A load through the edge; at its end nothing is lost, doubled or out of order."""

    begun = 0

    def __init__(self, stack):
        Talk.begun += 1
        self.load = Load(stack, stack.ways, Talk.begun, mark=f"{os.getpid()}-{Talk.begun}-", **SIZE)
        self.goes_on()

    def goes_on(self, more=150):
        """Waits until so many more lines were acknowledged and delivered."""
        goal = self.load.count["acknowledged"] + more
        end = time.monotonic() + 90
        while self.load.count["acknowledged"] < goal:
            assert time.monotonic() < end and not self.load.complaints, (self.load.count, self.load.complaints)
            time.sleep(0.1)

    def end(self):
        try:
            late = self.load.quiet()
            found = [str(one) for room in self.load.records() for one in check(room)]
            assert (late, self.load.complaints, found[:10]) == ([], [], [])
            print(dict(self.load.count))
        finally:
            self.load.close()
