"""What a few measured steps say about a whole run."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linecolor.experiment.preflight.plan import (
    MemoryRule,
    fewest_micro_batches,
    in_words,
    mean_step,
    micro_batch_counts,
    next_micro_batches,
    step_seconds,
    validations,
)

batches = st.integers(1, 512)
byte_counts = st.integers(0, 10**12)
seconds = st.floats(1e-4, 1e3)


@given(batches)
def test_every_accumulation_gives_equal_parts_and_none_is_missing(batch):
    assert micro_batch_counts(batch) == sorted({n for n in range(1, batch + 1) if batch % n == 0})


@given(batches, st.integers(1, 600))
def test_the_next_micro_batches_is_larger_and_the_nearest(batch, now):
    following = next_micro_batches(batch, now)
    if following is None:
        assert now >= batch
    else:
        assert following > now
        assert not [parts for parts in micro_batch_counts(batch) if now < parts < following]


@given(batches, byte_counts, byte_counts, byte_counts, st.integers(0, 64))
def test_the_suggestion_fits_and_no_smaller_one_does(batch, fixed, per_sample, limit, above):
    rule = MemoryRule(fixed, per_sample)
    parts = fewest_micro_batches(batch, rule, limit, above)
    allowed = [p for p in micro_batch_counts(batch) if p > above]
    if parts is None:
        assert all(rule.peak(batch // p) > limit for p in allowed)
        return
    assert batch % parts == 0
    assert parts > above
    assert rule.peak(batch // parts) <= limit
    assert all(rule.peak(batch // p) > limit for p in allowed if p < parts)


@given(st.integers(1, 256), st.integers(1, 256), byte_counts, st.floats(1e3, 1e10))
def test_the_rule_goes_through_both_measurements(samples, others, fixed, per_sample):
    if samples == others:
        with pytest.raises(ValueError, match="say nothing"):
            MemoryRule.through(samples, fixed, others, fixed)
        return
    true = MemoryRule(fixed, per_sample)
    rule = MemoryRule.through(samples, true.peak(samples), others, true.peak(others))
    for count in (1, samples, others, 512):
        assert rule.peak(count) == pytest.approx(true.peak(count), rel=1e-3, abs=1e6)


@given(st.integers(2, 256), byte_counts, byte_counts)
def test_the_rule_never_promises_less_than_nothing(samples, peak, other):
    rule = MemoryRule.through(samples, peak, samples // 2, other)
    assert rule.fixed >= 0
    assert rule.per_sample >= 0
    assert rule.peak(samples) >= 0.999 * peak
    assert rule.peak(samples // 2) >= 0.999 * other


@given(st.lists(seconds, min_size=1, max_size=5), st.lists(seconds, min_size=1, max_size=5), st.integers(1, 64))
def test_the_mean_step_lies_between_dear_and_cheap_steps(dear, cheap, every):
    mean = mean_step(dear, cheap, every)
    means = (sum(dear) / len(dear), sum(cheap) / len(cheap))
    assert min(means) * 0.999 <= mean <= max(means) * 1.001


def test_a_lazy_content_loss_is_counted_once_a_cycle():
    assert mean_step([17.0], [1.0], 16) == pytest.approx(2.0)
    assert mean_step([17.0], [1.0], 1) == 17.0


@given(seconds, seconds, st.integers(0, 16), st.integers(1, 64), st.integers(1, 64))
def test_a_step_is_never_faster_than_either_half_nor_slower_than_both(work, loading, workers, threads, cores):
    each = step_seconds(work, loading, workers, threads, cores)
    assert max(work, loading) <= each * 1.0001
    assert each <= (work + loading) * 1.0001
    if not workers:
        assert each == work + loading


def test_a_loader_hides_behind_a_gpu_and_not_behind_a_cpu_that_is_full():
    assert step_seconds(1.0, 0.5, workers=4, threads=1, cores=16) == 1.0
    assert step_seconds(1.0, 0.5, workers=2, threads=2, cores=2) == 1.5


@given(st.integers(1, 10**6), st.integers(1, 10**5))
def test_held_out_drawings_are_looked_at_at_the_end_too(steps, every):
    assert validations(steps, every) == len({*range(every, steps + 1, every), steps})


@pytest.mark.parametrize(
    ("duration", "words"),
    [
        (0.034, "0.034 s"),
        (4.21, "4.2 s"),
        (59, "59 s"),
        (89.7, "1 min"),
        (150, "2 min"),
        (3599, "1 h"),
        (3600 * 3 + 1200, "3 h 20 min"),
        (86399, "1 d"),
        (86400 * 12 + 3600 * 4, "12 d 4 h"),
    ],
)
def test_durations_read_as_people_say_them(duration, words):
    assert in_words(duration) == words
