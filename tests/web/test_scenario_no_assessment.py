"""Pages while nothing has been judged yet: what is there is shown, and nothing breaks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from inalign.assessment.assess import AssessmentCache
from inalign.web.tables import PAGES
from inalign.wiring.assessment import make_assessment_cache
from tests.web.live_site import Browser, Site, serve


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Of a report process that is about to judge."""

    def tended(*given: object, **named: object) -> AssessmentCache:
        return replace(make_assessment_cache(*given, **named), has_background_refresh=True)  # type: ignore[arg-type]  # as they come

    monkeypatch.setattr("tests.web.live_site.make_assessment_cache", tended)
    with serve(tmp_path) as site:
        yield site


def test_home_shows_what_was_counted(site: Site) -> None:
    for language, words in (("en", "judged in a moment"), ("ja", "分析中")):
        page = Browser(site.port).get("/domains?since=2026-01-01", Accept_Language=language)
        assert page.status == 200
        assert words in page.text
        assert "example.net" in page.text


@pytest.mark.parametrize("page", [*PAGES, "domain?domain=example.com"])
def test_pages_are_there(site: Site, page: str) -> None:
    assert Browser(site.port).get(f"/{page}").status == 200


def test_a_domain_that_is_asked_for_is_judged_at_once(site: Site) -> None:
    assert '"judged_at":null' in Browser(site.port).get("/api/v1/overview").text
    assert '"step"' in Browser(site.port).get("/api/v1/plan?domain=example.com").text
    assert '"judged_at":"' in Browser(site.port).get("/api/v1/overview?domain=example.com").text
