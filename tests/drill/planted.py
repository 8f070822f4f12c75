"""planted.py FAULT PROGRAM ARGUMENTS...: the server PROGRAM behind a proxy with one fault.

early            XADD to a writer's own stream is answered before it is passed on
twice            now and then, such an XADD is passed on twice
split            the commands of a MULTI are carried out one by one at EXEC
shown            XREVRANGE shows an entry that is not there
unacknowledged   XACK is answered and not passed on
abrupt           SIGTERM ends it with exit code 3
crashing         now and then, it ends with exit code 7
once             it starts only once
"""

import ctypes
import fcntl
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time

FAULT, PROGRAM, ARGUMENTS = sys.argv[1], sys.argv[2], sys.argv[3:]
AT = ARGUMENTS.index("--unixsocket") + 1
FRONT, BACK = ARGUMENTS[AT], ARGUMENTS[AT] + ".real"
ARGUMENTS[AT] = BACK
PR_SET_PDEATHSIG = 1


def real_server():
    """It dies with us, as the drill kills only its child."""
    if os.path.exists(BACK):
        os.unlink(BACK)
    # The one before may not be quite dead: nobody but the drill's own child is waited for.
    lock = os.path.join(ARGUMENTS[ARGUMENTS.index("--dir") + 1], "LOCK")
    if os.path.exists(lock):
        with open(lock, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
    libc = ctypes.CDLL(None)
    child = subprocess.Popen(
        [PROGRAM, *ARGUMENTS],
        preexec_fn=lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL),
    )
    while True:
        if child.poll() is not None:
            sys.exit(child.returncode)
        try:
            connect().close()
            return child
        except OSError:
            time.sleep(0.002)


def connect():
    back = socket.socket(socket.AF_UNIX)
    back.connect(BACK)
    return back


def frame(file):
    """One request or reply, as bytes and as values."""
    line = file.readline()
    if not line.endswith(b"\r\n"):
        raise EOFError
    if line[:1] == b"$" and line != b"$-1\r\n":
        body = file.read(int(line[1:]) + 2)
        return line + body, body[:-2]
    if line[:1] == b"*" and line != b"*-1\r\n":
        raw, values = line, []
        for _ in range(int(line[1:])):
            more, value = frame(file)
            raw += more
            values.append(value)
        return raw, values
    return line, line[1:-2]


def encode(words):
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)


class Session:
    def __init__(self, front):
        self.front, self.back = front, connect()
        self.requests, self.replies = front.makefile("rb"), self.back.makefile("rb")
        self.queue = None
        self.sequence = 0

    def ask(self, words):
        self.back.sendall(encode(words))
        return frame(self.replies)

    def run(self):
        try:
            while True:
                _, words = frame(self.requests)
                self.front.sendall(self.answer(words))
        except (EOFError, OSError, ValueError):
            self.front.close()

    def answer(self, words):
        name = words[0].upper()
        if FAULT == "split":
            return self.in_parts(name, words)
        own_add = name == b"XADD" and words[1].startswith(b"own:") and b"*" in words
        if name == b"MULTI":
            self.queue = True
        elif name == b"EXEC":
            self.queue = None
        if self.queue:
            return self.ask(words)[0]
        if FAULT == "early" and own_add:
            return self.early(words)
        if FAULT == "crashing" and random.random() < 0.002:
            os._exit(7)
        if FAULT == "twice" and own_add and random.random() < 0.05:
            self.ask(words)
        if FAULT == "unacknowledged" and name == b"XACK" and len(words) > 4:
            return b":%d\r\n" % (len(words) - 3)
        raw, values = self.ask(words)
        if FAULT == "shown" and name == b"XREVRANGE" and values:
            ms, seq = values[0][0].split(b"-")
            entry = [b"o", b"0", b"n", b"1", b"p", b"b"]
            shown = encode([b"%s-%d" % (ms, int(seq) + 1000)]).removeprefix(b"*1\r\n")
            return b"*1\r\n*2\r\n" + shown + encode(entry)
        return raw

    def early(self, words):
        # Above whatever the server has given out in this stream.
        _, facts = self.ask([b"XREVRANGE", words[1], b"+", b"-", b"COUNT", b"1"])
        last = int(facts[0][0].split(b"-")[0]) if facts else 0
        self.sequence = max(self.sequence, last, int(time.time() * 1000)) + 1
        identifier = b"%d-0" % self.sequence
        words[words.index(b"*")] = identifier
        self.front.sendall(b"$%d\r\n%s\r\n" % (len(identifier), identifier))
        time.sleep(0.005)
        self.ask(words)
        return b""

    def in_parts(self, name, words):
        if name == b"MULTI":
            self.queue = []
            return b"+OK\r\n"
        if name == b"EXEC":
            queue, self.queue = self.queue, None
            replies = []
            for queued in queue:
                replies.append(self.ask(queued)[0])
                time.sleep(0.002)
            return b"*%d\r\n" % len(replies) + b"".join(replies)
        if self.queue is not None:
            self.queue.append(words)
            return b"+QUEUED\r\n"
        return self.ask(words)[0]


def main():
    if FAULT == "once":
        if os.path.exists(FRONT + ".once"):
            sys.exit("not again")
        open(FRONT + ".once", "w").close()
    child = real_server()

    def stop(*_):
        child.terminate()
        child.wait()
        os._exit(3 if FAULT == "abrupt" else 0)

    signal.signal(signal.SIGTERM, stop)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(FRONT)
    listener.listen(64)
    while True:
        front, _ = listener.accept()
        threading.Thread(target=Session(front).run, daemon=True).start()


main()
