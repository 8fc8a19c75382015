"""A report in words: the texts of the vectors, and that its three forms tell the same and obey nobody's names."""

from __future__ import annotations

import re
import string
import tomllib
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest
from msgspec.structs import replace

from inalign.summary import words as words_module
from inalign.summary.blocks import Cards, TableBlock
from inalign.summary.document import MAX_DOMAINS, SummaryDocument, make_document
from inalign.summary.html import BAR_PIXELS, body, for_mail, whole
from inalign.summary.model import DomainSummary, Figures, NewSender, Share, SummaryDay
from inalign.summary.next_steps import MAX_LINES, next_steps
from inalign.summary.text import WIDTH, as_text, width_of
from inalign.summary.words import MAX_NAME, rate, share, signed, words_of
from tests.house.citations import ROOT
from tests.summary.vectors import FOLDER, LANGUAGES, NAMES, document, summary

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\r\n\x1b[31m"
CASES = [(name, language) for name in NAMES for language in LANGUAGES]


class Reader(HTMLParser):
    """The text of a page, and what could do harm in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self._in_style = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self._in_style = tag == "style"
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        if not self._in_style:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


@pytest.mark.parametrize(("name", "language"), CASES)
def test_text_is_that_of_the_vector(name: str, language: str) -> None:
    assert as_text(document(name, language)) == (FOLDER / f"{name}.{language}.txt").read_text("utf-8")


@pytest.mark.parametrize(("name", "language"), CASES)
def test_page_and_mail_have_every_cell_and_sentence(name: str, language: str) -> None:
    made = document(name, language)
    pages = [Reader(text).text for text in (str(body(made)), whole(made), for_mail(made))]
    for wanted in _texts(made):
        assert all(" ".join(wanted.split()) in page for page in pages), wanted


def _texts(made: SummaryDocument) -> Iterator[str]:
    yield from (made.title, made.period, made.domains, made.made)
    for section in made.sections:
        yield section.title
        for block in section.blocks:
            if isinstance(block, TableBlock):
                yield from (*block.columns, *(cell for row in block.rows for cell in row))
            if isinstance(block, Cards):
                yield from (text for card in block.cards for text in (card.label, card.value, *card.details))
    yield from (text for pair in made.glossary for text in pair)


@pytest.mark.parametrize(("name", "language"), CASES)
def test_nothing_of_others_is_fetched_or_run(name: str, language: str) -> None:
    made = document(name, language)
    for text in (str(body(made)), whole(made), for_mail(made)):
        seen = Reader(text)
        assert not seen.tags & {"script", "img", "link", "iframe", "object", "embed", "form", "base", "use", "image"}
        assert not [name for name, _ in seen.attributes if name.startswith("on") or name in ("src", "srcset")]
        assert not re.search(r"url\((?!#)|@import", text)
        links = [value for name, value in seen.attributes if name == "href"]
        assert all(link.startswith("https://") for link in links)


def test_names_of_others_are_text() -> None:
    found = summary("month")
    domain = found.domains[0]
    sour = replace(
        domain,
        domain=HOSTILE,
        record=HOSTILE,
        blocking=tuple(replace(each, source=HOSTILE, service=None, page="javascript:x") for each in domain.blocking),
        new_senders=(NewSender(sender=HOSTILE, source_class="unknown", messages=1, first_day=found.made),),
        countries=(Share(HOSTILE, 1),),
        networks=(Share(HOSTILE, 1),),
        reporters=(Share(HOSTILE, 1),),
    )
    made = make_document(replace(found, domains=(sour,)), words_of("en"))
    for text in (str(body(made)), whole(made), for_mail(made)):
        seen = Reader(text)
        assert not seen.tags & {"script", "img"}
        assert "javascript" not in text
    plain = as_text(made)
    assert "\x1b" not in plain
    assert "\r" not in plain
    assert "<script>" in plain


def test_long_names_are_cut() -> None:
    found = summary("month")
    long = replace(found.domains[0], reporters=(Share("a" * 5_000, 1),))
    made = make_document(replace(found, domains=(long,)), words_of("en"))
    assert "a" * (MAX_NAME - 1) + "…" in for_mail(made)
    assert "a" * MAX_NAME not in for_mail(made)


@pytest.mark.parametrize(("name", "language"), CASES)
def test_lines_of_the_text_fit(name: str, language: str) -> None:
    lines = as_text(document(name, language)).splitlines()
    assert all(width_of(line) <= WIDTH + 2 for line in lines if "TXT" not in line and "https://" not in line)


@pytest.mark.parametrize(("name", "language"), CASES)
def test_bars_of_a_mail_are_as_wide_as_there_is_room(name: str, language: str) -> None:
    text = for_mail(document(name, language))
    rows = re.findall(rf'<td width="{BAR_PIXELS}"><table.*?</table>', text, re.DOTALL)
    sums = [sum(map(int, re.findall(r'<td width="(\d+)"', row[10:]))) for row in rows]
    assert rows
    assert max(sums) in range(BAR_PIXELS - 4, BAR_PIXELS + 1)
    assert f'width="{BAR_PIXELS}"' in text


def test_a_domain_of_which_nothing_is_known_says_what_to_look_at() -> None:
    (only,) = next_steps(DomainSummary(domain="x.example"), words_of("en"))
    assert "rua=" in only.text


def test_what_is_not_judged_yet_has_no_figures() -> None:
    found = summary("month")
    made = make_document(replace(found, domains=(replace(found.domains[0], assessed=False),)), words_of("en"))
    assert [type(block).__name__ for block in made.sections[0].blocks] == ["Notes"]
    assert "judged in a moment" in as_text(made)


def test_things_to_do_are_few() -> None:
    found = summary("month")
    many = replace(found.domains[0], blocking=found.domains[0].blocking * 20)
    assert len(next_steps(many, words_of("ja"))) == MAX_LINES


def test_domains_behind_the_most_are_in_the_table_alone() -> None:
    found = summary("week")
    many = tuple(DomainSummary(domain=f"d{number}.example") for number in range(MAX_DOMAINS + 5))
    made = make_document(replace(found, domains=many), words_of("en"))
    assert len(made.sections) == MAX_DOMAINS + 1
    assert "5 more domains are in the table alone." in as_text(made)
    assert as_text(made).count(f"d{MAX_DOMAINS + 4}.example") == 1


def test_totals_are_the_sums_of_the_domains() -> None:
    found = summary("week")
    for name in Figures.__struct_fields__:
        assert getattr(found.now, name) == sum(getattr(each.now, name) for each in found.domains)


def test_days_of_the_vectors_add_up_to_their_figures() -> None:
    for each in summary("month").domains:
        assert sum(sum(day.counts) for day in each.days) == each.now.messages
        assert sum(day.unwanted for day in each.days) == each.now.unwanted
    assert SummaryDay(summary("month").made).counts == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("percent", "text"),
    [
        (None, "–"),
        (0.0, "0%"),
        (0.004, "<1%"),
        (0.99, "<1%"),
        (1.0, "1%"),
        (50.04, "50%"),
        (96.54, "96.5%"),
        (99.9, "99.9%"),
        (99.91, ">99.9%"),
        (99.99999, ">99.9%"),
        (100.0, "100%"),
    ],
)
def test_rates_are_never_all_or_nothing_where_they_are_not(percent: float | None, text: str) -> None:
    assert rate(percent) == text


def test_shares_and_changes() -> None:
    assert [share(part, 1000) for part in (0, 1, 9, 10, 505, 991, 1000)] == [
        "0%",
        "<1%",
        "<1%",
        "1%",
        "50%",
        ">99%",
        "100%",
    ]
    assert share(0, 0) == "0%"
    assert [signed(number) for number in (-1234, 0, 5)] == ["−1,234", "±0", "+5"]
    assert [signed(number, ".1f") for number in (-0.04, 0.5)] == ["±0", "+0.5"]


def test_languages_have_the_same_words_with_the_same_names() -> None:
    found = {
        tag: tomllib.loads((ROOT / f"src/inalign/summary/texts/{tag}.toml").read_text("utf-8")) for tag in LANGUAGES
    }
    english, japanese = found["en"], found["ja"]
    assert english.keys() == japanese.keys()
    for table in english.keys() - {"glossary"}:
        assert english[table].keys() == japanese[table].keys()
        for key, text in english[table].items():
            if table != "period":  # a month has no short form in Japanese
                assert _names(text) == _names(japanese[table][key]), key
    assert len(english["glossary"]) == len(japanese["glossary"])


def _names(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_every_word_is_used() -> None:
    source = "".join(path.read_text("utf-8") for path in (ROOT / "src/inalign/summary").glob("*.py"))
    english = tomllib.loads((ROOT / "src/inalign/summary/texts/en.toml").read_text("utf-8"))
    made_up = {"glossary", "state", "title", "period", "figure", "class4", "headline"}
    for table in english.keys() - made_up:
        for key in english[table]:
            stem = re.sub(r"_(month|week)$", "", key)
            assert f'"{table}.{key}"' in source or f'"{table}.{stem}"' in source or f'"{key}"' in source, (table, key)
    assert words_module.MAX_NAME == MAX_NAME
