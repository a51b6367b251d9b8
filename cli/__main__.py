"""`lakebed`, and `python -m lakebed.cli`: a process that starts and ends without delay.

Without this a fifth of the time of most commands goes to a search for unreachable cycles
among all that they import, and to another before the process ends.
"""

import gc

YOUNG_COUNT = 50_000
"""Objects made until cycles are looked for: a few MB; imports of a command make fewer."""


def main() -> None:
    """Run the command line of this process."""
    gc.set_threshold(YOUNG_COUNT)
    from . import main

    try:
        main.main()
    finally:
        gc.freeze()  # what is left goes with the process, unsearched


if __name__ == "__main__":
    main()
