"""A reader of pickles that builds arrays and plain containers, and nothing else.

A pickle is a program for a small stack machine: it may call whatever it can name. This is such a machine with the
instructions that arrays, numbers, text and containers need, and with one short table of names, each standing for a
function of this module. Nothing is imported for a pickle; every other name or instruction is refused before anything
is done. Time and memory are bounded by the size of the file: keys are text, bytes or integers (the hash of a nested
tuple may take for ever), bytes are shared and not copied.
Source: the opcodes as `pickletools` of the standard library documents them.
"""

import math
import pickletools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

MAX_SIDES: Final = 64
"""Most sides of an array, as numpy has it."""

MAX_BITS: Final = 64
"""Longest whole number, in bits. Products of longer ones, and their digits in a message, take time without bound."""

MAX_INSTRUCTIONS: Final = 1 << 20
"""Most instructions; arrays are one each, so that files of real tools have some hundreds."""

_NUMBER_TYPE: Final = re.compile(r"([<>|=]?)(f[248]|[iu][1248]|b1|O8?)")
_OBJECT: Final = "O"


class Refused(Exception):  # noqa: N818 - it says what happened to the file
    """A pickle names something that is not in the table, or uses what is there for something else."""


def short(value: object) -> str:
    """A value for a message; never the whole of a structure, whose text may be endless."""
    plain = isinstance(value, str | bytes | int | float | bool | None)
    return repr(value[:40] if isinstance(value, str | bytes) else value) if plain else type(value).__name__


class DType:
    """A number type as pickles of numpy's write it.

    Args:
        text: "f8", "<f4", "i8", ...
        objects: True also takes "O8", references to Python objects.
    """

    def __init__(self, text: object, *, objects: bool = False) -> None:
        found = _NUMBER_TYPE.fullmatch(text) if isinstance(text, str) else None
        if found is None or (found[2][0] == _OBJECT and not objects):
            raise Refused(f"it holds values of type {short(text)}")
        self._order, self._text = found[1], found[2].removesuffix("8") if found[2][0] == _OBJECT else found[2]

    def build(self, state: object) -> None:
        """Version, byte order, then the fields and sizes of structured types, which there must be none of."""
        if not isinstance(state, tuple) or len(state) < 5 or any(part is not None for part in state[2:5]):
            raise Refused("it holds a structured type")
        if not isinstance(state[1], str) or state[1] not in "<>|=":
            raise Refused(f"it holds the byte order {short(state[1])}")
        self._order = state[1]

    @property
    def is_object(self) -> bool:
        """True for references to Python objects, which are read one at a time (numpy.save of a dict)."""
        return self._text == _OBJECT

    @property
    def numpy(self) -> np.dtype[Any]:
        """As numpy has it."""
        return np.dtype(self._order + self._text)


class Array:
    """An array on its way: made empty, given its values by a later instruction.

    Attributes:
        values: The array, None until it is complete.
        single: The only element of an array of one Python object.
    """

    def __init__(self, values: npt.NDArray[Any] | None = None) -> None:
        self.values = values
        self.single: object = None

    def build(self, state: object) -> None:
        """(version, shape, type, Fortran order, bytes), as `ndarray.__reduce__` writes it."""
        if not isinstance(state, tuple) or len(state) != 5:
            raise Refused("it gives an array a state that numpy does not write")
        _, shape, dtype, fortran, data = state
        if isinstance(dtype, DType) and dtype.is_object and isinstance(data, list) and len(data) == 1:
            self.single = data[0]
            return
        self.values = _array(data, dtype, shape, fortran is True)


def counts(value: object, what: str) -> tuple[int, ...]:
    """Sides, strides: integers, none negative.

    Raises:
        Refused: something else.
    """
    # The number of sides comes first: a long tuple that is used again and again would be walked each time.
    fits = isinstance(value, tuple) and len(value) <= MAX_SIDES
    if not isinstance(value, tuple) or not fits or not all(type(part) is int and part >= 0 for part in value):
        if isinstance(value, tuple) and not fits:
            raise Refused(f"{what}, {len(value):,} of them; at most {MAX_SIDES} are read")
        raise Refused(f"{what} of {', '.join(map(short, value)) if isinstance(value, tuple) else short(value)}"[:100])
    return value


def _array(data: object, dtype: object, shape: object, fortran: bool) -> npt.NDArray[Any]:
    if not isinstance(data, bytes) or not isinstance(dtype, DType) or dtype.is_object:
        raise Refused("it holds an array without bytes or without a number type (an array of Python objects)")
    sides = counts((shape,) if isinstance(shape, int) else shape, "it holds an array with sides")
    if math.prod(sides) * dtype.numpy.itemsize != len(data):
        raise Refused(f"it holds an array of {len(data):,} bytes that says {sides[:8]} {dtype.numpy}")
    return np.frombuffer(data, dtype.numpy).reshape(sides, order="F" if fortran else "C")


@dataclass(frozen=True)
class Callee:
    """A function that a pickle may call.

    Attributes:
        call: What it does, with the arguments that the pickle gives.
    """

    call: Callable[..., object]


def _reconstruct(kind: object, *_: object) -> Array:
    """The empty array that numpy's pickles begin with."""
    if kind is not NDARRAY:
        raise Refused("it holds an array of a class of its own")
    return Array()


def _from_buffer(data: object, dtype: object, shape: object, order: object) -> Array:
    """As protocol 5 writes arrays."""
    return Array(_array(data, dtype, shape, order == "F" if isinstance(order, str) else False))


def _scalar(dtype: object, data: object) -> Any:
    return _array(data, dtype, (), False).item()


def _mapping(items: object = ()) -> dict[Any, object]:
    """An ordered dict."""
    made: dict[Any, object] = {}
    if not isinstance(items, list | tuple) or not all(
        isinstance(item, list | tuple) and len(item) == 2 for item in items
    ):
        raise Refused("it holds a mapping that is not made of pairs")
    for key, value in items:
        made[_key(key)] = value
    return made


def _key(key: object) -> str | bytes | int:
    if not isinstance(key, str | bytes | int):
        raise Refused(f"it holds a mapping with a key of type {type(key).__name__}")
    return key


WITH_OBJECTS: Final[Mapping[str, object]] = {"numpy.dtype": Callee(lambda text, *_: DType(text, objects=True))}
"""What numpy.save writes of a dict names: an array of one object, the dict."""

NDARRAY: Final = object()
EASY_DICT: Final = object()
ENCODE: Final = object()

_NUMPY: Final = {
    "multiarray._reconstruct": Callee(_reconstruct),
    "multiarray.scalar": Callee(_scalar),
    "numeric._frombuffer": Callee(_from_buffer),
}
KNOWN: Final[Mapping[str, object]] = {
    **{f"numpy.{core}.{name}": callee for core in ("core", "_core") for name, callee in _NUMPY.items()},
    "numpy.ndarray": NDARRAY,
    "numpy.dtype": Callee(lambda text, *_: DType(text)),
    "_codecs.encode": ENCODE,
    **{f"{module}.bytes": Callee(lambda: b"") for module in ("__builtin__", "builtins")},  # as protocol 2 writes b""
    "collections.OrderedDict": Callee(_mapping),
    "dnnlib.util.EasyDict": EASY_DICT,
}
"""What a pickle may name -> its replacement."""

_PUSHED: Final = frozenset(
    {"INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"}
    | {"UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "STRING", "BINSTRING", "SHORT_BINSTRING"}
    | {"BINBYTES", "SHORT_BINBYTES", "BINBYTES8"}
)
_CONSTANTS: Final = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_TUPLES: Final = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_MARK: Final = object()


class Reader:
    """The machine.

    Args:
        data: The pickle.
        known: Names that may be used beside `KNOWN`.
        storage: What a persistent id means, None where there must be none.
    """

    def __init__(
        self,
        data: bytes,
        known: Mapping[str, object] | None = None,
        storage: Callable[[object], object] | None = None,
    ) -> None:
        self._data = data
        self._known = {**KNOWN, **(known or {})}
        self._storage = storage
        self._stack: list[object] = []
        self._memo: dict[int, object] = {}
        self._left = 2 * len(data)  # characters that may still be turned into bytes, pairs into mappings

    def load(self) -> object:
        """Runs it.

        Raises:
            Refused: it asks for what is not there.
            ValueError: it is damaged.
        """
        for count, (opcode, argument, _) in enumerate(pickletools.genops(self._data)):
            if opcode.name == "STOP":
                return self._pop()
            if count == MAX_INSTRUCTIONS:
                raise Refused(f"it has more than {MAX_INSTRUCTIONS:,} instructions")
            self._step(opcode.name, argument)
        raise ValueError("it has no end")

    def _step(self, name: str, argument: Any) -> None:
        stack = self._stack
        if name in _PUSHED:
            if isinstance(argument, int) and argument.bit_length() > MAX_BITS:
                raise Refused(f"it holds a whole number of {argument.bit_length():,} bits")
            stack.append(argument)
        elif name == "BYTEARRAY8":
            stack.append(bytes(argument))
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in _TUPLES:
            parts = [self._pop() for _ in range(_TUPLES[name])]
            stack.append(tuple(reversed(parts)))
        elif name in ("PROTO", "FRAME"):
            pass
        elif (step := getattr(self, f"_on_{name.lower()}", None)) is not None:
            step(argument)
        else:
            raise Refused(f"it uses the instruction {name}")

    def _pop(self) -> object:
        if not self._stack or self._stack[-1] is _MARK:
            raise ValueError("it takes from an empty stack")
        return self._stack.pop()

    def _pop_to_mark(self) -> list[object]:
        parts: list[object] = []
        while self._stack and self._stack[-1] is not _MARK:
            parts.append(self._stack.pop())
        if not self._stack:
            raise ValueError("it looks for a mark that is not there")
        self._stack.pop()
        return parts[::-1]

    def _on_mark(self, _: object) -> None:
        self._stack.append(_MARK)

    def _on_pop(self, _: object) -> None:
        if not self._stack:
            raise ValueError("it takes from an empty stack")
        self._stack.pop()

    def _on_pop_mark(self, _: object) -> None:
        self._pop_to_mark()

    def _on_dup(self, _: object) -> None:
        top = self._pop()
        self._stack += [top, top]

    def _on_put(self, place: int) -> None:
        top = self._pop()
        self._memo[place] = top
        self._stack.append(top)

    _on_binput = _on_long_binput = _on_put

    def _on_memoize(self, _: object) -> None:
        self._on_put(len(self._memo))

    def _on_get(self, place: int) -> None:
        if place not in self._memo:
            raise ValueError(f"it remembers nothing at {place}")
        self._stack.append(self._memo[place])

    _on_binget = _on_long_binget = _on_get

    def _on_tuple(self, _: object) -> None:
        parts = self._pop_to_mark()
        self._stack.append(tuple(parts))

    def _on_empty_list(self, _: object) -> None:
        self._stack.append([])

    def _on_list(self, _: object) -> None:
        parts = self._pop_to_mark()
        self._stack.append(parts)

    def _on_append(self, _: object) -> None:
        self._extend([self._pop()])

    def _on_appends(self, _: object) -> None:
        self._extend(self._pop_to_mark())

    def _extend(self, parts: list[object]) -> None:
        held = self._pop()
        if not isinstance(held, list):
            raise Refused(f"it appends to {short(held)}")
        held += parts
        self._stack.append(held)

    def _on_empty_dict(self, _: object) -> None:
        self._stack.append({})

    def _on_dict(self, _: object) -> None:
        parts = self._pop_to_mark()
        self._stack.append({})
        self._set_items(parts)

    def _on_setitem(self, _: object) -> None:
        value, key = self._pop(), self._pop()
        self._set_items([key, value])

    def _on_setitems(self, _: object) -> None:
        self._set_items(self._pop_to_mark())

    def _set_items(self, parts: list[object]) -> None:
        held = self._pop()
        if not isinstance(held, dict) or len(parts) % 2:
            raise Refused(f"it sets items of {short(held)}")
        for key, value in zip(parts[::2], parts[1::2], strict=True):
            held[_key(key)] = value
        self._stack.append(held)

    def _on_global(self, argument: str) -> None:
        self._name(argument.replace(" ", ".", 1))

    def _on_stack_global(self, _: object) -> None:
        name, module = self._pop(), self._pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise Refused("it names something by a value that isn't text")
        self._name(f"{module}.{name}")

    def _name(self, name: str) -> None:
        if name not in self._known:
            raise Refused(f"it asks for {name[:80]}, which is code and not data")
        self._stack.append(self._known[name])

    def _on_reduce(self, _: object) -> None:
        arguments, callee = self._pop(), self._pop()
        if not isinstance(arguments, tuple):
            raise Refused("it calls something without arguments")
        try:
            if callee is ENCODE:
                self._stack.append(self._encoded(*arguments))
            elif isinstance(callee, Callee):
                if callee.call is _mapping and arguments and isinstance(arguments[0], list | tuple):
                    self._spend(len(arguments[0]), "makes mappings of the same pairs")
                self._stack.append(callee.call(*self._bytes_of_old_text(callee, arguments)))
            else:
                raise Refused(f"it calls {short(callee)}")
        except TypeError as error:
            raise Refused(f"it calls something with {len(arguments)} arguments that takes others") from error

    def _bytes_of_old_text(self, callee: Callee, arguments: tuple[object, ...]) -> Sequence[object]:
        """Python 2 wrote the value of a numpy number as text."""
        if callee.call is _scalar and len(arguments) == 2 and isinstance(arguments[1], str):
            return [arguments[0], self._encoded(arguments[1])]
        return arguments

    def _encoded(self, text: object, encoding: object = "latin1") -> bytes:
        """How protocol 2 writes bytes, and Python 2 all of them."""
        if not isinstance(text, str) or encoding != "latin1":
            raise Refused(f"it holds bytes in encoding {short(encoding)}, which pickles do not use")
        self._spend(len(text), "turns the same text into bytes")
        return text.encode("latin1")

    def _spend(self, work: int, what: str) -> None:
        """Counts work that an instruction of a few bytes may ask for again and again.

        Raises:
            Refused: more than a file of this size has reason to.
        """
        self._left -= work
        if self._left < 0:
            raise Refused(f"it {what} again and again")

    def _on_build(self, _: object) -> None:
        state, made = self._pop(), self._pop()
        if not isinstance(made, Array | DType):
            raise Refused(f"it gives a state to {short(made)}")
        if isinstance(made, Array) and isinstance(state, tuple) and len(state) == 5 and isinstance(state[4], str):
            state = (*state[:4], self._encoded(state[4]))
        made.build(state)
        self._stack.append(made)

    def _on_newobj(self, _: object) -> None:
        arguments, kind = self._pop(), self._pop()
        if kind is not EASY_DICT or arguments != ():
            raise Refused(f"it makes an object of {short(kind)}")
        self._stack.append({})

    def _on_binpersid(self, _: object) -> None:
        pid = self._pop()
        if self._storage is None:
            raise Refused("it points to something outside of itself")
        self._stack.append(self._storage(pid))


def value_at(tree: object, keys: Sequence[str]) -> object:
    """The value under a path of keys in nested dicts, arrays unwrapped; None where there is nothing."""
    for key in keys:
        if not isinstance(tree, dict) or key not in tree:
            return None
        tree = tree[key]
    return tree.values if isinstance(tree, Array) else tree
