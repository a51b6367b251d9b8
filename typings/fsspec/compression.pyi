from collections.abc import Callable
from typing import Any

compr: dict[str, Callable[..., Any]]
