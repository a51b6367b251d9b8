"""What all tests share: how Hypothesis runs, what is compiled once, and that Ctrl-C can be tested.

No deadlines: how long an example takes says more about the machine than about the code;
speed is measured in `benchmarks/`. `HYPOTHESIS_PROFILE` chooses: `dev` (the default), `ci`
(no surprises: the same examples every time), `nightly` (many).
"""

from __future__ import annotations

import os
import signal
import sys

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

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # So a shell starts what it runs in the background, and all that is started by it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # and so does `nohup`

# Hundreds of tests start a server or a command line. Each would compile all that it
# imports once more (0.3 s of 0.8 s) where, as in many containers, nothing is kept.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# And each would read the certificates of all authorities (0.05 s); none is asked here.
os.environ["SSL_CERT_FILE"] = os.devnull
