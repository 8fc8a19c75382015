"""Load items and put each where it belongs once it is done: in the store, or in quarantine with the reasons."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence

from inalign.ingest.loader import ItemOutcome, Loader
from inalign.ingest.read import Item, delivery_of, spooled_item
from inalign.spool.deliveries import QuarantineReason, Spool, SpoolUnavailable

log = logging.getLogger("inalign")

MAX_OCTETS = 512 << 20
"""Of an item that is put into the spool from a file, since `Spool.put` takes it whole."""


def spooled_items(spool: Spool, names: Iterable[str]) -> Iterator[Item]:
    """Open the named items of the spool; those that are gone are left out, those that are unreadable go to quarantine.

    Raises `SpoolUnavailable` where the quarantine cannot be written.
    """
    for name in names:
        try:
            yield spooled_item(spool.path(name), name)
        except FileNotFoundError:
            continue
        except (OSError, SpoolUnavailable) as problem:
            log.error("%s in the spool: %s", name, problem)
            spool.refuse(name, [QuarantineReason("spool", str(problem))])


def load_items(
    loader: Loader, spool: Spool, items: Iterable[Item], record: Callable[[ItemOutcome], None]
) -> Sequence[tuple[Item, str]]:
    """Load items into the store of `loader`, and put what holds no report into the quarantine of `spool`.

    `record` gets each outcome while the item still waits in the spool: when the process ends between the two, the
    item is loaded again and found to be a duplicate. Returns the items whose octets cannot be read, with the reason;
    they stay where they are. Raises `StoreError`, `SpoolUnavailable`.
    """

    def done(outcome: ItemOutcome) -> None:
        record(outcome)
        _clear(spool, outcome)

    return loader.load(items, done)


def _clear(spool: Spool, outcome: ItemOutcome) -> None:
    """Remove an item from what waits in the spool, or move it to quarantine."""
    name = outcome.item.spooled
    if not outcome.refused:
        if name:
            spool.remove([name])
        return
    if not name:
        if (outcome.item.length or 0) > MAX_OCTETS:
            return
        name = spool.put(delivery_of(outcome.item))
    spool.refuse(name, outcome.reasons)
