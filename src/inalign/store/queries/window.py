"""The question for the window: which days "30 days" are."""

from __future__ import annotations

from inalign.insight.window import Window
from inalign.store.engine.interface import Engine
from inalign.store.queries.filters import Filters
from inalign.store.queries.view import ViewAnswer
from inalign.store.window import window_of


def window(engine: Engine, _filters: Filters) -> ViewAnswer[Window]:
    """One row with the first and the last of the last 30 complete report days, whatever the filters are."""
    return ViewAnswer([window_of(engine)])
