"""An application written against the streams of Redis 8.10, with redis-py: orders that arrive once,
workers that read in bounded batches, claim what others left in the same call, hand back what they
cannot do, and delete what everybody has acknowledged. A killed server changes none of it.

Usage: redis8.py PORT PROTOCOL(2|3)
"""

import sys

import redis

from scenario import HOST, PORT, finished, kill_and_restart_server

PROTOCOL = int(sys.argv[2])
MAX_COUNT = 2**63 - 1


def connect():
    return redis.Redis(host=HOST, port=PORT, protocol=PROTOCOL, decode_responses=True)


def streams_of(reply):
    """The entries of a reply of XREAD or XREADGROUP by stream, RESP2 or RESP3."""
    if isinstance(reply, dict):
        # RESP3: redis-py wraps the entries of a stream once more.
        return {key: entries for key, (entries,) in reply.items()}
    return dict(reply or [])


def only(reply):
    (entries,) = streams_of(reply).values()
    return entries


def refused(call, words):
    try:
        call()
    except redis.ResponseError as error:
        assert words in str(error), error
    else:
        raise AssertionError(f"not refused: {words}")


def orders_arrive_once(r):
    """A producer that is not sure whether its last order came through sends it again."""
    first = r.xadd("orders", {"item": "fig"}, idmp=("shop-1", b"order-1"))
    assert r.xadd("orders", {"item": "fig"}, idmp=("shop-1", b"order-1")) == first
    # Another producer's order with the same number is another order.
    other = r.xadd("orders", {"item": "fig"}, idmp=("shop-2", b"order-1"))
    assert other != first
    # The content itself as the number: the order of the fields does not matter.
    auto = r.xadd("orders", {"item": "pear", "n": 2}, idmpauto="shop-1")
    assert r.xadd("orders", {"n": 2, "item": "pear"}, idmpauto="shop-1") == auto
    assert r.xadd("orders", {"n": 3, "item": "pear"}, idmpauto="shop-1") != auto
    assert r.xlen("orders") == 4
    info = r.xinfo_stream("orders")
    assert (info["pids-tracked"], info["iids-tracked"]) == (2, 4), info
    assert (info["iids-added"], info["iids-duplicates"]) == (4, 2), info
    explicit = ("XADD", "orders", "IDMP", "p", "i", "1-1", "a", 1)
    refused(lambda: r.execute_command(*explicit), "auto-generated IDs")

    kill_and_restart_server()
    r = connect()
    # The answer that was lost with the server: the order is sent again.
    assert r.xadd("orders", {"item": "fig"}, idmp=("shop-1", b"order-1")) == first
    assert r.xinfo_stream("orders")["iids-duplicates"] == 3
    # Other limits start with an empty memory.
    assert r.xcfgset("orders", idmp_duration=300, idmp_maxsize=2)
    info = r.xinfo_stream("orders")
    assert (info["idmp-duration"], info["idmp-maxsize"], info["iids-tracked"]) == (300, 2, 0), info
    for n in range(3):
        r.xadd("orders", {"n": n}, idmp=("shop-1", b"small-%d" % n))
    assert r.xinfo_stream("orders")["iids-tracked"] == 2
    refused(lambda: r.xcfgset("nothing", idmp_maxsize=2), "no such key")
    return r


def bounded_batches(r):
    """However many streams there are, a batch fits into the worker."""
    keys = ["batch:1", "batch:2", "batch:3"]
    with r.pipeline(transaction=False) as pipe:
        for key in keys:
            pipe.xgroup_create(key, "g", id="0", mkstream=True)
            for n in range(100):
                pipe.xadd(key, {"n": n, "text": "x" * 100})
        pipe.execute()
    lens = [
        len(entries)
        for entries in streams_of(r.xread(dict.fromkeys(keys, "0"), count=50, max_count=80)).values()
    ]
    assert lens == [50, 30], lens
    new = dict.fromkeys(keys, ">")
    got = streams_of(r.xreadgroup("g", "w", new, count=40, max_count=100))
    assert [len(entries) for entries in got.values()] == [40, 40, 20], got
    # A budget of bytes is soft: the entry that passes it is still delivered, never none.
    small = streams_of(r.xreadgroup("g", "w", new, max_size=1))
    assert sum(map(len, small.values())) == 1, small
    some = streams_of(r.xreadgroup("g", "w", new, max_size=2000))
    assert 2 <= sum(map(len, some.values())) <= 30, some
    assert sum(r.xpending(key, "g")["pending"] for key in keys) == sum(
        (100, 1, sum(map(len, some.values())))
    )
    too_few = ("XREAD", "COUNT", 3, "MAXCOUNT", 2, "STREAMS", "batch:1", "0")
    refused(lambda: r.execute_command(*too_few), "MAXCOUNT")


def claim_and_read(r):
    """One call gives a worker what others left lying, then what is new."""
    r.xgroup_create("work", "g", id="0", mkstream=True)
    ids = [r.xadd("work", {"n": n}) for n in range(5)]
    r.xreadgroup("g", "gone", {"work": ">"}, count=3)
    batch = only(r.xreadgroup("g", "w", {"work": ">"}, count=4, claim_min_idle_time=0))
    assert [entry[0] for entry in batch] == ids[:4], batch
    assert [int(entry[3]) for entry in batch] == [1, 1, 1, 0], batch
    assert {p["consumer"] for p in r.xpending_range("work", "g", "-", "+", 10)} == {"w"}
    # What is not old enough stays where it is.
    batch = only(r.xreadgroup("g", "other", {"work": ">"}, claim_min_idle_time=3_600_000))
    assert [entry[0] for entry in batch] == ids[4:], batch
    return ids


def hand_back(r, ids):
    """A worker that is shut down, one that cannot do it, and an entry that nobody can do."""

    def pending(field):
        return {p["message_id"]: p[field] for p in r.xpending_range("work", "g", "-", "+", 10)}

    before = pending("times_delivered")
    assert r.xnack("work", "g", "SILENT", ids[0]) == 1
    assert r.xnack("work", "g", "FAIL", ids[1], "1-1") == 1
    assert r.xnack("work", "g", "FATAL", ids[2]) == 1
    assert r.xnack("work", "g", "FAIL", ids[3], retrycount=7) == 1
    after = pending("times_delivered")
    assert after[ids[0]] == before[ids[0]] - 1
    assert after[ids[1]] == before[ids[1]]
    assert (after[ids[2]], after[ids[3]]) == (MAX_COUNT, 7), after
    owners = pending("consumer")
    assert [owners[i] for i in ids] == ["", "", "", "", "other"], owners
    assert r.xinfo_stream("work", full=True)["groups"][0]["nacked-count"] == 4

    kill_and_restart_server()
    r = connect()
    # Claimable at once, in the order in which they were handed back, however young.
    batch = only(r.xreadgroup("g", "next", {"work": ">"}, claim_min_idle_time=3_600_000))
    assert [entry[0] for entry in batch] == ids[:4], batch
    poison = [entry[0] for entry in batch if int(entry[3]) == MAX_COUNT]
    assert poison == [ids[2]], batch
    # Dead letters: moved and acknowledged as one.
    with r.pipeline(transaction=True) as moved:
        moved.xadd("work:dead", {"source": ids[2]})
        moved.xackdel("work", "g", ids[2])
        assert moved.execute()[1] == [1]
    assert ids[2] not in dict(r.xrange("work"))
    return r


def deleted_when_all_are_done(r):
    """An entry goes once every group has acknowledged it, and not before."""
    for group in ("mail", "audit"):
        r.xgroup_create("news", group, id="0", mkstream=True)
    ids = [r.xadd("news", {"n": n}) for n in range(4)]
    for group in ("mail", "audit"):
        r.xreadgroup(group, "c", {"news": ">"})
    assert r.xackdel("news", "mail", *ids[:2], ref_policy="ACKED") == [2, 2]
    assert r.xlen("news") == 4
    assert r.xackdel("news", "audit", ids[0], "1-1", ref_policy="ACKED") == [1, -1]
    assert r.xlen("news") == 3
    assert r.xdelex("news", ids[1], ids[0], ref_policy="ACKED") == [2, -1]
    # References go along, wherever they are.
    assert r.xdelex("news", ids[2], ref_policy="DELREF") == [1]
    pending = {group["name"]: group["pending"] for group in r.xinfo_groups("news")}
    assert pending == {"mail": 1, "audit": 2}, pending
    # Trimming leaves what a group still needs.
    r.xadd("news", {"n": 9}, maxlen=1, approximate=False, ref_policy="ACKED")
    assert r.xlen("news") == 3
    r.xack("news", "mail", ids[3])
    r.xack("news", "audit", ids[1], ids[3])
    for group in ("mail", "audit"):
        r.xack("news", group, *[i for i, _ in only(r.xreadgroup(group, "c", {"news": ">"}))])
    assert r.xtrim("news", maxlen=0, approximate=False, ref_policy="ACKED") == 3


def main():
    r = connect()
    r.flushall()
    r = orders_arrive_once(r)
    bounded_batches(r)
    r = hand_back(r, claim_and_read(r))
    deleted_when_all_are_done(r)
    r.close()
    finished(f"Redis 8.10's streams, redis-py {redis.__version__} RESP{PROTOCOL}")


main()
