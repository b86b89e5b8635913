"""`make bench` takes minutes and is run by hand: what it takes from the code must not grow old in between."""

import importlib
import pkgutil

import pytest

import benchmarks
from benchmarks import shards

pytestmark = pytest.mark.slow


def test_every_benchmark_imports():
    for module in pkgutil.iter_modules(benchmarks.__path__, "benchmarks."):
        importlib.import_module(module.name)


def test_the_loading_benchmark_reads_the_pairs_of_today():
    shards._loading([])()
