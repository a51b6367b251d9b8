class Callback:
    size: int | None
    value: int
    def set_size(self, size: int) -> None: ...
    def relative_update(self, inc: int = ...) -> None: ...

DEFAULT_CALLBACK: Callback
