"""All descriptors of a wallet: which one knows a script, and which make new addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from primitives.descriptor import OutputType
from primitives.musig import NonceStore
from wallet.errors import CorruptWalletError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from wallet.descriptor_keys import DescriptorKeys
    from wallet.records import Records
    from wallet.watch import Watch

KINDS: Final = (OutputType.LEGACY, OutputType.P2SH_SEGWIT, OutputType.BECH32, OutputType.BECH32M)
"""The kinds of addresses, in the order of their numbers in the database."""


def _nothing() -> None:
    pass


class Descriptors:
    """The descriptors. All under the wallet's lock."""

    def __init__(self, records: Records, encryption_key: Callable[[], bytes | None], watch: Watch) -> None:
        """Start with none; `encryption_key` returns what decrypts private keys, None while the wallet is locked."""
        self._watch = watch
        self._records = records
        self._encryption_key = encryption_key
        self._nonces = NonceStore()
        self.by_id: dict[bytes, DescriptorKeys] = {}
        self.scripts: dict[bytes, tuple[DescriptorKeys, ...]] = {}
        """Who knows each script of the wallet."""
        self._active: dict[tuple[OutputType, bool], DescriptorKeys] = {}
        self.on_active: Callable[[], None] = _nothing
        """Hears that others make addresses than before."""

    def add(self, keys: DescriptorKeys) -> None:
        """Take a descriptor and, from now on, its scripts. One of the same id gives way."""
        old = self.by_id.get(keys.id)
        if old is not None:
            self._replace(old, keys)
        self.by_id[keys.id] = keys
        alone = (keys,)

        def take(scripts: Iterable[bytes]) -> None:
            scripts = list(scripts)
            self._watch.add_scripts(scripts)
            known = self.scripts
            for script in scripts:
                others = known.get(script)
                if others is None:
                    known[script] = alone
                elif keys not in others:
                    known[script] = (*others, keys)

        keys.encryption_key = self._encryption_key
        keys.nonces = self._nonces
        keys.on_scripts = take
        take(keys.scripts())

    def _replace(self, old: DescriptorKeys, new: DescriptorKeys) -> None:
        old.on_scripts = None
        for script in old.scripts():
            others = tuple(each for each in self.scripts.get(script, ()) if each is not old)
            if others:
                self.scripts[script] = others
            else:
                self.scripts.pop(script, None)
        for place, keys in self._active.items():
            if keys is old:
                self._active[place] = new

    def load_active(self) -> None:
        """Read which descriptors make addresses. Raises CorruptWalletError if one is not there."""
        for internal in (False, True):
            for kind, name in self._records.active_descriptors(internal=internal).items():
                if kind >= len(KINDS) or name not in self.by_id:
                    raise CorruptWalletError("An active descriptor is not there")
                self._active[KINDS[kind], internal] = self.by_id[name]

    def active(self, kind: OutputType, *, internal: bool) -> DescriptorKeys | None:
        """Return what makes addresses of a kind, for change or not; None if nothing does."""
        return self._active.get((kind, internal))

    def all_active(self) -> Iterator[tuple[OutputType, bool, DescriptorKeys]]:
        """Return all that make addresses: the kind, whether for change, and the descriptor."""
        return ((kind, internal, keys) for (kind, internal), keys in self._active.items())

    def activate(self, keys: DescriptorKeys, kind: OutputType, *, internal: bool) -> None:
        """Let a descriptor make addresses of a kind, and no longer those of the other side, change or not."""
        self._records.write_active_descriptor(KINDS.index(kind), keys.id, internal=internal)
        self._records.database.on_commit(lambda: self._take_active(keys, kind, internal=internal))
        if self._active.get((kind, not internal)) is keys:
            self.deactivate(keys, kind, internal=not internal)

    def deactivate(self, keys: DescriptorKeys, kind: OutputType, *, internal: bool) -> None:
        """Let a descriptor make no addresses of a kind, if it does."""
        if self._active.get((kind, internal)) is keys:
            self._records.erase_active_descriptor(KINDS.index(kind), internal=internal)
            self._records.database.on_commit(lambda: self._forget_active(keys, kind, internal=internal))

    def _take_active(self, keys: DescriptorKeys, kind: OutputType, *, internal: bool) -> None:
        self._active[kind, internal] = keys
        self.on_active()

    def _forget_active(self, keys: DescriptorKeys, kind: OutputType, *, internal: bool) -> None:
        if self._active.get((kind, internal)) is keys:
            del self._active[kind, internal]
            self.on_active()

    def is_internal(self, keys: DescriptorKeys) -> bool | None:
        """Whether a descriptor makes change; None if it makes no addresses."""
        for (_, internal), active in self._active.items():
            if active is keys:
                return internal
        return None

    def of(self, script: bytes) -> tuple[DescriptorKeys, ...]:
        """Return all that know a script."""
        return self.scripts.get(script, ())

    def mark_used(self, script: bytes) -> list[bytes]:
        """Note that a script was used, and return those of receiving addresses that count as used only now."""
        received = []
        for keys in self.of(script):
            used = keys.mark_used(script)
            if used and self.is_internal(keys) is False:
                received += used
        return received
