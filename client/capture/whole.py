"""All parts of the record at once, which is how little of the time is waited for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .captured import DEFAULT_LIMITS, CapturedRun, Limits
from .code import capture_code
from .configuration import capture_configuration
from .environment import capture_environment
from .hardware import capture_hardware
from .parallel import begin


def capture_run(
    directory: Path,
    argv: Sequence[str],
    *,
    config_files: Sequence[Path] = (),
    options: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    in_process: bool = False,
    exclude: Sequence[Path] = (),
    limits: Limits = DEFAULT_LIMITS,
) -> CapturedRun:
    """Return all that is recorded of a command before it begins.

    Never raises for what cannot be had: that is in `missing`. Secrets are masked.

    Args:
        directory: where the command runs.
        argv: the command; of a run from Python, `sys.orig_argv`.
        config_files: relative to `directory`, or absolute.
        options: of `lakebed run` itself.
        environ: what the command will have in its environment; None: what we have.
        in_process: the command is this very process.
        exclude: where data lies; what is untracked there is not code.
    """
    code_call = begin(
        lambda: capture_code(
            directory, argv, environ=environ, exclude=exclude, limits=limits
        )
    )
    environment_call = begin(
        lambda: capture_environment(
            directory, argv, environ=environ, in_process=in_process, limits=limits
        )
    )
    hardware_call = begin(lambda: capture_hardware(environ=environ))
    configuration, params = capture_configuration(
        directory, config_files, argv=argv, options=options, limits=limits
    )
    code, environment = code_call.result(), environment_call.result()
    hardware = hardware_call.result()
    parts = (code, configuration, environment, hardware)
    return CapturedRun(
        code=code.part,
        configuration=configuration.part,
        environment=environment.part,
        hardware=hardware.part,
        params=params,
        files=tuple(file for part in parts for file in part.files),
        missing=tuple(gap for part in parts for gap in part.missing),
    )
