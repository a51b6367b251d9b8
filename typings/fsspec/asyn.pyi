from asyncio import AbstractEventLoop
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, TypeVar

from fsspec.spec import AbstractFileSystem

T = TypeVar("T")

def get_loop() -> AbstractEventLoop: ...
def sync(
    loop: AbstractEventLoop | None,
    func: Callable[..., Coroutine[Any, Any, T]],
    *args: Any,
    **kwargs: Any,
) -> T: ...

class AsyncFileSystem(AbstractFileSystem):
    asynchronous: bool
    _pid: int
    _loop: AbstractEventLoop | None
    def __init__(self, *args: Any, **kwargs: Any) -> None: ...
    @property
    def loop(self) -> AbstractEventLoop | None: ...
    async def _copy(self, path1: Any, path2: Any, **kwargs: Any) -> None: ...
    async def _cat_ranges(
        self, paths: Any, starts: Any, ends: Any, **kwargs: Any
    ) -> list[Any]: ...
    async def _expand_path(self, path: Any, **kwargs: Any) -> list[str]: ...
    async def _glob(self, path: str, **kwargs: Any) -> Any: ...
    def _walk(self, path: str, **kwargs: Any) -> AsyncIterator[Any]: ...
    async def _pipe(self, path: Any, value: Any = ..., **kwargs: Any) -> None: ...
    # Made for each instance out of the coroutines of the same name.
    exists: Callable[..., bool]
    isfile: Callable[..., bool]
    isdir: Callable[..., bool]
    info: Callable[..., dict[str, Any]]
    ls: Callable[..., Any]
    find: Callable[..., Any]
    glob: Callable[..., Any]
    walk: Callable[..., Any]
    du: Callable[..., Any]
    size: Callable[..., int]
    cat: Callable[..., Any]
    cat_file: Callable[..., bytes]
    cat_ranges: Callable[..., list[Any]]
    pipe: Callable[..., None]
    pipe_file: Callable[..., None]
    put: Callable[..., None]
    put_file: Callable[..., None]
    get: Callable[..., None]
    get_file: Callable[..., None]
    cp: Callable[..., None]
    copy: Callable[..., None]
    cp_file: Callable[..., None]
    rm: Callable[..., None]
    rm_file: Callable[..., None]
    mkdir: Callable[..., None]
    makedirs: Callable[..., None]

# In truth it is one, whose methods it makes coroutines of.
class AbstractAsyncStreamedFile:
    fs: Any
    path: str
    size: int
    loc: int
    closed: bool
    _details: dict[str, Any] | None
    def __init__(
        self,
        fs: Any,
        path: str,
        mode: str = ...,
        *,
        size: int | None = ...,
        cache_type: str = ...,
    ) -> None: ...
    async def read(self, length: int = ...) -> bytes: ...
    async def __aenter__(self) -> Any: ...
    async def __aexit__(
        self, kind: object, error: object, traceback: object
    ) -> None: ...
