import asyncio
import threading
import time

import pytest

from linecolor.web.worker_pool import Busy, Left, Turns


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
        turns = Turns(2, 20)
        await asyncio.gather(*(turns.take(work) for _ in range(10)))

    asyncio.run(many())
    assert most == 2


def test_turns_come_in_order():
    done = []

    async def many() -> None:
        turns = Turns(1, 20)
        await asyncio.gather(*(turns.take(lambda i=i: done.append(i)) for i in range(8)))

    asyncio.run(many())
    assert done == list(range(8))


def test_one_too_many_is_told_at_once():
    going = threading.Event()

    async def crowd() -> list:
        turns = Turns(1, 1)
        asked = [asyncio.create_task(turns.take(going.wait)) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(Busy):
            await asked[2]
        going.set()
        return await asyncio.gather(*asked[:2])

    assert asyncio.run(crowd()) == [True, True]


def test_a_failure_is_raised_and_the_turn_passes_on():
    async def two() -> int:
        turns = Turns(1, 5)
        with pytest.raises(ZeroDivisionError):
            await turns.take(lambda: 1 // 0)
        return await turns.take(lambda: 7)

    assert asyncio.run(two()) == 7


def test_nothing_is_done_for_those_who_left():
    async def gone() -> bool:
        return True

    async def two() -> int:
        turns = Turns(1, 5)
        with pytest.raises(Left):
            await turns.take(lambda: pytest.fail("was done"), gone)
        return await turns.take(lambda: 7)

    assert asyncio.run(two()) == 7


def test_a_turn_lasts_as_long_as_its_work_even_if_nobody_waits_for_it():
    going = threading.Event()
    together = []

    async def impatient() -> None:
        turns = Turns(1, 5)
        first = asyncio.create_task(turns.take(going.wait))
        await asyncio.sleep(0.01)
        first.cancel()
        second = asyncio.create_task(turns.take(lambda: together.append(going.is_set())))
        await asyncio.sleep(0.01)
        going.set()
        await second

    asyncio.run(impatient())
    assert together == [True]
