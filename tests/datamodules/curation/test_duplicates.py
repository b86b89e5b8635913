import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datamodules.curation import duplicates
from datamodules.curation.duplicates import near_duplicates


def by_hand(hashes, rank, distance):
    kept_for = [-1] * len(hashes)
    order = sorted(range(len(hashes)), key=lambda i: rank[i])
    for place, i in enumerate(order):
        for j in order[:place]:
            if kept_for[j] < 0 and bin(int(hashes[i]) ^ int(hashes[j])).count("1") <= distance:
                kept_for[i] = j
                break
    return kept_for


@given(seed=st.integers(0, 10_000), distance=st.integers(0, 10), count=st.integers(1, 120))
def test_it_finds_what_comparing_all_with_all_finds(seed, distance, count):
    random = np.random.default_rng(seed)
    hashes = random.integers(0, 2**64, 8, dtype=np.uint64)[random.integers(0, 8, count)]
    for _ in range(random.integers(0, 9)):
        flip = np.uint64(1) << random.integers(0, 64, count).astype(np.uint64)
        hashes = np.where(random.uniform(size=count) < 0.5, hashes ^ flip, hashes)
    rank = random.permutation(count)
    assert near_duplicates(hashes, rank, distance).tolist() == by_hand(hashes, rank, distance)


def test_the_best_of_a_group_stays_no_chain_drops_what_resembles_nothing_kept_and_off_drops_nothing():
    hashes = np.array([0b0000, 0b0011, 0b1111], np.uint64)
    assert near_duplicates(hashes, np.array([0, 1, 2]), 2).tolist() == [-1, 0, -1]
    assert near_duplicates(hashes, np.array([2, 0, 1]), 2).tolist() == [1, -1, 1]
    same = np.zeros(3, np.uint64)
    assert near_duplicates(same, np.arange(3), -1).tolist() == [-1, -1, -1]
    assert near_duplicates(same[:0], np.arange(0), 4).tolist() == []


def test_ten_thousand_copies_are_no_fifty_million_pairs():
    found = near_duplicates(np.full(10_000, 7, np.uint64), np.arange(10_000)[::-1], 6)
    assert found[-1] == -1
    assert (found[:-1] == 9999).all()


def test_a_distance_that_tells_nothing_is_refused_with_the_way_out(monkeypatch):
    monkeypatch.setattr(duplicates, "MAX_PAIRS", 10)
    with pytest.raises(ValueError, match=r"--hash-distance 6: more than 10 pairs .* smaller number"):
        near_duplicates(np.arange(64, dtype=np.uint64), np.arange(64), 6)


@pytest.mark.slow
def test_two_hundred_thousand_hashes_take_seconds():
    import time

    random = np.random.default_rng(0)
    hashes = random.integers(0, 2**64, 200_000, dtype=np.uint64)
    hashes[100_000:101_000] = hashes[:1000] ^ np.uint64(0b1001)
    began = time.process_time()
    found = near_duplicates(hashes, np.arange(200_000), 6)
    assert time.process_time() - began < 20  # 1 s alone
    assert np.flatnonzero(found >= 0).tolist() == list(range(100_000, 101_000))
