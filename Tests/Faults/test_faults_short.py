"""The short form of `make test-faults`: a load, faults of every kind, and the comparison, on one gateway and on three."""
import os
import random

import pytest

from campaign import Campaign


@pytest.mark.parametrize("gateways", [1, 3])
def test_the_promises_hold_under_faults(gateways):
    seed = int(os.environ.get("FAULTS_SEED", random.SystemRandom().randrange(1 << 32)))
    campaign = Campaign(
        gateways, seed, messages=3_000, faults=26, disk=gateways == 1, pace=0.7, seconds=1_500,
        load={"rooms": 10, "senders": 8, "readers": 6, "depth": 10})
    assert campaign.run() == [], f"FAULTS_SEED={seed}"
