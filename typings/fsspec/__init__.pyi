# What lakebed uses of fsspec, which ships no types. Where a library may give anything,
# it is Any here.

from typing import Any

def filesystem(protocol: str, **storage_options: Any) -> Any: ...
def open(urlpath: str, mode: str = ..., **kwargs: Any) -> Any: ...  # noqa: A001
def url_to_fs(url: str, **kwargs: Any) -> tuple[Any, str]: ...
