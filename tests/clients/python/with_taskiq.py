"""taskiq on streams: tasks and results, several workers, a worker that is killed, a server that is
killed with tasks in the queue.

Usage: with_taskiq.py PORT [worker NAME | hanging]
"""

import asyncio
from importlib.metadata import version

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import ConstantBackoff
from taskiq.api import run_receiver_task
from taskiq_redis import RedisAsyncResultBackend, RedisStreamBroker

from scenario import URL, Child, eventually, finished, kill_and_restart_server, role

IDLE_MS = 200


def make_broker(name):
    # The pools of taskiq-redis hand out connections that a restart has closed; redis-py tries again, for
    # longer than a restart takes on a busy machine: taskiq acknowledges a task whose result it could
    # not store.
    retry = Retry(ConstantBackoff(0.05), 200)
    results = RedisAsyncResultBackend(URL, result_ex_time=600, retry=retry)
    broker = RedisStreamBroker(
        URL,
        queue_name="tq:queue",
        consumer_name=name,
        xread_block=20,
        xread_count=5,
        idle_timeout=IDLE_MS,
        unacknowledged_lock_timeout=2,
        retry=retry,
    ).with_result_backend(results)

    @broker.task(task_name="add")
    async def add(a: int, b: int) -> int:
        return a + b

    @broker.task(task_name="fail")
    async def fail() -> None:
        raise ValueError("as it should")

    @broker.task(task_name="hang")
    async def hang(n: int) -> int:
        if role() == "hanging":
            print("hanging", flush=True)
            await asyncio.sleep(3600)
        return n

    return broker, add, fail, hang


async def worker(name):
    """A worker process: prints when it is ready, works until it is killed."""
    broker, *_ = make_broker(name)
    broker.is_worker_process = True
    await broker.startup()
    print("ready", flush=True)
    await run_receiver_task(broker)


async def tasks_and_results(add, fail):
    tasks = [await add.kiq(n, 1) for n in range(40)]
    results = [await task.wait_result(check_interval=0.01, timeout=60) for task in tasks]
    assert [result.return_value for result in results] == [n + 1 for n in range(40)]
    failed = await (await fail.kiq()).wait_result(check_interval=0.01, timeout=60)
    assert failed.is_err and isinstance(failed.error, ValueError), failed


async def queue_is_done(r):
    return (await r.xpending("tq:queue", "taskiq"))["pending"] == 0


async def crashed_worker(r, hang, add):
    """The killed worker's task is claimed by another, once it has been idle long enough."""
    with Child("hanging") as first:
        assert first.line() == "ready"
        lost = await hang.kiq(7)
        assert await asyncio.to_thread(first.line) == "hanging"
    with Child("worker", "saver") as second:
        assert second.line() == "ready"
        # taskiq looks for abandoned tasks whenever it got new ones.
        async def saved():
            await (await add.kiq(1, 1)).wait_result(check_interval=0.01, timeout=60)
            return await lost.is_ready()

        await eventually(saved, "the task of the killed worker")
        assert (await lost.get_result()).return_value == 7

        async def done():
            return await queue_is_done(r)

        await eventually(done, "acknowledgements")


async def crashed_server(r, add):
    """Nothing that was handed over may be lost with the server."""
    tasks = [await add.kiq(n, 100) for n in range(60)]
    with Child("worker", "before") as before:
        assert before.line() == "ready"
        await tasks[0].wait_result(check_interval=0.01, timeout=60)
        # Killed while the worker is at work; the worker goes with it.
        await asyncio.to_thread(kill_and_restart_server)
    with Child("worker", "after") as after:
        assert after.line() == "ready"

        async def all_done():
            await (await add.kiq(1, 1)).wait_result(check_interval=0.01, timeout=60)
            return all([await task.is_ready() for task in tasks])

        await eventually(all_done, "every task of before")
    values = [(await task.get_result()).return_value for task in tasks]
    assert values == [n + 100 for n in range(60)], values


async def main():
    r = redis.Redis.from_url(URL, decode_responses=True)
    await r.flushall()
    broker, add, fail, hang = make_broker("client")
    await broker.startup()
    with Child("worker", "one") as one, Child("worker", "two") as two:
        assert one.line() == "ready" and two.line() == "ready"
        await tasks_and_results(add, fail)
        consumers = await r.xinfo_consumers("tq:queue", "taskiq")
        assert {c["name"] for c in consumers} == {"one", "two"}, consumers
    await crashed_worker(r, hang, add)
    await crashed_server(r, add)
    await broker.shutdown()
    await r.aclose()
    finished(f"taskiq-redis {version('taskiq-redis')}")


if role() is None:
    asyncio.run(main())
else:
    import sys

    asyncio.run(worker(sys.argv[-1]))
