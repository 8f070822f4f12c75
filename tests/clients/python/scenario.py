"""What the scripts here share: their server, its restart, waiting, and the last line."""

import asyncio
import os
import signal
import subprocess
import sys
import time

PORT = int(sys.argv[1])
HOST = "127.0.0.1"
URL = f"redis://{HOST}:{PORT}/0"

# How long to wait for what must happen: far beyond any healthy run.
PATIENCE_S = 60


def kill_and_restart_server():
    """kill -9 of the server; returns once it is back on the same port and data."""
    print("kill -9 and restart the server", flush=True)
    sys.stdin.readline()


def wait_until(condition, what):
    """Polls until the condition holds."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, f"waited in vain: {what}"
        time.sleep(0.01)


async def eventually(condition, what):
    """The same inside asyncio; the condition is a function or a coroutine function."""
    end = time.monotonic() + PATIENCE_S
    while True:
        held = condition()
        if asyncio.iscoroutine(held):
            held = await held
        if held:
            return
        assert time.monotonic() < end, f"waited in vain: {what}"
        await asyncio.sleep(0.01)


class Child:
    """This script as a process of its own, in another role: `script.py PORT ROLE ...`."""

    def __init__(self, *role):
        self.process = subprocess.Popen(
            [sys.executable, os.path.abspath(sys.argv[0]), str(PORT), *role],
            stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
        )

    def line(self):
        """The next line that it prints."""
        return self.process.stdout.readline().strip()

    def kill(self):
        """SIGKILL: the worker that crashes."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()

    def stop(self):
        """SIGTERM: ends in order, and takes along the processes that it made."""
        self.process.terminate()
        self.process.wait(PATIENCE_S)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()


def role():
    """The role of this process; none is the test itself."""
    return sys.argv[2] if len(sys.argv) > 2 else None


def finished(what):
    print(f"{what}: all scenarios passed", flush=True)
