"""Whatever people do, and whatever fails, both systems agree in the end, nothing is lost and nothing is doubled."""

import os

from hypothesis import HealthCheck, Phase, settings

from tests.sim.machine import TwoSystems

EXAMPLES = int(os.environ.get("EXAMPLES", "150"))
PHASES = [phase for phase in Phase if phase.name != "shrink" or "NO_SHRINK" not in os.environ]

TestTwoSystems = TwoSystems.TestCase
TestTwoSystems.settings = settings(
    max_examples=EXAMPLES,
    phases=PHASES,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    print_blob=True,
)
