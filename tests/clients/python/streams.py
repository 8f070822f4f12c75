"""What articles on Redis Streams show, with redis-py. Usage: streams.py PORT PROTOCOL(2|3|old) [CA-FILE]

The protocol `old` is what a redis-py speaks that knows of no other than RESP2. The environment can name
a client of the same shape: CLIENT=valkey.

Every scenario works on keys of its own and asserts what a reader of the article would expect.
"""

import importlib
import os
import sys
import threading
import time

CLIENT = os.environ.get("CLIENT", "redis")
redis = importlib.import_module(CLIENT)

HOST = "127.0.0.1"


def connect(port, protocol):
    tls = {"ssl": True, "ssl_ca_certs": sys.argv[3]} if len(sys.argv) > 3 else {}
    if protocol != "old":
        tls["protocol"] = int(protocol)
    return redis.Redis(host=HOST, port=port, decode_responses=True, **tls)


def entries_of(reply):
    """The entries of the one stream in a reply of XREAD or XREADGROUP, RESP2 or RESP3."""
    if not reply:
        return []
    if isinstance(reply, dict):
        (batches,) = reply.values()
        # RESP3 wraps the entries of a stream once more in some versions of the client.
        return batches[0] if batches and isinstance(batches[0], list) else batches
    ((_, entries),) = reply
    return entries


def produce_and_trim(r):
    ids = [r.xadd("py:events", {"n": n, "text": "héllo"}) for n in range(10)]
    assert ids == sorted(ids, key=lambda i: tuple(map(int, i.split("-")))), ids
    assert len(set(ids)) == 10
    assert r.xlen("py:events") == 10
    r.xadd("py:events", {"n": 10}, maxlen=5, approximate=False)
    assert r.xlen("py:events") == 5
    first = r.xrange("py:events", count=1)[0][0]
    assert first == ids[6], (first, ids)
    assert r.xtrim("py:events", maxlen=2, approximate=False) == 3
    assert r.xtrim("py:events", minid=ids[9], approximate=False) == 0
    assert r.xdel("py:events", ids[9], "1-1") == 1
    info = r.xinfo_stream("py:events")
    assert info["length"] == 1, info
    assert info["entries-added"] == 11, info
    assert r.xadd("py:no-such", {"a": 1}, nomkstream=True) is None
    assert r.exists("py:no-such") == 0
    try:
        r.xadd("py:events", {"a": 1}, id="1-1")
        raise AssertionError("a small ID was accepted")
    except redis.ResponseError as error:
        assert "equal or smaller than the target stream top item" in str(error), error


def range_reads(r):
    for n in range(1, 101):
        r.xadd("py:ranges", {"n": n}, id=f"{n}-0")
    assert [i for i, _ in r.xrange("py:ranges", "10", "12")] == ["10-0", "11-0", "12-0"]
    assert [i for i, _ in r.xrange("py:ranges", "(10-0", "12-0")] == ["11-0", "12-0"]
    assert [i for i, _ in r.xrevrange("py:ranges", count=3)] == ["100-0", "99-0", "98-0"]
    # Iterating page by page, as the documentation of XRANGE shows.
    seen, start = [], "-"
    while page := r.xrange("py:ranges", start, "+", count=7):
        seen += [int(fields["n"]) for _, fields in page]
        start = "(" + page[-1][0]
    assert seen == list(range(1, 101))


def tail_with_block(r, port, protocol):
    got = []

    def follow():
        reader = connect(port, protocol)
        last = "0"
        while len(got) < 5:
            for entry_id, fields in entries_of(reader.xread({"py:tail": last}, block=20000)):
                got.append(fields["n"])
                last = entry_id
        reader.close()

    thread = threading.Thread(target=follow)
    thread.start()
    wait_for_blocked(r)
    for n in range(5):
        r.xadd("py:tail", {"n": n})
    thread.join(30)
    assert got == ["0", "1", "2", "3", "4"], got
    began = time.monotonic()
    assert not r.xread({"py:tail": "$"}, block=50)
    assert time.monotonic() - began >= 0.045


def wait_for_blocked(r):
    while int(r.info("clients")["blocked_clients"]) == 0:
        pass


def several_workers(r, port, protocol):
    for n in range(200):
        r.xadd("py:jobs", {"n": n})
    r.xgroup_create("py:jobs", "workers", id="0")
    done = {}
    lock = threading.Lock()

    def work(name):
        mine = connect(port, protocol)
        while batch := entries_of(mine.xreadgroup("workers", name, {"py:jobs": ">"}, count=7)):
            with lock:
                for entry_id, fields in batch:
                    assert entry_id not in done, "delivered twice"
                    done[entry_id] = int(fields["n"])
            assert mine.xack("py:jobs", "workers", *[i for i, _ in batch]) == len(batch)
        mine.close()

    threads = [threading.Thread(target=work, args=(f"w{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(done.values()) == list(range(200))
    assert r.xpending("py:jobs", "workers")["pending"] == 0
    (group,) = r.xinfo_groups("py:jobs")
    assert group["lag"] == 0 and group["entries-read"] == 200, group
    try:
        r.xgroup_create("py:jobs", "workers")
        raise AssertionError("a group was created twice")
    except redis.ResponseError as error:
        assert str(error).startswith("BUSYGROUP"), error


def crashed_worker(r):
    ids = [r.xadd("py:crash", {"n": n}) for n in range(10)]
    r.xgroup_create("py:crash", "g", id="0")
    # The first worker reads and is never heard of again.
    assert len(entries_of(r.xreadgroup("g", "gone", {"py:crash": ">"}, count=10))) == 10
    assert r.xack("py:crash", "g", *ids[:3]) == 3
    claimed, start = [], "0-0"
    while True:
        start, entries, *rest = r.xautoclaim("py:crash", "g", "rescuer", 0, start, count=4)
        claimed += [i for i, _ in entries]
        if start == "0-0":
            break
    assert claimed == ids[3:], claimed
    details = r.xpending_range("py:crash", "g", "-", "+", 100)
    assert [d["times_delivered"] for d in details] == [2] * 7, details
    assert {d["consumer"] for d in details} == {"rescuer"}
    # An entry that was deleted meanwhile is reported and dropped.
    r.xdel("py:crash", ids[3])
    _, entries, deleted = r.xautoclaim("py:crash", "g", "rescuer", 0, "0-0", count=100)
    assert deleted == [ids[3]] and len(entries) == 6, (entries, deleted)
    # A restarted worker reads its own history first.
    history = entries_of(r.xreadgroup("g", "rescuer", {"py:crash": "0"}))
    assert [i for i, _ in history] == ids[4:]
    assert r.xclaim("py:crash", "g", "other", 0, ids[4:6], justid=True) == ids[4:6]
    assert r.xgroup_delconsumer("py:crash", "g", "other") == 2


def dead_letters(r):
    poison = r.xadd("py:orders", {"order": "poison"})
    good = r.xadd("py:orders", {"order": "good"})
    r.xgroup_create("py:orders", "g", id="0")
    entries_of(r.xreadgroup("g", "w", {"py:orders": ">"}))
    r.xack("py:orders", "g", good)
    rounds = 0
    while r.xpending("py:orders", "g")["pending"]:
        rounds += 1
        assert rounds < 20, "the poisoned entry never reaches the dead letters"
        for detail in r.xpending_range("py:orders", "g", "-", "+", 10):
            if detail["times_delivered"] > 5:
                ((entry_id, fields),) = r.xrange("py:orders", detail["message_id"], count=1)
                with r.pipeline(transaction=True) as moved:
                    moved.xadd("py:orders:dead", {**fields, "source": entry_id})
                    moved.xack("py:orders", "g", entry_id)
                    moved.execute()
        r.xautoclaim("py:orders", "g", "w", 0, "0-0")
    assert rounds == 6, rounds
    ((_, fields),) = r.xrange("py:orders:dead")
    assert fields == {"order": "poison", "source": poison}, fields


def fan_out(r):
    ids = [r.xadd("py:news", {"n": n}) for n in range(20)]
    for group in ("mail", "search", "audit"):
        r.xgroup_create("py:news", group, id="0")
    for group in ("mail", "search", "audit"):
        got = entries_of(r.xreadgroup(group, "c", {"py:news": ">"}))
        assert [i for i, _ in got] == ids
    assert r.xack("py:news", "mail", *ids) == 20
    pending = {g["name"]: g["pending"] for g in r.xinfo_groups("py:news")}
    assert pending == {"mail": 0, "search": 20, "audit": 20}, pending


def apply_to_cart(pipe, event):
    key = "py:cart:" + event["user"]
    amount = int(event["amount"])
    pipe.hincrby(key, event["item"], amount if event["type"] == "add" else -amount)


def shopping_cart(r):
    events = [
        ("add", "ann", "apple", 3),
        ("add", "bob", "pear", 1),
        ("remove", "ann", "apple", 1),
        ("add", "ann", "fig", 2),
        ("add", "bob", "pear", 4),
    ]
    for kind, user, item, amount in events:
        r.xadd("py:carts", {"type": kind, "user": user, "item": item, "amount": amount})
    r.xgroup_create("py:carts", "projection", id="0")
    while batch := entries_of(r.xreadgroup("projection", "p", {"py:carts": ">"}, count=2)):
        for entry_id, event in batch:
            # The projection and its acknowledgement stand or fall together.
            with r.pipeline(transaction=True) as both:
                apply_to_cart(both, event)
                both.xack("py:carts", "projection", entry_id)
                assert both.execute()[1] == 1
    expected = {"ann": {"apple": "2", "fig": "2"}, "bob": {"pear": "5"}}
    for user, cart in expected.items():
        assert r.hgetall("py:cart:" + user) == cart
    # Thrown away and rebuilt from the beginning.
    r.delete("py:cart:ann", "py:cart:bob")
    last = "0"
    while batch := entries_of(r.xread({"py:carts": last}, count=2)):
        with r.pipeline(transaction=True) as pipe:
            for entry_id, event in batch:
                apply_to_cart(pipe, event)
                last = entry_id
            pipe.execute()
    for user, cart in expected.items():
        assert r.hgetall("py:cart:" + user) == cart


def optimistic_lock(r):
    r.set("py:lease", "1")
    with r.pipeline() as pipe:
        pipe.watch("py:lease")
        r.set("py:lease", "2")
        pipe.multi()
        pipe.xadd("py:never", {"a": 1})
        try:
            pipe.execute()
            raise AssertionError("a watched key changed and EXEC went through")
        except redis.WatchError:
            pass
    assert r.exists("py:never") == 0
    assert r.set("py:lease", "x", nx=True, px=60000) is None


def main():
    port, protocol = int(sys.argv[1]), sys.argv[2]
    r = connect(port, protocol)
    r.flushall()
    assert r.ping()
    produce_and_trim(r)
    range_reads(r)
    tail_with_block(r, port, protocol)
    several_workers(r, port, protocol)
    crashed_worker(r)
    dead_letters(r)
    fan_out(r)
    shopping_cart(r)
    optimistic_lock(r)
    r.close()
    print(f"{CLIENT}-py {redis.__version__} RESP {protocol}: all scenarios passed")


main()
