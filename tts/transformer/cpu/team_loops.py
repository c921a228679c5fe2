"""What threads at one piece of work tell each other: a team.

The work is cut into tickets, and each thread takes the next one that nobody has taken. So no thread
waits for work that another has not begun: on a busy machine, where the others may not run at all,
the first does everything.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

Team = NDArray[np.int64]

TICKETS, DONE, STOP, JOB = 0, 8, 16, 24
"""Places in it, the first three in cache lines of their own; from JOB on stands what to do."""
_SIZE = 48


def new_team() -> Team:
    """Nobody at work yet."""
    return np.zeros(_SIZE, np.int64)


def _place(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    team = context.make_array(signature.args[0])(context, builder, values[0])
    return builder.gep(team.data, [values[1]])


def _add(typing: Any, team: Any, place: Any, value: Any) -> Any:
    """Add to a number that others add to; what it was."""
    del typing, value

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        where = _place(context, builder, signature, values)
        return builder.atomic_rmw("add", where, values[2], "seq_cst")

    return types.int64(team, place, types.int64), generate


def _put(typing: Any, team: Any, place: Any, value: Any) -> Any:
    """Set a number, after all that was written before."""
    del typing, value

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        where = _place(context, builder, signature, values)
        builder.store_atomic(values[2], where, "seq_cst", 8)
        return context.get_dummy_value()

    return types.void(team, place, types.int64), generate


def _get(typing: Any, team: Any, place: Any) -> Any:
    """A number as it is now, before all that is read after."""
    del typing

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.load_atomic(_place(context, builder, signature, values), "seq_cst", 8)

    return types.int64(team, place), generate


def _pointer(typing: Any, address: Any) -> Any:
    """What lies at an address (`x.ctypes.data`), for `numba.carray`."""
    del typing

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        del context, signature
        return builder.inttoptr(values[0], ir.IntType(8).as_pointer())

    return types.voidptr(address), generate


add: Any = intrinsic(_add)
put: Any = intrinsic(_put)
get: Any = intrinsic(_get)
pointer: Any = intrinsic(_pointer)
