"""The templates of a node: built when they are wanted, and again only when something changed."""

from __future__ import annotations

import threading
import time
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
class _Built:
    """A template, and as of when."""

    template: Template
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
        self._built: OrderedDict[TemplateOptions, _Built] = OrderedDict()
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
        found = self.create_if(options, 0, since)
        if found is None:
            raise TemplateError("The fees of a block are negative")
        return found

    def create_if(self, options: TemplateOptions, least_fees: int, since: float) -> Template | None:
        """Return a template as `create` does, None if it has less fees."""
        found = self._find(options, since)
        if found is None:
            # Who comes while one is being built need not build another.
            with self._node.chainstate.processing:
                found = self._find(options, since) or self._build(options, least_fees)
        return found if found is not None and found.total_fees >= least_fees else None

    def create_apart(self, options: TemplateOptions) -> Template:
        """Build a template that nobody else will ask for. Raises as `create`."""
        found = self._assembler.assemble(options)
        if found is None:
            raise TemplateError("The fees of a block are negative")
        return found[0]

    def _find(self, options: TemplateOptions, since: float) -> Template | None:
        with self._lock:
            built = self._built.get(options)
            if built is None or built.template.header.previous != self._node.chainstate.tip().hash:
                return None
            unchanged = not options.use_mempool or built.changes == self.changes()
            if not unchanged and built.started < since:
                return None
            self._built.move_to_end(options)
        return built.template

    def _build(self, options: TemplateOptions, least_fees: int) -> Template | None:
        started = time.monotonic()
        found = self._assembler.assemble(options, least_fees)
        if found is None:
            return None
        template, changes = found
        with self._lock:
            self._built[options] = _Built(template, changes, started)
            self._built.move_to_end(options)
            while len(self._built) > _KEPT:
                self._built.popitem(last=False)
        return template

    def forget(self) -> None:
        """Keep nothing any more: the tip is another."""
        with self._lock:
            self._built.clear()
