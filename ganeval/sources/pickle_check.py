"""Looks at the instructions of a pickle before any is followed: none that fills the memory or the time.

An unpickler that resolves no name runs no code, and can still be made to work for ever: "remember this as number 2^32"
makes a table of 64 GiB, and a tuple of a tuple of a tuple, each of them twice the one before, takes 2^60 steps to hash.
"""

import pickletools
from typing import Final

_SIMPLE: Final = frozenset(
    {
        *("PROTO", "FRAME", "STOP", "MARK", "NONE", "NEWTRUE", "NEWFALSE", "INT", "BININT", "BININT1", "BININT2"),
        *("LONG", "LONG1", "BINFLOAT", "FLOAT", "APPEND", "APPENDS", "SETITEM", "SETITEMS", "BUILD"),
        *("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE", "GET", "BINGET", "LONG_BINGET"),
    }
)
# These leave something new on the stack that is worth remembering. Copying the stack (DUP), taking from it (POP) and
# making objects of classes (INST, OBJ, NEWOBJ) belong to neither.
_MAKERS: Final = frozenset(
    {
        *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
        *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "EMPTY_LIST", "LIST", "EMPTY_DICT", "DICT", "EMPTY_TUPLE"),
        *("TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "GLOBAL", "STACK_GLOBAL", "REDUCE"),
    }
)
_KNOWN: Final = _SIMPLE | _MAKERS
MAX_MEMO: Final = 1 << 20  # entries; a CIFAR-10 batch of 10,000 images has at most 30,000


def check_instructions(data: bytes) -> None:
    """Refuses a pickle that could do more than build plain data in proportion to its size.

    Raises:
        ValueError: an instruction beyond plain data, a memo out of proportion, a tuple that is used twice.
        Exception: whatever pickletools makes of nonsense.
    """
    before, entries, tuples = "", 0, set[int]()
    for opcode, argument, _ in pickletools.genops(data):
        name = opcode.name
        if name not in _KNOWN:
            raise ValueError(f"it holds the pickle instruction {name}")
        if name == "MEMOIZE" or name.endswith("PUT"):
            place = entries if argument is None else int(argument)
            if not 0 <= place < MAX_MEMO:
                raise ValueError(f"its memo would have {place:,} entries; at most {MAX_MEMO:,} are made")
            if before not in _MAKERS:
                raise ValueError(f"it remembers what the pickle instruction {before or 'before the first'} left")
            entries += 1
            if before.startswith("TUPLE"):
                tuples.add(place)
        elif name.endswith("GET") and argument is not None and int(argument) in tuples:
            raise ValueError("it uses a tuple twice")
        if name not in ("PROTO", "FRAME"):
            before = name
