"""The countries of the map."""

from __future__ import annotations

from inalign.web.world import countries, country_name, shade


def test_countries_have_names_and_places() -> None:
    assert country_name("JP", "ja", "?") == "日本"
    assert country_name("JP", "en", "?") == "Japan"
    assert (country_name("", "en", "?"), country_name("XX", "en", "?")) == ("?", "XX")
    known = countries()
    assert len(known) > 240
    assert known["SG"].path == ""
    assert known["SG"].x
    assert all(set(each.path) <= set("Mlz0123456789.- ") for each in known.values())


def test_darker_countries_send_more() -> None:
    assert [shade(share) for share in (1.0, 0.6, 0.3, 0.1, 0.01)] == [1, 1, 2, 3, 4]
