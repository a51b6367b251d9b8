"""Examples of parameters and bodies: one story, told with the names of a small lake.

A test sends the example of every operation to a server. What has no example here gets one
by its type, so that a new operation has one too.
"""

from __future__ import annotations

from typing import Any

import msgspec
import msgspec.inspect

_NAMES: dict[str, Any] = {
    "repository": "penguins",
    "branch": "main",
    "tag": "v1.0",
    "name": "main",
    "commit": "main",
    "ref": "main",
    "left": "main",
    "right": "dev",
    "source": "dev",
    "destination": "main",
    "model": "fraud",
    "version": "1",
    "alias": "prod",
    "subject": "fraud@1",
    "run": "4f1d7c3a9be04b62a5f0c8d2e6137a95",
    "user": "ann",
    "key": "LKEXAMPLE",
    "path": "raw/penguins.csv",
    "dest_path": "backup/penguins.csv",
    "src_path": "raw/penguins.csv",
    "dst_path": "clean/penguins.csv",
    "paths": ["raw/penguins.csv"],
    "message": "Add the raw table",
    "username": "admin",
    "level": "read",
    "pattern": "release-*",
    "branch_id": "main",
    "retention_days": 30,
    "default_retention_days": 30,
    "metadata": {"owner": "ann"},
    "keys": ["owner"],
}
_OF_OPERATIONS: dict[str, dict[str, Any]] = {
    "deleteBranch": {"branch": "dev"},  # the default branch stays
    "deleteModel": {"model": "spare"},  # no alias is at it
    "deleteModelVersion": {"model": "spare"},
}
_BODIES: dict[str, dict[str, Any]] = {
    "RepositoryCreation": {"name": "penguins"},
    "BranchCreation": {"name": "dev", "source": "main"},
    "BranchReset": {"type": "reset"},
    "TagCreation": {"id": "v1.0", "ref": "main"},
    "UserCreation": {"id": "ann"},
    "GrantCreation": {"repository": "penguins", "ref": "dev-*", "level": "write"},
    "Merge": {"message": "Bring the clean table"},
    "Revert": {"ref": "main", "parent_number": 0},
    "CherryPick": {"ref": "dev"},
    "BatchStat": {"items": [{"ref": "main", "prefix": "raw/"}]},
    "BundleWish": {"paths": ["raw/penguins.csv"]},
    "ObjectLinks": {
        "links": [{"src_path": "raw/penguins.csv", "dst_path": "backup/penguins.csv"}]
    },
    "MetadataSet": {"metadata": {"owner": "ann"}},
    "MetadataKeys": {"keys": ["owner"]},
    "RetentionRules": {
        "default_retention_days": 90,
        "branches": [{"branch_id": "main", "retention_days": 365}],
    },
    "AliasRules": {
        "rules": [{"alias": "prod", "needs_approval": True, "checks": ["accuracy"]}]
    },
    "CheckCreation": {"name": "accuracy", "run": "4f1d7c3a9be04b62a5f0c8d2e6137a95"},
    "AliasMove": {"version": 1, "reason": "better on new cases"},
    "ModelUpdate": {"description": "Is a payment a fraud?"},
    "UserMetadata": {"set": {"source": "palmer"}},
}


def example_of_name(name: str, operation: str) -> Any:
    """Return an example for a name in a path, or a parameter that must be given."""
    return {**_NAMES, **_OF_OPERATIONS.get(operation, {})}.get(name, "example")


def example_of_body(body: Any) -> Any:
    """Return an example of a `body`: what it needs, and no more."""
    return _make_example(msgspec.inspect.type_info(body), "")


def _make_example(kind: msgspec.inspect.Type, name: str) -> Any:
    if name in _NAMES:
        return _NAMES[name]
    match kind:
        case msgspec.inspect.StructType(cls=struct) if struct.__name__ in _BODIES:
            return _BODIES[struct.__name__]
        case msgspec.inspect.StructType(fields=fields):
            return {
                field.encode_name: _make_example(field.type, field.encode_name)
                for field in fields
                if field.required
            }
        case msgspec.inspect.UnionType(types=(first, *_)):
            return _make_example(first, name)
        case msgspec.inspect.LiteralType(values=(first, *_)):
            return first
        case msgspec.inspect.IntType():
            return 1
        case msgspec.inspect.BoolType():
            return True
        case msgspec.inspect.ListType(item_type=item):
            return [_make_example(item, "")]
        case msgspec.inspect.DictType(value_type=item):
            return {"name": _make_example(item, "")}
        case _:
            return "example"
