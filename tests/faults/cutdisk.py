"""A disk with a volatile write cache, for nbdkit: what was not flushed is kept, lost or torn at a cut.

    nbdkit python cutdisk.py image=FILE control=FILE

Orders are put into the control file (rename(2) into place), which goes when they are carried out:

    cut SEED PERCENT    power off: each unflushed sector is kept with that probability; then all fails
    eio COUNT           the next COUNT writes fail (but for one that goes on where the one before ended: it may
                        be the second half of one, and Linux's loop device takes a write that fails after
                        its first half for a success)
    slow MILLISECONDS   every flush takes that much longer
"""

import builtins
import errno
import os
import random
import threading
import time

import nbdkit

API_VERSION = 2
SECTOR = 512

cfg = {}
lock = threading.Lock()
pending = []  # writes since the last flush: (offset, bytes)
state = {"dead": False, "eio": 0, "slow": 0.0, "end": 0}


def config(key, value):
    cfg[key] = os.path.abspath(value)


def thread_model():
    return nbdkit.THREAD_MODEL_SERIALIZE_ALL_REQUESTS


def get_ready():
    cfg["fd"] = os.open(cfg["image"], os.O_RDWR)


def after_fork():
    threading.Thread(target=watch, daemon=True).start()


def open(readonly):
    return 1


def get_size(handle):
    return os.fstat(cfg["fd"]).st_size


def can_flush(handle):
    return True


def can_fua(handle):
    return nbdkit.FUA_EMULATE  # a FUA write is a write and a flush


def fail():
    nbdkit.set_error(errno.EIO)
    raise OSError(errno.EIO, "injected")


def obey(words):
    if words[0] == "cut":
        rng = random.Random(int(words[1]))
        for offset, data in pending:
            for at in range(0, len(data), SECTOR):
                if rng.random() * 100 < float(words[2]):
                    os.pwrite(cfg["fd"], data[at : at + SECTOR], offset + at)
        pending.clear()
        state["dead"] = True
    elif words[0] == "eio":
        state["eio"] = int(words[1])
    elif words[0] == "slow":
        state["slow"] = int(words[1]) / 1000


def watch():
    while True:
        time.sleep(0.002)
        try:
            with builtins.open(cfg["control"]) as file:
                words = file.read().split()
        except FileNotFoundError:
            continue
        with lock:
            obey(words)
        os.unlink(cfg["control"])


def pread(handle, buffer, offset, flags):
    with lock:
        if state["dead"]:
            fail()
        data = bytearray(os.pread(cfg["fd"], len(buffer), offset).ljust(len(buffer), b"\0"))
        for at, written in pending:
            low, high = max(at, offset), min(at + len(written), offset + len(buffer))
            if low < high:
                data[low - offset : high - offset] = written[low - at : high - at]
        buffer[:] = data


def pwrite(handle, buffer, offset, flags):
    with lock:
        if state["dead"]:
            fail()
        goes_on = offset == state["end"]
        state["end"] = offset + len(buffer)
        if state["eio"] and not goes_on:
            state["eio"] -= 1
            fail()
        pending.append((offset, bytes(buffer)))


def flush(handle, flags):
    time.sleep(state["slow"])
    with lock:
        if state["dead"]:
            fail()
        for offset, data in pending:
            os.pwrite(cfg["fd"], data, offset)
        pending.clear()
