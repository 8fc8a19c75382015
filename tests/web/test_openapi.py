"""What the OpenAPI description says is what is answered: Schemathesis makes the questions, and judges the answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from inalign.assessment.views import QUESTIONS
from inalign.store.state.accounts import Role, Token
from inalign.web.openapi import openapi
from tests.web.live_site import Site, serve


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serve(tmp_path_factory.mktemp("description")) as site:
        site.user("alice", Role.EDITOR)
        yield site


@pytest.fixture(scope="module")
def bearer(site: Site) -> dict[str, str]:
    token = Token(name="t", user="alice", role=Role.EDITOR, made=0, expires=site.now[0] + 1_000)
    return {"Authorization": f"Bearer {site.accounts.make_token(token)}"}


Case = schemathesis.Case[Any]  # its parameter is of another library, and says nothing here
schema = schemathesis.openapi.from_dict(dict(openapi(QUESTIONS)))


@schema.parametrize()
@settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_answers_are_as_described(case: Case, site: Site, bearer: dict[str, str]) -> None:
    # A cursor that fits its schema need not be one of an answer, nor an address one: 400 says so.
    case.call_and_validate(
        base_url=f"http://127.0.0.1:{site.port}", headers=bearer, timeout=60, excluded_checks=[positive_data_acceptance]
    )
