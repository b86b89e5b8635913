"""Near-duplicates among many perceptual hashes."""

from collections.abc import Iterator
from itertools import combinations, pairwise
from math import comb

import numpy as np
from numpy.typing import NDArray

MAX_PAIRS = 20_000_000
"""So many pairs take about 2 GB; more of them mean that the distance tells nothing about these pictures."""

_BITS = 64


def near_duplicates(hashes: NDArray[np.uint64], rank: NDArray[np.int64], distance: int) -> NDArray[np.int64]:
    """The better picture that each picture nearly repeats.

    Pictures are taken from the best down: one within `distance` of a kept picture is dropped for it, any other is
    kept. So whatever is dropped resembles something that is kept, which chains of resemblances would not promise.

    Args:
        hashes: (N,) 64-bit hashes.
        rank: (N,) each number once; the lowest is the best.
        distance: hashes that differ in at most so many bits are near-duplicates; below 0 none are.

    Returns:
        (N,) the index of the kept picture, -1 for those that are kept themselves.

    Raises:
        ValueError: more than MAX_PAIRS pairs are near-duplicates.
    """
    kept_for = np.full(len(hashes), -1, np.int64)
    if distance < 0 or len(hashes) < 2:
        return kept_for
    # Equal hashes first: a thousand copies of one picture would be half a million pairs.
    by_rank = np.argsort(rank)
    distinct, first, group = np.unique(hashes[by_rank], return_index=True, return_inverse=True)
    best = by_rank[first]
    for one, other in _pairs_from_the_best(distinct, rank[best], distance):
        # All pairs of better pictures were seen before, so whether `one` is kept is settled.
        if kept_for[best[one]] < 0 and kept_for[best[other]] < 0:
            kept_for[best[other]] = best[one]
    own = best[group]
    of_group = np.where(kept_for[own] < 0, own, kept_for[own])
    kept_for[by_rank] = np.where(of_group == by_rank, -1, of_group)
    return kept_for


def _pairs_from_the_best(
    distinct: NDArray[np.uint64], rank: NDArray[np.int64], distance: int
) -> Iterator[tuple[int, int]]:
    """Every close pair (better, worse), sorted by the rank of the worse, then of the better."""
    pairs, count = [], 0
    for mask in _masks(len(distinct), distance):
        for pair in _close_pairs(distinct, mask, distance):
            pairs.append(pair)
            count += len(pair[0])
            if count > MAX_PAIRS:
                raise ValueError(
                    f"--hash-distance {distance}: more than {MAX_PAIRS:,} pairs of pictures are as close as that; "
                    "give a smaller number (nothing is measured again), or -1 to keep near-duplicates"
                )
    if not pairs:
        return
    one, other = (np.concatenate(side) for side in zip(*pairs))
    better = rank[one] < rank[other]
    one, other = np.where(better, one, other), np.where(better, other, one)
    # A pair that agrees in more bands than it must was found more than once.
    _, once = np.unique(rank[other] << 32 | rank[one], return_index=True)
    yield from zip(one[once].tolist(), other[once].tolist())


def _masks(count: int, distance: int) -> list[int]:
    """Bit masks such that two hashes within `distance` are equal under at least one of them.

    The pigeonhole principle: of distance + k bands of bits, at most `distance` hold a difference, so k are equal.
    A larger k means more masks, but far fewer unrelated hashes that are equal under one.
    """

    def work(k: int) -> float:
        bits = _BITS * k / (distance + k)
        return comb(distance + k, k) * (100.0 * count + count * count / 2 ** (bits + 1))  # sorting, comparing

    k = min(range(1, 5), key=work)
    edges = [round(i * _BITS / (distance + k)) for i in range(distance + k + 1)]
    bands = [((1 << high - low) - 1) << low for low, high in pairwise(edges)]
    return [sum(chosen) for chosen in combinations(bands, k)]


def _close_pairs(
    distinct: NDArray[np.uint64], mask: int, distance: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Index pairs within `distance` among the hashes that are equal under the mask."""
    keys = distinct & np.uint64(mask)
    order = np.argsort(keys, kind="stable")
    keys, values = keys[order], distinct[order]
    # Each hash with its next in sorted order, then with the one after that, as long as the keys agree.
    left, step = np.arange(len(values) - 1), 1
    while len(left := left[keys[left] == keys[left + step]]):
        close = left[np.bitwise_count(values[left] ^ values[left + step]) <= distance]
        if len(close):
            yield order[close], order[close + step]
        step += 1
        left = left[left < len(values) - step]
