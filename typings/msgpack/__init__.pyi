# What lakebed uses of msgpack, which ships no types. Results are Any: callers say with a
# cast what they made, and match on what they read.

from typing import Any

from typing_extensions import Buffer

def packb(o: object, *, use_bin_type: bool = ..., strict_types: bool = ...) -> Any: ...
def unpackb(
    packed: Buffer,
    *,
    use_list: bool = ...,
    raw: bool = ...,
    strict_map_key: bool = ...,
    max_buffer_size: int = ...,
) -> Any: ...
