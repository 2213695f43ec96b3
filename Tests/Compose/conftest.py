import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from stack import SERVICES, Stack

VERSION = os.environ.get("EVERLINE_VERSION", "test")


@pytest.fixture(scope="session")
def stack():
    """One for all tests, which leave it running and whole."""
    one = Stack(os.environ.get("COMPOSE_PROJECT", f"everline-test-{os.getpid()}"), 17443, 18443, version=VERSION)
    try:
        if os.environ.get("EVERLINE_SKIP_BUILD") != "1":
            one.everline("compose", "build", seconds=7200)
        one.up()
        yield one
    finally:
        # To look at afterwards, and to run on again.
        if os.environ.get("COMPOSE_KEEP") != "1":
            one.remove()


@pytest.fixture
def calm(stack):
    """The stack with one of each, before and after."""
    yield stack
    stack.everline("scale", "message-gateway=1", "history=1", "auth=1")
    stack.wait(lambda: all(stack.is_healthy(service) for service in SERVICES))
