"""Keeps the recipes read last, because range reads of one object come in bursts.

A Parquet reader asks for dozens of ranges of one file; without this each of them would
read, hash and decode the object's recipe again. Recipes are immutable, so nothing here is
ever out of date.
"""

from __future__ import annotations

from collections import OrderedDict

from .recipe import Recipe

_ROWS_MAX = 200_000
"""8 MiB, at 40 bytes a row: the recipes of 60 GiB of objects in use. At half, two large
tables evict each other; double takes memory from uploads for little."""


class RecipeCache:
    """Recipes by id, up to `_ROWS_MAX` rows of them; for one event loop."""

    def __init__(self) -> None:
        self._recipes: OrderedDict[bytes, Recipe] = OrderedDict()
        self._row_count = 0

    def get(self, recipe_id: bytes) -> Recipe | None:
        """Return the recipe `recipe_id` if it is at hand."""
        recipe = self._recipes.get(recipe_id)
        if recipe is not None:
            self._recipes.move_to_end(recipe_id)
        return recipe

    def put(self, recipe_id: bytes, recipe: Recipe) -> None:
        """Keep `recipe`, and let go of those not used for longest."""
        if recipe_id in self._recipes:
            return
        self._recipes[recipe_id] = recipe
        self._row_count += len(recipe)
        while self._row_count > _ROWS_MAX:
            _, dropped = self._recipes.popitem(last=False)
            self._row_count -= len(dropped)
