"""Whose log a line belongs to.

A thread may live on after the call that started it was answered. What it prints then belongs to
that call, whose log has been read already, and never to the call that runs meanwhile. Threads
therefore know their call, and standard output and error ask: what is late goes to the agent by a
pipe of its own, with the id of its execution.
"""
import io
import json
import os
import sys
import threading

_MOST = 2048  # bytes of one message to the agent; a longer line is divided
_MOST_THREADS = 64  # whose unfinished lines are kept
_POOL = "concurrent.futures.thread"


class Log:
    def __init__(self, late):
        self._late = os.open(late, os.O_WRONLY) if late else None  # None: the agent does not ask
        self._main = threading.get_ident()
        self._call = None  # the execution that runs, None between calls
        self._called = False  # a call has begun at some time
        self._rest = {}  # of late lines that are not complete: thread to execution and bytes
        self._lock = threading.RLock()  # what is written under it is in the pipe before the call is answered
        self._pools = False  # pools of threads hand the call on
        self._slot = True  # this is the slot's process, not one that it forked
        os.register_at_fork(after_in_child=self._forked)
        self._adopt_threads()

    def open(self):
        """Makes this process's standard output and error write here."""
        sys.stdout = sys.__stdout__ = self._stream(1)
        sys.stderr = sys.__stderr__ = self._stream(2)

    def _stream(self, descriptor):
        """Returns a text stream that writes at once, in order with what child processes write.

        It never fails on a character.
        """
        raw = _Descriptor(descriptor, self)
        return io.TextIOWrapper(raw, encoding="utf-8", errors="backslashreplace", write_through=True)

    def begin(self, call):
        if not self._pools and _POOL in sys.modules:
            self._pools = True
            self._adopt_pools(sys.modules[_POOL].ThreadPoolExecutor)
        with self._lock:
            for ident in list(self._rest):
                self._send(*self._rest.pop(ident))
            self._call, self._called = call, True

    def end(self):
        """Ends the call, before it is answered: what is printed from now on is late."""
        with self._lock:
            self._call = None

    def write(self, write, data):
        if threading.get_ident() == self._main or not self._slot or self._late is None:
            return write(data)
        with self._lock:
            owner = self._owner()
            if owner == self._call or owner is None and (self._call or not self._called):
                return write(data)
            return self._write_late(owner or "", bytes(data))

    def _owner(self):
        """Returns the call that this thread works for; None for one that works for no single call."""
        if threading.get_ident() == self._main:
            return self._call
        thread = threading.current_thread()
        if not hasattr(thread, "_faas_call"):  # it was not made by threading
            thread._faas_call = self._call
        return thread._faas_call

    def _write_late(self, owner, data):
        ident = threading.get_ident()
        _, rest = self._rest.pop(ident, (owner, b""))
        rest += data
        whole = len(rest) if len(rest) > _MOST or len(self._rest) > _MOST_THREADS else rest.rfind(b"\n") + 1
        for at in range(0, whole, _MOST):
            self._send(owner, rest[at:min(at + _MOST, whole)])
        if rest[whole:]:
            self._rest[ident] = (owner, rest[whole:])
        return len(data)

    def _send(self, owner, text):
        message = {"id": owner, "during": self._call or "", "text": text.decode("utf-8", "replace")}
        line = json.dumps(message).encode() + b"\n"
        try:
            while line:
                line = line[os.write(self._late, line):]
        except OSError:
            pass  # the function has closed it

    def _adopt_threads(self):
        """Has each thread know for which call it was started: the one that its starter works for."""
        start = threading.Thread.start

        def start_for_call(thread):
            thread._faas_call = self._owner()
            return start(thread)

        threading.Thread.start = start_for_call

    def _adopt_pools(self, executor):
        """Has the threads of pools, which serve one call after another, work for the call that submits."""
        submit = executor.submit

        def submit_for_call(pool, function, /, *arguments, **named):
            return submit(pool, self._work, self._owner(), function, arguments, named)

        executor.submit = submit_for_call

    @staticmethod
    def _work(call, function, arguments, named):
        threading.current_thread()._faas_call = call
        return function(*arguments, **named)

    def _forked(self):
        self._slot, self._lock = False, threading.RLock()


class _Descriptor(io.FileIO):
    def __init__(self, descriptor, log):
        super().__init__(descriptor, "w", closefd=False)
        self._log = log

    def write(self, data):
        return self._log.write(super().write, data)
