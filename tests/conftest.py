"""What all tests share: how Hypothesis runs.

No deadlines: how long an example takes says more about the machine than about the code;
speed is measured in `benchmarks/`. `HYPOTHESIS_PROFILE` chooses: `dev` (the default), `ci`
(no surprises: the same examples every time), `nightly` (many).
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

_SLOW_IS_NO_FAULT = [HealthCheck.too_slow]

settings.register_profile("dev", deadline=None, suppress_health_check=_SLOW_IS_NO_FAULT)
settings.register_profile(
    "ci",
    deadline=None,
    derandomize=True,
    suppress_health_check=_SLOW_IS_NO_FAULT,
)
settings.register_profile(
    "nightly",
    deadline=None,
    max_examples=2000,
    suppress_health_check=_SLOW_IS_NO_FAULT,
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))
