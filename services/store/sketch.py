"""How many different ones were seen, in half a kilobyte, adding up over processes: a HyperLogLog. Pure.

A register keeps the longest run of zeros among the hashes that fell to it: nothing of any single hash. With
512 registers a count is right within about 5 %, small ones nearly exactly (linear counting). Flajolet and
others, 2007, "HyperLogLog: the analysis of a near-optimal cardinality estimation algorithm".
"""

from math import log

SIZE = 512
_BITS = 9  # 2⁹ registers
_ALPHA = 0.7213 / (1 + 1.079 / SIZE)


def add(sketch: bytearray, hashed: int) -> None:
    """Note one, by a hash of 64 bits. A repeat changes nothing."""
    place = hashed & (SIZE - 1)
    rest = hashed >> _BITS
    rank = 64 - _BITS - rest.bit_length() + 1
    sketch[place] = max(sketch[place], rank)


def merged(one: bytes, other: bytes) -> bytes:
    """Make the sketch of all that either saw."""
    return bytes(map(max, one, other))


def estimate(sketch: bytes) -> int:
    """Tell how many different ones it saw."""
    empty = sketch.count(0)
    raw = _ALPHA * SIZE * SIZE / sum(2.0**-rank for rank in sketch)
    if raw <= 2.5 * SIZE and empty:
        return round(SIZE * log(SIZE / empty))
    return round(raw)
