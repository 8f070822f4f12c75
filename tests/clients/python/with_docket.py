"""docket: tasks now and later, results, retries, cancelling, perpetual tasks, progress, strikes, limits,
redelivery of what a killed worker had, and a server that is killed with tasks in it.

Usage: with_docket.py PORT [worker NAME | hanging NAME]
"""

import asyncio
import sys
from datetime import datetime, timedelta, timezone
from importlib.metadata import version

import redis.asyncio as redis
from docket import (
    ConcurrencyLimit,
    Docket,
    ExecutionState,
    Perpetual,
    Progress,
    Retry,
    TaskArgument,
    Worker,
)
from docket.dependencies import CurrentExecution
from docket.execution import Execution
from redis.exceptions import ConnectionError

from scenario import URL, Child, finished, kill_and_restart_server, role

NAME = "dk"
SOON = timedelta(milliseconds=20)


async def add(a: int, b: int) -> int:
    return a + b


async def fail_twice(retry: Retry = Retry(attempts=3, delay=SOON)) -> int:
    if retry.attempt < 3:
        raise ValueError("not yet")
    return retry.attempt


async def hang_in_first_worker(n: int) -> int:
    if role() == "hanging":
        print("hanging", flush=True)
        await asyncio.sleep(3600)
    return n


ticks = []


async def tick(perpetual: Perpetual = Perpetual(every=SOON)) -> None:
    ticks.append(datetime.now(timezone.utc))
    if len(ticks) == 3:
        perpetual.cancel()


async def step(progress: Progress = Progress()) -> None:
    await progress.set_total(4)
    for _ in range(4):
        await progress.increment()
    await progress.set_message("done")


running, most = 0, 0


async def one_at_a_time(
    customer: int = TaskArgument(),
    limit: ConcurrencyLimit = ConcurrencyLimit("customer", max_concurrent=1),
    execution: Execution = CurrentExecution(),
) -> None:
    global running, most
    running += 1
    most = max(most, running)
    await asyncio.sleep(0.01)
    running -= 1


TASKS = [add, fail_twice, hang_in_first_worker, tick, step, one_at_a_time]


def make_docket():
    docket = Docket(
        name=NAME, url=URL, heartbeat_interval=timedelta(milliseconds=50), missed_heartbeats=5
    )
    for task in TASKS:
        docket.register(task)
    return docket


def make_worker(docket, name):
    return Worker(
        docket,
        name=name,
        redelivery_timeout=timedelta(milliseconds=500),
        minimum_check_interval=timedelta(milliseconds=10),
        scheduling_resolution=timedelta(milliseconds=10),
        reconnection_delay=timedelta(milliseconds=50),
    )


async def work(name):
    async with make_docket() as docket, make_worker(docket, name) as worker:
        print("ready", flush=True)
        await worker.run_forever()


async def now_and_later(docket):
    later = datetime.now(timezone.utc) + timedelta(milliseconds=200)
    far = datetime.now(timezone.utc) + timedelta(hours=1)
    first = await docket.add(add)(1, 2)
    second = await docket.add(add, when=later, key="later")(3, 4)
    # The same key is the same task; replacing changes it, cancelling takes it away.
    await docket.add(add, when=later, key="later")(100, 100)
    third = await docket.add(add, when=far, key="moved")(5, 6)
    third = await docket.replace(add, when=later, key="moved")(50, 60)
    await docket.add(add, when=far, key="cancelled")(7, 8)
    await docket.cancel("cancelled")
    stubborn = await docket.add(fail_twice)()
    stepped = await docket.add(step)()
    await docket.add(tick, key="tick")()
    snapshot = await docket.snapshot()
    assert snapshot.total_tasks >= 4, snapshot
    async with make_worker(docket, "here") as worker:
        await worker.run_until_finished()
    assert await first.get_result() == 3
    assert await second.get_result() == 7
    assert await third.get_result() == 110
    assert await stubborn.get_result() == 3
    assert len(ticks) == 3, ticks
    await stepped.sync()
    assert stepped.state is ExecutionState.COMPLETED, stepped.state


async def limits_and_strikes(docket):
    for _ in range(5):
        await docket.add(one_at_a_time)(customer=1)
    async with make_worker(docket, "here") as worker:
        await worker.run_until_finished()
    assert most == 1, most
    # A strike is an entry of a stream that everybody reads from the beginning.
    await docket.strike(add, "a", "==", 666)
    async with make_docket() as other:
        await other.wait_for_strikes_loaded()
        stricken = await other.add(add)(666, 1)
        assert await other.get_execution(stricken.key) is None
        taken = await other.add(add)(667, 1)
        assert await other.get_execution(taken.key) is not None
    await docket.restore(add, "a", "==", 666)
    assert await docket.clear() == 1


async def crashed_worker(docket):
    """What a killed worker had is delivered again, once its lease has run out."""
    with Child("hanging", "first") as first:
        assert first.line() == "ready"
        lost = await docket.add(hang_in_first_worker)(7)
        assert await asyncio.to_thread(first.line) == "hanging"
        workers = await docket.workers()
        assert "first" in {worker.name for worker in workers}, workers
    with Child("worker", "second") as second:
        assert second.line() == "ready"
        assert await lost.get_result(timeout=timedelta(seconds=60)) == 7


async def result_of(task):
    """The result, once the connections of docket's pool have found out that the server is another."""
    while True:
        try:
            return await task.get_result(timeout=timedelta(seconds=60))
        except ConnectionError:
            continue


async def crashed_server(docket):
    """Nothing that was handed over may be lost with the server."""
    soon = datetime.now(timezone.utc) + timedelta(milliseconds=300)
    tasks = [await docket.add(add)(n, 100) for n in range(30)]
    tasks += [await docket.add(add, when=soon)(n, 100) for n in range(30, 60)]
    await asyncio.to_thread(kill_and_restart_server)
    with Child("worker", "after") as worker:
        assert worker.line() == "ready"
        for n, task in enumerate(tasks):
            value = await result_of(task)
            assert value == n + 100, (n, value)


async def main():
    r = redis.Redis.from_url(URL, decode_responses=True)
    await r.flushall()
    async with make_docket() as docket:
        await now_and_later(docket)
        await limits_and_strikes(docket)
        await crashed_worker(docket)
        await crashed_server(docket)
    await r.aclose()
    finished(f"docket {version('pydocket')}")


asyncio.run(work(sys.argv[-1]) if role() else main())
