"""The long form of the faults and of the fuzzer, for `make test-faults`; its name keeps it out of `make test`."""
import os

import pytest

import campaign
from fuzz import Fuzz

given = campaign.options()


@pytest.mark.parametrize("gateways", [int(one) for one in given.gateways.split(",")])
def test_the_promises_hold_under_many_faults(gateways):
    assert campaign.long(given, gateways).run() == [], f"FAULTS_SEED={given.seed}"


def test_bad_input_by_the_million(own_everline):
    lines = int(os.environ.get("FUZZ_LINES", 1_000_000))
    assert Fuzz(own_everline, given.seed, lines).run(progress=True) == [], f"FAULTS_SEED={given.seed}"
