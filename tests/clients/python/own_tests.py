"""The tests that clients ship, run against this server.

Usage: own_tests.py PORT walrus|redis-py|redis-py-streams
"""

import os
import pathlib
import sys
import unittest

from scenario import HOST, PORT, finished

# What walrus tests of commands that Headwater has not: bit fields and HyperLogLogs.
WALRUS_WITHOUT = ("TestBitField", "TestBloomFilter", "TestHyperLogLog")

# The files of redis-py's own tests that are run.
REDIS_PY_FILES = [
    "test_commands.py",
    "test_pipeline.py",
    "test_encoding.py",
    "test_lock.py",
    "test_scripting.py",
    "test_function.py",
]

# The tests of them that are not, by words in their names.
REDIS_PY_WITHOUT = [
    # Commands that Headwater has not.
    *("bit", "geo", "pf"),
    *("module", "migrate", "replica", "sync"),
    # They count commands, and look for Redis's name below the picture.
    *("command_list", "lolwut"),
    # Headwater clamps the number of entries that a group has read, as since Redis 8.2.
    "xgroup_setid",
    # They connect to Redis's port of the machine.
    "client_setinfo",
    # They fail on Redis 7.0 as well.
    *("acl_getuser_setuser", "acl_log", "xgroup_create_entriesread"),
    # Each waits for seconds on purpose; other tests here wait for the same.
    *("bzpop", "bzmpop", "blpop", "brpop", "blmpop", "client_reply"),
]


def walrus():
    os.environ["WALRUS_REDIS_HOST"] = HOST
    os.environ["WALRUS_REDIS_PORT"] = str(PORT)

    def those_that_apply(suite):
        for test in suite:
            if isinstance(test, unittest.TestSuite):
                yield from those_that_apply(test)
            elif type(test).__name__ not in WALRUS_WITHOUT:
                yield test

    tests = list(those_that_apply(unittest.defaultTestLoader.loadTestsFromName("walrus.tests")))
    assert len(tests) > 120, f"only {len(tests)} tests were found"
    result = unittest.TextTestRunner(verbosity=0).run(unittest.TestSuite(tests))
    assert result.wasSuccessful()
    finished(f"{result.testsRun} tests of walrus's own")


def redis_py(files, names, passed_min):
    import tracemalloc

    import pytest

    # Its conftest starts this for all tests, which then take several times as long.
    tracemalloc.start = tracemalloc.stop = lambda *_: None
    # scripts/test unpacks the source of redis-py there, which has its tests.
    source = pathlib.Path(sys.prefix) / "source"
    os.chdir(source)
    sys.path.insert(0, str(source))

    class Count:
        passed = 0

        def pytest_runtest_logreport(self, report):
            self.passed += report.when == "call" and report.passed

    count = Count()
    code = pytest.main(
        [
            *("-q", "--tb=native", "-W", "ignore", "-p", "no:cacheprovider"),
            *("--redis-url", f"redis://{HOST}:{PORT}/0"),
            *("-m", "not onlycluster and not redismod"),
            *("-k", names),
            *(f"tests/{name}" for name in files),
        ],
        plugins=[count],
    )
    assert code == 0, code
    assert count.passed >= passed_min, f"only {count.passed} tests were run"
    finished(f"{count.passed} tests of redis-py's own")


match sys.argv[2]:
    case "walrus":
        walrus()
    case "redis-py":
        redis_py(REDIS_PY_FILES, f"not ({' or '.join(REDIS_PY_WITHOUT)})", 440)
    case "redis-py-streams":
        redis_py(["test_commands.py"], "test_x", 60)
