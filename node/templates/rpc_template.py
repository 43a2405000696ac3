"""The template that clients of JSON-RPC share: it is built anew for another tip, else every few seconds at most.

(Core: the static variables of getblocktemplate in src/rpc/mining.cpp.)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import orjson

from node.templates.options import TemplateOptions
from primitives.transaction import WITNESS_SCALE_FACTOR

if TYPE_CHECKING:
    from node.context import NodeContext
    from node.templates.source import TemplateSource
    from node.templates.template import Template
    from primitives.block import BlockHeader

_LEAST_AGE: Final = 5
"""Seconds a template is served though the mempool has changed."""


@dataclass(frozen=True, slots=True)
class ServedTemplate:
    """A template, and what is told with it."""

    template: Template
    header: BlockHeader
    """With the present time."""
    transactions: orjson.Fragment
    """Their JSON."""
    changes: int
    """How often the mempool had changed when it was built."""
    built_at: int


class RpcTemplate:
    """What is served now. Thread-safe."""

    def __init__(self, source: TemplateSource, node: NodeContext) -> None:
        """Take templates from `source`."""
        self._source = source
        self._node = node
        self._served: ServedTemplate | None = None
        self._changes = 0

    @property
    def changes(self) -> int:
        """How often the mempool had changed when the last template was built; 0 before there was one."""
        return self._changes

    def current(self) -> ServedTemplate:
        """Return what is served now. Raises as TemplateSource.create."""
        served = self._find()
        if served is None:
            with self._node.chainstate.processing:
                served = self._find() or self._build()
        header = self._source.header(served.template)
        # Its time never goes back.
        return replace(served, header=max(header, served.header, key=lambda one: one.time))

    def _find(self) -> ServedTemplate | None:
        served = self._served
        if served is None or served.header.previous != self._node.chainstate.tip().hash:
            return None
        changed = self._source.changes() != served.changes
        return None if changed and self._node.clock.now() - served.built_at > _LEAST_AGE else served

    def _build(self) -> ServedTemplate:
        node = self._node
        changes, now = self._source.changes(), node.clock.now()
        template = self._source.create(TemplateOptions(reserved_weight=node.mining.reserved_weight))
        with node.chainstate.symbols() as symbols:
            scale = 1 if template.height >= symbols.segwit_height else WITNESS_SCALE_FACTOR
        transactions = orjson.Fragment(_json(template, scale))
        self._changes = changes
        self._served = ServedTemplate(template, template.header, transactions, changes, now)
        return self._served

    def forget(self) -> None:
        """Keep nothing any more: the tip is another."""
        self._served = None


def _json(template: Template, scale: int) -> bytes:
    """Write the transactions; sigops are divided by `scale`."""
    places = {txid: index for index, txid in enumerate(template.txids, 1)}
    known = places.get
    entries = []
    for number, txid in enumerate(template.txids):
        before = [known(prevout[:32], 0) for prevout in template.prevouts[number]]
        entries.append(
            {
                "data": template.transactions[number].hex(),
                "txid": txid[::-1].hex(),
                "hash": template.wtxids[number][::-1].hex(),
                "depends": [index for index in before if index],
                "fee": template.fees[number],
                "sigops": template.sigops[number] // scale,
                "weight": template.weights[number],
            }
        )
    return orjson.dumps(entries)
