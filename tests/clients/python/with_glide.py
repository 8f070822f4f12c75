"""Valkey GLIDE: its core in Rust multiplexes all calls over one connection, RESP2 and RESP3.

Usage: with_glide.py PORT PROTOCOL(2|3)
"""

import asyncio
import sys
from importlib.metadata import version

from glide import (
    Batch,
    GlideClient,
    GlideClientConfiguration,
    IdBound,
    MaxId,
    MinId,
    NodeAddress,
    ProtocolVersion,
    RequestError,
    Script,
    StreamAddOptions,
    StreamGroupOptions,
    StreamReadGroupOptions,
    TrimByMaxLen,
)

from scenario import HOST, PORT, finished

PROTOCOL = {"2": ProtocolVersion.RESP2, "3": ProtocolVersion.RESP3}[sys.argv[2]]


def connect(**more):
    return GlideClient.create(
        GlideClientConfiguration(
            [NodeAddress(HOST, PORT)], protocol=PROTOCOL, client_name="glide", request_timeout=30_000, **more
        )
    )


async def entries(r):
    ids = [await r.xadd("gl:log", [("n", f"{n}"), ("é", "ü")]) for n in range(10)]
    trim = StreamAddOptions(trim=TrimByMaxLen(exact=True, threshold=5))
    ids.append(await r.xadd("gl:log", [("n", "10")], trim))
    assert await r.xlen("gl:log") == 5
    kept = await r.xrange("gl:log", MinId(), MaxId())
    assert list(kept) == ids[-5:], kept
    assert kept[ids[-1]] == [[b"n", b"10"]]
    assert list(await r.xrange("gl:log", IdBound(ids[-2].decode()), MaxId())) == ids[-2:]
    values = await asyncio.gather(*(r.xadd("gl:many", [("n", f"{n}")]) for n in range(300)))
    assert len(set(values)) == 300


async def groups(r):
    await r.xgroup_create("gl:jobs", "g", "0", StreamGroupOptions(make_stream=True))
    try:
        await r.xgroup_create("gl:jobs", "g", "0")
        raise AssertionError("a group was created twice")
    except RequestError as error:
        assert "BUSYGROUP" in str(error), error
    other = await connect()
    options = StreamReadGroupOptions(block_ms=20_000)
    waiting = asyncio.create_task(other.xreadgroup({"gl:jobs": ">"}, "g", "w", options))
    while b"blocked_clients:1\r" not in await r.info():
        await asyncio.sleep(0)
    entry = await r.xadd("gl:jobs", [("n", "1")])
    assert await waiting == {b"gl:jobs": {entry: [[b"n", b"1"]]}}
    claimed = await r.xautoclaim("gl:jobs", "g", "saver", 0, "0-0")
    assert list(claimed[1]) == [entry], claimed
    assert await r.xack("gl:jobs", "g", [entry.decode()]) == 1
    await other.close()


async def batches_and_scripts(r):
    batch = Batch(is_atomic=True)
    batch.set("gl:a", "1")
    batch.xadd("gl:tx", [("n", "1")])
    batch.incr("gl:a")
    replies = await r.exec(batch, raise_on_error=True)
    assert replies[0] == "OK" and replies[2] == 2, replies
    script = Script("return redis.call('XLEN', KEYS[1])")
    assert await r.invoke_script(script, keys=["gl:tx"]) == 1


async def main():
    r = await connect()
    await r.flushall()
    await entries(r)
    await groups(r)
    await batches_and_scripts(r)
    await r.close()
    finished(f"Valkey GLIDE {version('valkey-glide')} RESP{sys.argv[2]}")


asyncio.run(main())
