"""FastStream on Redis Streams, as its documentation shows it: subscribers in consumer groups, batches,
acknowledgement policies, reclaiming what a crashed subscriber had, request and reply.

Usage: with_faststream.py PORT
"""

import asyncio
from importlib.metadata import version

import redis.asyncio as redis
from faststream import AckPolicy, FastStream
from faststream.redis import RedisBroker, RedisRouter, StreamSub
from faststream.redis.annotations import RedisMessage

from scenario import URL, eventually, finished


async def pending(r, stream, group):
    return (await r.xpending(stream, group))["pending"]


async def groups_and_fan_out(r):
    """Two subscribers of one group share, another group sees everything again."""
    broker = RedisBroker(URL)
    shared, audit = [], []
    publisher = broker.publisher(stream="fs:audit")

    def orders(group, consumer):
        return StreamSub("fs:orders", group=group, consumer=consumer, polling_interval=20)

    @broker.subscriber(stream=orders("billing", "a"))
    async def first(order: dict):
        shared.append(("a", order["n"]))
        await publisher.publish({"billed": order["n"]})

    @broker.subscriber(stream=orders("billing", "b"))
    async def second(order: dict):
        shared.append(("b", order["n"]))
        await publisher.publish({"billed": order["n"]})

    @broker.subscriber(stream=orders("shipping", "c"))
    async def other_group(order: dict):
        audit.append(order["n"])

    app = FastStream(broker)
    async with broker:
        await broker.start()
        for n in range(40):
            await broker.publish({"n": n}, stream="fs:orders", maxlen=1000)
        await eventually(lambda: len(shared) == 40 and len(audit) == 40, "40 orders twice")

        async def all_acknowledged():
            return await pending(r, "fs:orders", "billing") == 0

        await eventually(all_acknowledged, "acknowledgements")
    assert app is not None
    assert sorted(n for _, n in shared) == list(range(40)), shared
    assert audit == list(range(40)), audit
    assert await r.xlen("fs:audit") == 40
    names = {group["name"] for group in await r.xinfo_groups("fs:orders")}
    assert names == {"billing", "shipping"}, names


async def batches(r):
    broker = RedisBroker(URL)
    got = []
    sub = StreamSub("fs:batch", group="g", consumer="c", batch=True, max_records=16)

    @broker.subscriber(stream=sub)
    async def handle(numbers: list[int]):
        got.append(numbers)

    async with broker:
        await r.xgroup_create("fs:batch", "g", id="0", mkstream=True)
        for n in range(50):
            await broker.publish(n, stream="fs:batch")
        await broker.start()
        await eventually(lambda: sum(map(len, got)) == 50, "50 numbers in batches")
    assert [n for batch in got for n in batch] == list(range(50))
    assert max(map(len, got)) <= 16 and len(got) < 50, got


async def acknowledgement(r):
    """What a policy acknowledges, and what it leaves to be claimed."""
    broker = RedisBroker(URL)
    seen = []

    def sub(name):
        return StreamSub(name, group="g", consumer="c", polling_interval=20)

    @broker.subscriber(stream=sub("fs:nack"), ack_policy=AckPolicy.NACK_ON_ERROR)
    async def fails(n: int):
        seen.append(n)
        if n % 2:
            raise ValueError("odd")

    @broker.subscriber(stream=sub("fs:manual"), ack_policy=AckPolicy.MANUAL)
    async def by_hand(n: int, message: RedisMessage):
        seen.append(n)
        if n == 12:
            await message.ack()

    @broker.subscriber(stream=sub("fs:always"), ack_policy=AckPolicy.ACK)
    async def always(n: int):
        seen.append(n)
        raise ValueError("acknowledged all the same")

    async with broker:
        await broker.start()
        for name, numbers in (("fs:nack", [1, 2, 3]), ("fs:manual", [11, 12]), ("fs:always", [21])):
            for n in numbers:
                await broker.publish(n, stream=name)
        await eventually(lambda: len(seen) == 6, "six messages")

        async def settled():
            left = [await pending(r, name, "g") for name in ("fs:nack", "fs:manual", "fs:always")]
            return left == [2, 1, 0]

        await eventually(settled, "what the policies leave pending")


async def reclaim(r):
    """A subscriber that claims (XAUTOCLAIM) what another one read and never acknowledged."""
    for n in range(5):
        await r.xadd("fs:crash", {"__data__": f"{n}"})
    await r.xgroup_create("fs:crash", "g", id="0")
    await r.xreadgroup("g", "crashed", {"fs:crash": ">"})
    broker = RedisBroker(URL)
    router = RedisRouter()
    got = []
    sub = StreamSub("fs:crash", group="g", consumer="saver", min_idle_time=1, polling_interval=20)

    @router.subscriber(stream=sub)
    async def handle(message: RedisMessage):
        got.append(message.raw_message["message_ids"])

    broker.include_router(router)
    async with broker:
        await broker.start()

        async def nothing_left():
            return await pending(r, "fs:crash", "g") == 0

        await eventually(nothing_left, "claimed and acknowledged")
    assert len(got) == 5, got


async def request_and_reply(r):
    """One side publishes with `reply_to`, the other's return value comes back."""
    broker = RedisBroker(URL)

    @broker.subscriber(stream=StreamSub("fs:ask", polling_interval=20))
    async def double(n: int) -> int:
        return 2 * n

    async with broker:
        await broker.start()
        reply = await broker.request(21, stream="fs:ask", timeout=20)
        assert await reply.decode() == 42, reply


async def main():
    r = redis.Redis.from_url(URL, decode_responses=True)
    await r.flushall()
    await groups_and_fan_out(r)
    await batches(r)
    await acknowledgement(r)
    await reclaim(r)
    await request_and_reply(r)
    await r.aclose()
    finished(f"FastStream {version('faststream')}")


asyncio.run(main())
