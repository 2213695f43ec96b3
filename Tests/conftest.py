import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from running import Everline  # noqa: E402


@pytest.fixture(scope="session")
def everline():
    one = Everline(gateways=2)
    try:
        one.start()
        yield one
    finally:
        one.remove()


@pytest.fixture
def own_everline():
    """For tests that kill parts of it."""
    one = Everline()
    try:
        one.start()
        yield one
    finally:
        one.remove()


@pytest.fixture
def guardian(everline):
    from guarding import Guardian
    one = Guardian(everline)
    try:
        yield one
    finally:
        one.clean()


@pytest.fixture
def own_guardian(own_everline):
    from guarding import Guardian
    one = Guardian(own_everline)
    try:
        yield one
    finally:
        one.clean()
