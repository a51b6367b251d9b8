"""`python -m lakebed.server DIR`: a server, from its arguments to its exit.

What cannot start says so in one line on stderr and exits with 1. When it is ready it
prints one line on stdout, after one for each place besides the first where it listens.
With one worker this process is the server (`worker.py`); with several it only starts and
watches them (`supervising/supervisor.py`), and imports nothing of what they are made of.
SIGTERM and SIGINT stop it: nothing new is accepted, what runs may finish, exit 0.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from .announcing import Notifier, announce, check_metrics, say_failure
from .arguments import KEY_ID_VARIABLE, SECRET_VARIABLE, Arguments, read_arguments
from .errors import LakeError
from .logs import set_up_logging
from .serving.listeners import bind_all


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a server until it is told to stop; return the exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        given = read_arguments(arguments)
        set_up_logging(given.log_level)
        # Taken out of the environment, where whatever we start would see them.
        key = (
            os.environ.pop(KEY_ID_VARIABLE, None),
            os.environ.pop(SECRET_VARIABLE, None),
        )
        notifier = Notifier(os.environ)
        if given.workers > 1:
            from .supervising.supervisor import supervise

            return supervise(given, arguments, key, notifier)
        _run_alone(given, key, notifier)
    except LakeError as error:
        say_failure(error)
        return 1
    return 0


def _run_alone(
    given: Arguments, key: tuple[str | None, str | None], notifier: Notifier
) -> None:
    """Be the one process of a server."""
    import uvloop

    from .worker import Worker, set_up_process

    given = set_up_process(given)
    settings = given.settings
    listeners = (*settings.listeners(), *settings.metrics_listeners())
    with bind_all(listeners, stall_s_max=settings.stall_s_max) as (bound,):
        check_metrics(settings, bound)

        def tell_ready(worker: Worker) -> None:
            announce(given, bound)
            notifier.tell("READY=1")

        async def run() -> None:
            worker = Worker(
                given,
                bound,
                on_ready=tell_ready,
                on_leaving=lambda worker: notifier.tell("STOPPING=1"),
                is_alone=True,
            )
            await worker.run(key, sets_up=True)

        uvloop.run(run())


if __name__ == "__main__":
    sys.exit(main())
