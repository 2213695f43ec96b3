"""The short form of the fuzzer."""
import os
import random

from fuzz import Fuzz


def test_bad_input_by_the_ten_thousand(own_everline):
    seed = int(os.environ.get("FAULTS_SEED", random.SystemRandom().randrange(1 << 32)))
    assert Fuzz(own_everline, seed, 40_000).run() == [], f"FAULTS_SEED={seed}"
