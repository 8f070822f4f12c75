"""redis-py beyond streams, blocking and asyncio: pipelines, transactions that are tried again, locks,
scripts, pub/sub, scans, pools; a server that is killed under them.

Usage: redis_py.py PORT PROTOCOL(2|3)
"""

import asyncio
import sys
import threading

import redis
import redis.asyncio
from redis.asyncio.lock import Lock as AsyncLock
from redis.backoff import ConstantBackoff
from redis.exceptions import LockError, LockNotOwnedError, NoScriptError, WatchError
from redis.retry import Retry

from scenario import HOST, PORT, eventually, finished, kill_and_restart_server, wait_until

PROTOCOL = int(sys.argv[2])
OPTIONS = {"host": HOST, "port": PORT, "protocol": PROTOCOL, "decode_responses": True}


def connect():
    return redis.Redis(retry=Retry(ConstantBackoff(0.05), 20), **OPTIONS)


def pipelines(r):
    with r.pipeline(transaction=False) as pipe:
        for n in range(1000):
            pipe.xadd("rp:pipe", {"n": n})
        pipe.get("rp:pipe")
        pipe.xlen("rp:pipe")
        replies = pipe.execute(raise_on_error=False)
    assert isinstance(replies[1000], redis.ResponseError), replies[1000]
    assert replies[1001] == 1000

    # A balance that many change: WATCH and try again.
    r.set("rp:balance", 0)

    def add_one(pipe):
        balance = int(pipe.get("rp:balance"))
        pipe.multi()
        pipe.set("rp:balance", balance + 1)
        pipe.xadd("rp:history", {"balance": balance + 1})

    def work():
        mine = connect()
        for _ in range(25):
            mine.transaction(add_one, "rp:balance")
        mine.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert r.get("rp:balance") == "100"
    history = [int(fields["balance"]) for _, fields in r.xrange("rp:history")]
    assert history == list(range(1, 101)), history
    with r.pipeline() as pipe:
        pipe.watch("rp:balance")
        r.incr("rp:balance")
        pipe.multi()
        pipe.get("rp:balance")
        try:
            pipe.execute()
            raise AssertionError("the watched key changed")
        except WatchError:
            pass


def locks(r):
    lock = r.lock("rp:lock", timeout=10)
    assert lock.acquire(blocking=False)
    assert not r.lock("rp:lock", timeout=10).acquire(blocking=False)
    assert lock.extend(20) and lock.reacquire() and lock.locked() and lock.owned()
    r.set("rp:lock", "stolen")
    try:
        lock.release()
        raise AssertionError("somebody else's lock was released")
    except LockNotOwnedError:
        r.delete("rp:lock")
    counter = []

    def work():
        mine = connect()
        for _ in range(10):
            with mine.lock("rp:mutex", timeout=30, sleep=0.001):
                before = len(counter)
                counter.append(before)
                assert len(counter) == before + 1
        mine.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(counter) == 30 and not r.exists("rp:mutex")
    assert issubclass(LockNotOwnedError, LockError)


def scripts(r):
    add = r.register_script(
        "local id = redis.call('XADD', KEYS[1], '*', 'n', ARGV[1]) "
        "redis.call('HINCRBY', KEYS[2], 'total', ARGV[1]) return id"
    )
    ids = [add(keys=["rp:scripted", "rp:totals"], args=[n]) for n in range(5)]
    assert [i for i, _ in r.xrange("rp:scripted")] == ids
    assert r.hget("rp:totals", "total") == "10"
    r.script_flush()
    try:
        r.evalsha(add.sha, 0)
        raise AssertionError("a script that was flushed ran")
    except NoScriptError:
        pass
    # The client loads it again by itself.
    assert add(keys=["rp:scripted", "rp:totals"], args=[5])
    assert r.script_exists(add.sha) == [True]
    with r.pipeline() as pipe:
        add(keys=["rp:scripted", "rp:totals"], args=[6], client=pipe)
        pipe.hget("rp:totals", "total")
        assert pipe.execute()[1] == "21"
    try:
        r.eval("return redis.call('XADD', KEYS[1])", 1, "rp:scripted")
        raise AssertionError("a command without its arguments was run")
    except redis.ResponseError as error:
        assert "Wrong number of args" in str(error), error


def channels(r):
    listener = r.pubsub()
    got = []
    listener.subscribe(**{"rp:news": lambda message: got.append(message["data"])})
    listener.psubscribe("rp:w*")
    listener.ssubscribe("rp:shard")
    for _ in range(3):
        message = listener.get_message(timeout=20)
        assert message["type"] in ("subscribe", "psubscribe", "ssubscribe"), message
    assert dict(r.pubsub_numsub("rp:news")) == {"rp:news": 1}
    assert r.pubsub_numpat() == 1 and "rp:news" in r.pubsub_channels("rp:*")
    assert r.publish("rp:news", "one") == 1
    assert listener.get_message(timeout=20) is None and got == ["one"]
    assert r.publish("rp:weather", "sun") == 1
    message = listener.get_message(timeout=20)
    assert (message["type"], message["pattern"], message["data"]) == ("pmessage", "rp:w*", "sun")
    assert r.spublish("rp:shard", "s") == 1
    message = listener.get_message(timeout=20)
    assert (message["type"], message["data"]) == ("smessage", "s"), message
    listener.close()
    wait_until(lambda: r.publish("rp:news", "nobody") == 0, "the end of the subscription")


def other_types(r):
    """What an application keeps beside its streams."""
    r.rpush("rp:list", *range(10))
    assert r.lrange("rp:list", 0, 2) == ["0", "1", "2"] and r.llen("rp:list") == 10
    assert r.blmove("rp:list", "rp:other", 1, "LEFT", "RIGHT") == "0"
    assert r.blpop(["rp:nothing", "rp:list"], timeout=1) in (("rp:list", "1"), ["rp:list", "1"])
    assert r.sadd("rp:set", "a", "b", "c") == 3 and r.smembers("rp:set") == {"a", "b", "c"}
    r.zadd("rp:scores", {"ann": 3, "bob": 1.5, "cid": 2})
    assert [name for name, _ in r.zrange("rp:scores", 0, -1, withscores=True)] == ["bob", "cid", "ann"]
    assert r.zincrby("rp:scores", 10, "bob") == 11.5
    assert r.zrangebyscore("rp:scores", 2, "(11.5") == ["cid", "ann"]
    # RESP3 gives one pair alone.
    assert r.zpopmax("rp:scores") in ([("bob", 11.5)], ["bob", 11.5])
    assert r.bzpopmin("rp:scores", timeout=1)[1] == "cid"
    for n in range(300):
        r.hset("rp:hash", f"field {n}", n)
    assert len(dict(r.hscan_iter("rp:hash", count=50))) == 300
    assert {key for key in r.scan_iter("rp:*", count=3, _type="zset")} == {"rp:scores"}
    assert r.set("rp:lease", "x", nx=True, px=60_000) and not r.set("rp:lease", "y", nx=True)
    assert 0 < r.pttl("rp:lease") <= 60_000 and r.getdel("rp:lease") == "x"


async def in_asyncio():
    pool = redis.asyncio.BlockingConnectionPool(max_connections=8, timeout=30, **OPTIONS)
    r = redis.asyncio.Redis(connection_pool=pool)
    await r.xgroup_create("rp:async", "g", id="0", mkstream=True)
    done = []

    async def work(name):
        while len(done) < 200:
            reply = await r.xreadgroup("g", name, {"rp:async": ">"}, count=5, block=50)
            streams = reply.values() if isinstance(reply, dict) else [e for _, e in reply or []]
            for entries in streams:
                # RESP3 wraps the entries of a stream once more.
                for entry_id, fields in entries[0] if isinstance(reply, dict) else entries:
                    done.append(int(fields["n"]))
                    await r.xack("rp:async", "g", entry_id)

    async def produce(first):
        for n in range(first, first + 50):
            await r.xadd("rp:async", {"n": n})

    await asyncio.gather(*(work(f"w{n}") for n in range(3)), *(produce(50 * n) for n in range(4)))
    assert sorted(done) == list(range(200)), done
    assert (await r.xpending("rp:async", "g"))["pending"] == 0

    counter = []

    async def guarded():
        async with AsyncLock(r, "rp:async-lock", timeout=30, sleep=0.001):
            before = len(counter)
            await asyncio.sleep(0)
            counter.append(before)

    await asyncio.gather(*(guarded() for _ in range(10)))
    assert counter == list(range(10)), counter

    async with r.pubsub() as listener:
        await listener.subscribe("rp:async-news")
        got = []

        async def listen():
            async for message in listener.listen():
                if message["type"] == "message":
                    got.append(message["data"])
                    if len(got) == 20:
                        return

        task = asyncio.create_task(listen())

        async def heard():
            return await r.publish("rp:async-news", "0")

        await eventually(heard, "a subscriber")
        for n in range(1, 20):
            await r.publish("rp:async-news", n)
        await asyncio.wait_for(task, 30)
        assert got[-1] == "19", got
    await r.aclose()
    await pool.disconnect()


def killed_server(r):
    ids = [r.xadd("rp:durable", {"n": n}) for n in range(50)]
    lock = r.lock("rp:kept", timeout=600)
    assert lock.acquire(blocking=False)
    r.zadd("rp:kept-scores", {"ann": 1})
    kill_and_restart_server()
    # The client tries again by itself until the server is back.
    assert [i for i, _ in r.xrange("rp:durable")] == ids
    assert lock.owned() and r.zscore("rp:kept-scores", "ann") == 1
    lock.release()


def main():
    r = connect()
    r.flushall()
    pipelines(r)
    locks(r)
    scripts(r)
    channels(r)
    other_types(r)
    asyncio.run(in_asyncio())
    killed_server(r)
    r.close()
    finished(f"redis-py {redis.__version__} RESP{PROTOCOL}")


main()
