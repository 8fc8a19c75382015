"""The questions about senders: settled first, so that they are told with their classes of now."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from msgspec import Struct

from inalign.assessment.assess import AssessmentCache
from inalign.assessment.cache import ensure_fresh
from inalign.store.engine.interface import Engine
from inalign.store.queries.filters import Filters
from inalign.store.queries.sender_rows import ClassRow, SenderAddressRow, SenderRow
from inalign.store.queries.senders import ask_addresses, ask_classes_of_senders
from inalign.store.queries.senders import ask_senders as senders_of
from inalign.store.queries.view import View, ViewAnswer

R = TypeVar("R", bound=Struct)
NARROWED = ("domain", "since", "until", "source", "source_class", "sender", "search")


def sender_views(assessments: Callable[[Engine], AssessmentCache]) -> tuple[View, ...]:
    """Classes, senders, and their addresses."""

    def settled(ask: Callable[[Engine, str, Filters], ViewAnswer[R]]) -> Callable[[Engine, Filters], ViewAnswer[R]]:
        def asked(engine: Engine, filters: Filters) -> ViewAnswer[R]:
            judge = assessments(engine)
            ensure_fresh(judge, filters.domain)
            return ask(engine, judge.host, filters)

        return asked

    return (
        View(
            "sender-classes",
            "Who sends, by class, each with its largest senders",
            ClassRow,
            NARROWED,
            settled(ask_classes_of_senders),
        ),
        View("senders", "Senders by class, with what is counted of them", SenderRow, NARROWED, settled(senders_of)),
        View(
            "sender-addresses",
            "The addresses of senders, network by network",
            SenderAddressRow,
            NARROWED,
            settled(ask_addresses),
        ),
    )
