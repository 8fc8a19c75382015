"""The statements of a page: each is executed once, however many views of the page ask it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from inalign.assessment.assess import AssessmentCache
from inalign.store.engine.duckdb import DuckDbEngine
from inalign.store.engine.interface import Parameter, Row
from inalign.store.state.control import Control
from inalign.wiring.assessment import make_assessment_cache
from tests.web.live_site import Browser, Site, serve

PAGES = (
    "/domain?domain=example.com",
    "/summary?domain=example.com&period=2026-01",
    "/summary?period=2026-01",
    "/domains",
    "/sources?domain=example.com",
    "/source?domain=example.com&source=192.0.2.1",
    "/reporters",
)
MOST = {"/domain?domain=example.com": 26, "/domains": 8}
"""More statements than now need a reason."""

Executed = list[tuple[str, str]]


@pytest.fixture
def executed(monkeypatch: pytest.MonkeyPatch) -> tuple[Executed, Executed]:
    """The statements with their parameters that the database and the control state have executed."""
    of_store, of_control = Executed(), Executed()
    query, ask = DuckDbEngine.query, Control.ask

    def noted(engine: DuckDbEngine, sql: str, parameters: Mapping[str, Parameter] | None = None) -> list[Row]:
        of_store.append((sql, repr(sorted((parameters or {}).items()))))
        return query(engine, sql, parameters)

    def noted_ask(control: Control, sql: str, values: object = ()) -> object:
        of_control.append((sql, repr(values)))
        return ask(control, sql, values)  # type: ignore[arg-type]  # as they come

    monkeypatch.setattr(DuckDbEngine, "query", noted)
    monkeypatch.setattr(Control, "ask", noted_ask)
    return of_store, of_control


@pytest.fixture(params=[True, False], ids=["refreshed in the background", "refreshed by the request"])
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Site]:
    def service(*given: object, **named: object) -> AssessmentCache:
        made = make_assessment_cache(*given, **named)  # type: ignore[arg-type]  # as they come
        return replace(made, has_background_refresh=is_background[0])

    is_background = [False]
    monkeypatch.setattr("tests.web.live_site.make_assessment_cache", service)
    with serve(tmp_path) as site:
        Browser(site.port).get("/domains?since=2026-01-01")  # all domains are assessed
        is_background[0] = request.param
        yield site


@pytest.mark.parametrize("page", PAGES)
def test_no_statement_is_executed_twice(site: Site, page: str, executed: tuple[Executed, Executed]) -> None:
    assert Browser(site.port).get(page).status == 200
    for statements in executed:
        assert statements
        assert not {each for each, number in Counter(statements).items() if number > 1}
    assert len(executed[0]) <= MOST.get(page, len(executed[0]))
