import asyncio
import threading
import time

import pytest
from starlette.requests import ClientDisconnect

from linecolor.web.worker_pool import QueueFull, WorkerPool


def test_no_more_work_at_once_than_allowed():
    now = most = 0
    lock = threading.Lock()

    def work() -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.005)
        with lock:
            now -= 1

    async def many() -> None:
        pool = WorkerPool(2, 20)
        await asyncio.gather(*(pool.run(work) for _ in range(10)))

    asyncio.run(many())
    assert most == 2


def test_jobs_run_in_the_order_they_came():
    done = []

    async def many() -> None:
        pool = WorkerPool(1, 20)
        await asyncio.gather(*(pool.run(lambda i=i: done.append(i)) for i in range(8)))

    asyncio.run(many())
    assert done == list(range(8))


def test_one_too_many_is_reported_at_once():
    going = threading.Event()

    async def crowd() -> list:
        pool = WorkerPool(1, 1)
        asked = [asyncio.create_task(pool.run(going.wait)) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(QueueFull):
            await asked[2]
        going.set()
        return await asyncio.gather(*asked[:2])

    assert asyncio.run(crowd()) == [True, True]


def test_a_failure_is_raised_and_the_turn_passes_on():
    async def two() -> int:
        pool = WorkerPool(1, 5)
        with pytest.raises(ZeroDivisionError):
            await pool.run(lambda: 1 // 0)
        return await pool.run(lambda: 7)

    assert asyncio.run(two()) == 7


def test_nothing_is_done_for_those_who_left():
    async def gone() -> bool:
        return True

    async def two() -> int:
        pool = WorkerPool(1, 5)
        with pytest.raises(ClientDisconnect):
            await pool.run(lambda: pytest.fail("was done"), gone)
        return await pool.run(lambda: 7)

    assert asyncio.run(two()) == 7


def test_a_turn_lasts_as_long_as_its_work_even_if_nobody_waits_for_it():
    going = threading.Event()
    together = []

    async def impatient() -> None:
        pool = WorkerPool(1, 5)
        first = asyncio.create_task(pool.run(going.wait))
        await asyncio.sleep(0.01)
        first.cancel()
        second = asyncio.create_task(pool.run(lambda: together.append(going.is_set())))
        await asyncio.sleep(0.01)
        going.set()
        await second

    asyncio.run(impatient())
    assert together == [True]
