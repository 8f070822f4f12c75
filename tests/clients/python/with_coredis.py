"""coredis, which speaks RESP3 only: its consumers, groups of them, pipelines and pub/sub.

Usage: with_coredis.py PORT
"""

import asyncio
from importlib.metadata import version

import coredis
from coredis.patterns.streams import Consumer, GroupConsumer

from scenario import HOST, PORT, finished


async def consumers(r):
    consumer = Consumer(r, ["cd:a", "cd:b"], buffer_size=10, timeout=1000)
    async with consumer:
        for n in range(5):
            await r.xadd("cd:a", {"n": str(n)})
            await r.xadd("cd:b", {"n": str(n)})
        got = {"cd:a": [], "cd:b": []}
        while sum(map(len, got.values())) < 10:
            stream, entry = await consumer.get_entry()
            assert stream is not None, got
            got[stream].append(entry.field_values["n"])
    assert got == {"cd:a": list("01234"), "cd:b": list("01234")}, got


async def groups(r):
    """A group makes itself, and reads on from there."""
    for n in range(10):
        await r.xadd("cd:jobs", {"n": str(n)})
    first = GroupConsumer(
        r, ["cd:jobs"], "g", "first", auto_create=True, auto_acknowledge=True, buffer_size=3
    )
    async with first:
        for n in range(10, 20):
            await r.xadd("cd:jobs", {"n": str(n)})
        seen = []
        async for _, entry in first:
            seen.append(int(entry.field_values["n"]))
            if seen[-1] == 19:
                break
    assert seen == sorted(seen) and set(range(10, 20)) <= set(seen), seen
    info = await r.xinfo_groups("cd:jobs")
    assert len(info) == 1, info


async def pipelines(r):
    async with r.pipeline(transaction=True) as pipe:
        pipe.hincrby("cd:hash", "a", 2)
        ids = [pipe.xadd("cd:pipe", {"n": str(n)}) for n in range(100)]
        length = pipe.xlen("cd:pipe")
    assert await length == 100
    first = await ids[0]
    entries = await r.xrange("cd:pipe", start=first, end=first)
    assert entries[0].field_values == {"n": "0"}, entries
    pending = await r.xgroup_create("cd:pipe", "g", identifier="0")
    assert pending
    reply = await r.xreadgroup("g", "c", {"cd:pipe": ">"}, count=10)
    taken = [entry.identifier for entry in reply["cd:pipe"]]
    assert len(taken) == 10
    claimed = await r.xautoclaim("cd:pipe", "g", "d", 0, "0-0", count=5)
    assert [entry.identifier for entry in claimed[1]] == taken[:5], claimed
    assert await r.xack("cd:pipe", "g", taken) == 10


async def channels(r):
    async with r.pubsub(channels=["cd:news"], ignore_subscribe_messages=True) as listener:
        while await r.publish("cd:news", "hello") == 0:
            await asyncio.sleep(0.01)
        message = await anext(listener)
        assert message["data"] == "hello", message


async def main():
    async with coredis.Redis(host=HOST, port=PORT, decode_responses=True) as r:
        await r.flushall()
        await consumers(r)
        await groups(r)
        await pipelines(r)
        await channels(r)
    finished(f"coredis {version('coredis')}")


asyncio.run(main())
