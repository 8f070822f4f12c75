"""streaQ, whose queue is streams below a library of functions: results, priorities, retries, delays,
schedules, dependent tasks, aborting, and a killed worker.

Usage: with_streaq.py PORT [worker | hanging]
"""

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta
from importlib.metadata import version

import anyio
from streaq import StreaqRetry, TaskStatus, Worker

from scenario import URL, Child, finished, role

worker = Worker(
    redis_url=URL, priorities=["low", "high"], concurrency=4, idle_timeout=1, handle_signals=False
)


@worker.task()
async def add(a: int, b: int) -> int:
    return a + b


@worker.task()
async def double(n: int) -> int:
    return 2 * n


@worker.task(max_tries=3)
async def third_time(delay: float) -> int:
    tries = third_time.context.tries
    if tries < 3:
        raise StreaqRetry("not yet", delay=delay)
    return tries


@worker.task()
async def fail() -> None:
    raise ValueError("as it should")


@worker.task(unique=True, timeout=7200)
async def nap(seconds: float) -> str:
    await anyio.sleep(seconds)
    return "slept"


@worker.task()
async def hang_in_first_worker(n: int) -> int:
    if role() == "hanging":
        print("hanging", flush=True)
        await anyio.sleep(3600)
    return n


async def results():
    tasks = [add.enqueue(n, 1) for n in range(50)]
    await worker.enqueue_many(tasks)
    assert [(await task.result(30)).result for task in tasks] == [n + 1 for n in range(50)]
    high = await add.enqueue(1, 1).start(priority="high")
    assert (await high.result(30)).result == 2
    failed = await (await fail.enqueue()).result(30)
    assert not failed.success and isinstance(failed.exception, ValueError), failed
    stubborn = await (await third_time.enqueue(0.05)).result(30)
    assert stubborn.result == 3, stubborn


async def delays_and_chains():
    later = await add.enqueue(20, 22).start(delay=timedelta(milliseconds=200))
    assert await later.status() is TaskStatus.SCHEDULED
    assert (await later.result(30)).result == 42
    chained = await add.enqueue(1, 2).then(double)
    assert (await chained.result(30)).result == 6
    never = await add.enqueue(1, 1).start(delay=timedelta(hours=1))
    assert await never.abort(20)
    sleeper = await nap.enqueue(3600)
    while await sleeper.status() is not TaskStatus.RUNNING:
        await anyio.sleep(0.01)
    assert await sleeper.abort(20)
    assert await worker.queue_size() == 0


async def crashed_worker():
    with Child("hanging") as first:
        assert first.line() == "ready"
        lost = await hang_in_first_worker.enqueue(7)
        assert await anyio.to_thread.run_sync(first.line) == "hanging"
    with Child("worker") as second:
        assert second.line() == "ready"
        assert (await lost.result(60)).result == 7


@asynccontextmanager
async def running(count):
    children = [Child("worker") for _ in range(count)]
    try:
        for child in children:
            assert child.line() == "ready"
        yield
    finally:
        for child in children:
            child.kill()


async def main():
    async with worker:
        await worker.redis.flushall()
        async with running(2):
            await results()
            await delays_and_chains()
        await crashed_worker()
    finished(f"streaQ {version('streaq')} on coredis {version('coredis')}")


if role():
    print("ready", flush=True)
    worker.run_sync()
else:
    asyncio.run(main())
