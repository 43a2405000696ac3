"""One method of an interface: its Python signature matched to the schema's, and its messages."""

from __future__ import annotations

import dataclasses
import inspect
import struct
from typing import TYPE_CHECKING, Any, Final, get_type_hints

from interfaces.raises import declared
from ipc.binding.conversion import Pointer
from ipc.binding.layout import Layout, Member, match_members
from ipc.binding.matching import find, unwrap_optional
from ipc.binding.names import has_key, key
from ipc.capnp import messages as m
from ipc.capnp import wire
from ipc.capnp.schema import CONTEXT_ID
from ipc.errors import BindingError, IpcError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ipc.binding.conversion import Give, Take
    from ipc.capnp.schema import Field, Method, Struct
    from ipc.capnp.wire import Message

_ANSWER: Final = struct.Struct("<I")
_ERRORS: Final = (AttributeError, TypeError, KeyError, ValueError, OverflowError, struct.error, IpcError)
THREAD_INDEX: Final = 0
CALLBACK_INDEX: Final = 1
"""Places of the context's threads in the capability table of a call we make."""


class BoundMethod:
    """Writes and reads the calls and results of one method."""

    def __init__(self, interface: type, function: Callable[..., Any], method: Method) -> None:
        """Match them. Raises BindingError."""
        self.interface = interface
        self.schema = method
        self.name = function.__name__
        self.label = f"{method.interface}.{method.name}"
        self.signature = inspect.signature(function)
        where = f"{interface.__name__}.{self.name}"
        try:
            hints = get_type_hints(function)
        except NameError as error:
            raise BindingError(f"{where}: type hints cannot be resolved: {error}") from None
        fields = list(method.params.fields.values())
        self.context: int | None = None
        """Pointer index of the context, None for methods that run on the event loop."""
        if fields and fields[0].type.struct is not None and fields[0].type.struct.id == CONTEXT_ID:
            self.context = fields.pop(0).offset
        params: list[tuple[str, Any]] = []
        for name, parameter in list(self.signature.parameters.items())[1:]:
            if parameter.kind is not parameter.POSITIONAL_OR_KEYWORD:
                raise BindingError(f"{where}.{name}: only plain parameters can cross")
            if name not in hints:
                raise BindingError(f"{where}.{name}: has no type hint")
            params.append((name, hints[name]))
        if "return" not in hints:
            raise BindingError(f"{where}: the result has no type hint")
        self._params = Layout(method.params, match_members(where, params, fields))
        self._errors: list[type[Exception]] = []
        self._match_results(where, hints["return"], declared(function))
        self._call_template, self._call_start = _params_template(method, self.context)
        self._results_template, self._results_start = _results_template(method.results)

    def _match_results(self, where: str, hint: Any, errors: Sequence[type[Exception]]) -> None:
        by_name = {error.__name__: error for error in errors}
        members: list[Member] = []
        fields: list[Field] = []
        for field in self.schema.results.fields.values():
            if field.exception is None:
                fields.append(field)
                continue
            error = by_name.pop(field.exception, None)
            if error is None:
                raise BindingError(f"{where}: '{field.exception}' of the schema is not declared with @raises")
            kind = error if _is_record(error) else str
            conversion = find(kind, field.type, f"{where} raises {error.__name__}")
            members.append(Member(field.name, field, conversion, optional=True))
            self._errors.append(error)
        if by_name:
            raise BindingError(f"{where}: the schema has no field for exception {next(iter(by_name))}")
        inner, _ = unwrap_optional(hint)
        self._cls: type[Any] | None = None
        self._names: list[str] = []
        label = f"{where} result"
        if inner is type(None):
            members += match_members(label, [], fields)
            self._single = False
        elif _is_single(fields):
            name = fields[1 if len(fields) == 2 and key(fields[0].name) == has_key(fields[1].name) else 0].name
            members += match_members(label, [(name, hint)], fields)
            self._single = True
        else:
            if not isinstance(inner, type) or not dataclasses.is_dataclass(inner):
                raise BindingError(f"{label}: several results need a dataclass")
            self._single = False
            self._cls = inner
            self._names = [f.name for f in dataclasses.fields(inner)]
            kinds = get_type_hints(inner)
            members += match_members(label, [(name, kinds[name]) for name in self._names], fields)
        self._results = Layout(self.schema.results, members)

    # The caller's side

    def begin_call(self, arguments: Sequence[Any], give: Give) -> bytearray:
        """Write a call; its context, if any, takes the first two capabilities. Raises EncodeError."""
        buffer = wire.Buffer(self._call_template)
        try:
            self._params.write(buffer, self._call_start, give, *arguments)
        except _ERRORS:
            self._params.check(arguments, f"{self.interface.__name__}.{self.name}: argument ")
            raise
        wire.check_size(buffer)
        return buffer

    def read_results(self, message: Message, payload: m.Payload, take: Take) -> Any:
        """Read results. Raises the declared exception that was answered, RemoteProtocolError."""
        ref = None
        if payload.position is not None:
            ref = message.struct(payload.segment, payload.position, payload.depth)
        count = len(self._errors)
        if count and ref is not None:
            self._raise_answered(message, ref, take)
        values = self._results.read(message, ref or _NOTHING, take)
        if self._single:
            return values[count]
        return self._cls(*values[count:]) if self._cls is not None else None

    def _raise_answered(self, message: Message, ref: wire.StructRef, take: Take) -> None:
        for cls, member in zip(self._errors, self._results.members, strict=False):
            offset = member.field.offset
            if offset < ref.pointers and isinstance(member.conversion, Pointer):
                at = ref.position + (ref.data_words + offset) * 8
                value = member.conversion.read(message, ref.segment, at, ref.depth, take)
                if value is not None:
                    raise value if isinstance(value, cls) else cls(value)

    # The server's side

    def read_params(self, message: Message, payload: m.Payload, take: Take) -> tuple[Any, ...]:
        """Read arguments. Raises RemoteProtocolError."""
        ref = None
        if payload.position is not None:
            ref = message.struct(payload.segment, payload.position, payload.depth)
        return self._params.read(message, ref or _NOTHING, take)

    def copy_results(self, answer: int, written: bytes) -> wire.Buffer:
        """Write results that `begin_results` wrote for another answer; they must hold no capabilities."""
        buffer = wire.Buffer(written)
        _ANSWER.pack_into(buffer, 32, answer & 0xFFFFFFFF)
        return buffer

    def begin_results(self, answer: int, value: Any, give: Give) -> wire.Buffer:
        """Write results. Raises EncodeError."""
        values: tuple[Any, ...] = ()
        if self._single:
            values = (value,)
        elif self._cls is not None:
            values = tuple([getattr(value, name, None) for name in self._names])
        return self._write_results(answer, (*(None,) * len(self._errors), *values), give)

    def begin_error(self, answer: int, error: BaseException, give: Give) -> bytearray | None:
        """Write an exception that the interface declares, None for any other."""
        for i, cls in enumerate(self._errors):
            if isinstance(error, cls):
                buffer = self._blank_results(answer)
                member = self._results.members[i]
                carried: object = error if _is_record(cls) else str(error)
                start = self._results_start + self.schema.results.data_words * 8 + member.field.offset * 8
                if isinstance(member.conversion, Pointer):
                    member.conversion.write(buffer, start, carried, give)
                return buffer
        return None

    def _blank_results(self, answer: int) -> wire.Buffer:
        buffer = wire.Buffer(self._results_template)
        _ANSWER.pack_into(buffer, 32, answer & 0xFFFFFFFF)
        return buffer

    def _write_results(self, answer: int, values: Sequence[Any], give: Give) -> wire.Buffer:
        buffer = self._blank_results(answer)
        try:
            self._results.write(buffer, self._results_start, give, *values)
        except _ERRORS:
            self._results.check(values, f"{self.interface.__name__}.{self.name}: ")
            raise
        wire.check_size(buffer)
        return buffer


_NOTHING: Final = wire.StructRef(0, 0, 0, 0, 1)


def _is_record(cls: type[Any]) -> bool:
    return dataclasses.is_dataclass(cls)


def _is_single(fields: Sequence[Field]) -> bool:
    if len(fields) == 1:
        return True
    if len(fields) != 2:
        return False
    first, second = fields
    return key(second.name) == has_key(first.name) or key(first.name) == has_key(second.name)


def _params_template(method: Method, context: int | None) -> tuple[bytes, int]:
    buffer = m.begin_call(method.interface_id, method.ordinal)
    shape = method.params
    start = wire.put_struct(buffer, m.CALL_CONTENT, shape.data_words, shape.pointers)
    if context is not None:
        threads = wire.put_struct(buffer, start + (shape.data_words + context) * 8, 0, 2)
        wire.put_capability(buffer, threads, THREAD_INDEX)
        wire.put_capability(buffer, threads + 8, CALLBACK_INDEX)
    return bytes(buffer), start


def _results_template(shape: Struct) -> tuple[bytes, int]:
    buffer = m.begin_results(0, release_params=True)
    start = wire.put_struct(buffer, m.RETURN_CONTENT, shape.data_words, shape.pointers)
    return bytes(buffer), start
