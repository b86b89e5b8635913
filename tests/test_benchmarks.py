"""`make bench` takes minutes and is run by hand: what it takes from the configuration must not grow old in between."""

from benchmarks import shards


def test_the_loading_benchmark_reads_the_pairs_of_today():
    shards._loading([])()
