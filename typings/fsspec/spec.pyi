import io
from datetime import datetime
from typing import Any, ClassVar

from fsspec.transaction import Transaction

class _Cached(type):
    def __call__(cls, *args: Any, **kwargs: Any) -> Any: ...

class AbstractFileSystem(metaclass=_Cached):
    protocol: ClassVar[str | tuple[str, ...]]
    transaction_type: ClassVar[type[Transaction]]
    storage_options: dict[str, Any]
    _cache: ClassVar[dict[str, Any]]
    _intrans: bool
    _transaction: Transaction | None
    @classmethod
    def _strip_protocol(cls, path: Any) -> str: ...
    def unstrip_protocol(self, name: str) -> str: ...
    @classmethod
    def clear_instance_cache(cls) -> None: ...
    @property
    def fsid(self) -> str: ...
    @property
    def transaction(self) -> Any: ...
    def start_transaction(self) -> Any: ...
    def end_transaction(self) -> None: ...
    def invalidate_cache(self, path: str | None = ...) -> None: ...
    def open(
        self,
        path: Any,
        mode: str = ...,
        block_size: int | None = ...,
        cache_options: Any = ...,
        compression: str | None = ...,
        **kwargs: Any,
    ) -> Any: ...
    def mv(
        self,
        path1: Any,
        path2: Any,
        recursive: bool = ...,
        maxdepth: int | None = ...,
        **kwargs: Any,
    ) -> None: ...
    def rmdir(self, path: str) -> None: ...
    def touch(self, path: str, truncate: bool = ..., **kwargs: Any) -> None: ...
    def checksum(self, path: str) -> int: ...
    def ukey(self, path: str) -> str: ...
    def created(self, path: str) -> datetime: ...
    def modified(self, path: str) -> datetime: ...
    def to_json(self, *, include_password: bool = ...) -> str: ...

class AbstractBufferedFile(io.IOBase):
    fs: Any
    path: str
    size: int
    loc: int
    closed: bool
    details: dict[str, Any]
    cache: Any
    _details: dict[str, Any] | None
    def __init__(
        self,
        fs: Any,
        path: str,
        mode: str = ...,
        block_size: Any = ...,
        autocommit: bool = ...,
        cache_type: str = ...,
        cache_options: dict[str, Any] | None = ...,
        size: int | None = ...,
        **kwargs: Any,
    ) -> None: ...
    def read(self, length: int = ...) -> bytes: ...
    def __enter__(self) -> Any: ...
    def __exit__(self, *args: object) -> None: ...
