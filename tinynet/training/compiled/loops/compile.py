"""How functions are compiled, and how they see arrays."""

from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

# Sums may be computed in another order, which vectors of the processor need; nothing assumes that
# numbers are finite.
_OPTIONS = {"error_model": "numpy", "fastmath": {"reassoc", "contract"}}


def compiled(function):
    """Compile it when it is first called by a compiled function."""
    return njit(**_OPTIONS)(function)


def inlined(function):
    """Compile it as a part of the function that calls it.

    Each level of calls is optimized again with all that is below it, which takes seconds.
    """
    return njit(inline="always", **_OPTIONS)(function)


def kept(function):
    """Compile it with all that it calls, and keep the result on the disk where that can be."""
    try:
        return njit(cache=True, **_OPTIONS)(function)
    except RuntimeError:  # there is no folder to write it into
        return njit(**_OPTIONS)(function)


@intrinsic
def borrowed(typing_context, array):
    """The same array for the length of a call, writable, without a count of its references.

    Every slice of an array counts as a reference to it, with an operation of some nanoseconds when
    it begins and when it ends. A step makes a hundred of them.
    """

    def written(context, builder, signature, arguments):
        view = make_array(signature.args[0])(context, builder, arguments[0])
        view.meminfo = cgutils.get_null_value(view.meminfo.type)
        return view._getvalue()

    return array.copy(readonly=False)(array), written


@intrinsic
def float_of_bits(typing_context, bits):
    """The float whose sign, exponent and digits are the bits of an integer."""
    result = {types.int32: types.float32, types.int64: types.float64}[bits]

    def written(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], context.get_value_type(signature.return_type))

    return result(bits), written
