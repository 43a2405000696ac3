"""The templates of a node: built when they are wanted, and again only when something changed."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Final

from node.templates.assembly import Assembler, TemplateError, with_present_time

if TYPE_CHECKING:
    from node.context import NodeContext
    from node.templates.options import MiningPolicy, TemplateOptions
    from node.templates.template import Template
    from primitives.block import BlockHeader

_KEPT: Final = 8
"""Kinds of templates that are kept to be served again."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What would go into a block, and as of when."""

    previous: bytes
    """The block it would build on."""
    fees: int
    template: Template | None
    """None where nobody wanted it for these fees."""
    changes: int
    """How often the mempool had changed."""
    started: float
    """By time.monotonic()."""


class TemplateSource:
    """Serves the templates of one node. Thread-safe."""

    def __init__(self, node: NodeContext, policy: MiningPolicy) -> None:
        """Look at the mempool that `node` has by the time it is asked."""
        self._node = node
        self.policy = policy
        self._assembler = Assembler(node, policy)
        self._known: OrderedDict[TemplateOptions, _Known] = OrderedDict()
        self._lock = threading.Lock()

    def changes(self) -> int:
        """Return how often the mempool has changed."""
        mempool = self._node.mempool
        return 0 if mempool is None else mempool.transactions_updated

    def header(self, template: Template) -> BlockHeader:
        """Return the header of a template with the present time, as long as it is on the tip."""
        chainstate = self._node.chainstate
        tip = chainstate.tip()
        if tip.hash != template.header.previous:
            return template.header
        return with_present_time(template.header, chainstate, self._node.clock, tip)

    def create(self, options: TemplateOptions, since: float = inf) -> Template:
        """Return a template as good as one built now, or at any time after `since`, by time.monotonic().

        Raises OptionsError, TemplateError, ClosedError, KernelSymbolsError.
        """
        template = self.create_if(options, None, since)
        if template is None:
            raise TemplateError("No template was built")
        return template

    def create_if(self, options: TemplateOptions, least_fees: int | None, since: float) -> Template | None:
        """Return a template as `create` does, None if it has less fees."""
        known = self._find(options, since)
        if known is None or known.template is None:
            # Who comes while one is being built need not build another.
            with self._node.chainstate.processing:
                known = self._find(options, since)
                if known is None or (known.template is None and _is_enough(known.fees, least_fees)):
                    known = self._build(options, least_fees)
        return known.template if _is_enough(known.fees, least_fees) else None

    def create_apart(self, options: TemplateOptions) -> Template:
        """Build a template that nobody else will ask for. Raises as `create`."""
        with self._node.chainstate.processing:
            return self._assembler.complete(self._assembler.choose(options))

    def _find(self, options: TemplateOptions, since: float) -> _Known | None:
        with self._lock:
            known = self._known.get(options)
            if known is None or known.previous != self._node.chainstate.tip().hash:
                return None
            unchanged = not options.use_mempool or known.changes == self.changes()
            if not unchanged and known.started < since:
                return None
            self._known.move_to_end(options)
        return known

    def _build(self, options: TemplateOptions, least_fees: int | None) -> _Known:
        choice = self._assembler.choose(options)
        fees = choice.selection.fees
        template = self._assembler.complete(choice) if _is_enough(fees, least_fees) else None
        known = _Known(choice.tip.hash, fees, template, choice.changes, choice.started)
        with self._lock:
            self._known[options] = known
            self._known.move_to_end(options)
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return known

    def forget(self) -> None:
        """Keep nothing any more: the tip is another."""
        with self._lock:
            self._known.clear()


def _is_enough(fees: int, least: int | None) -> bool:
    return least is None or fees >= least
