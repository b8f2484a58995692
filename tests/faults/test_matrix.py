"""A slice of the matrix: workers and people killed at named steps, all faults at once, each way to meet duplicates.

KILL_SEED makes the same choices again. The long run is `python -m autopurchase bench faults`.
"""

from pathlib import Path

import pytest

from tests.faults.kills import SEED
from tests.faults.matrix import MODES, all_steps, ordeals
from tests.faults.reckoning import reckon

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]
#: lines for each kill, and steps of each round
LINES, STEPS = 5, 4


def test_nothing_is_bought_twice_and_nothing_is_lost(tmp_path: Path, database_url: str) -> None:
    with ordeals(tmp_path, database_url, SEED, workers=1) as ordeal:
        steps = ordeal.dice.sample(all_steps(), STEPS * len(MODES))
        print(f"seed {SEED}, steps {', '.join(steps)}")  # noqa: T201
        try:
            for at, mode in enumerate(MODES):
                ordeal.round(mode, LINES * STEPS, steps[at * STEPS : (at + 1) * STEPS])
            ordeal.compare()
        finally:
            ordeal.stop()
        found = reckon(ordeal.world)
        assert not found.wrong, (SEED, found, ordeal.logs())
        assert found.lines == ordeal.made
        assert found.desk["orphan"] == len(ordeal.world.sessions), found.desk
        assert sum(ordeal.fired[step] for step in steps) >= STEPS, ordeal.fired
        assert len(ordeal.struck) >= STEPS, ordeal.struck
