"""A slot: a process that loads the function once and answers one call after another."""
import os

from . import wire
from .context import Cloud
from .function import Function
from .log import Log
from .outcome import Outcome

_MOST_MESSAGE = 16384  # characters of a failure's message; the traceback is in the log in any case


def run(path, message):
    """Serves the agent until it closes the connection, and returns the status to exit with."""
    os.setsid()
    redirect(message["output"])
    offer_to_kernel()
    log = Log(message.get("late"))
    log.open()
    slot = Slot(wire.connect(path), log)
    slot.wire.send(type="ready", slot=message["slot"], nonce=message["nonce"], pid=slot.pid)
    return slot.serve()


def redirect(output):
    """Makes the agent's pipe the standard output and error of this process and of the children it will have."""
    null = os.open(os.devnull, os.O_RDONLY)
    pipe = os.open(output, os.O_WRONLY)
    for source, target in ((null, 0), (pipe, 1), (pipe, 2)):
        os.dup2(source, target)
    os.close(null)
    os.close(pipe)


def offer_to_kernel():
    """Lets the kernel, when memory runs out, take this process rather than the root."""
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")
    except OSError:
        pass


class Slot:
    def __init__(self, connection, log):
        self.wire = connection
        self.log = log
        self.pid = os.getpid()
        self.function = None
        self.limit = 0  # bytes of a result
        self.failed_load = None
        self.cloud = Cloud(connection)

    def serve(self):
        while True:
            message = self.wire.receive()
            if message is None:
                return 0
            if message["type"] == "load":
                self.load(message)
            elif message["type"] == "credentials":
                self.cloud.update(message["context"])
            elif message["type"] == "call":
                if self.answer(message):
                    return 0  # the next call finds a fresh process and loads again

    def load(self, message):
        self.limit = message["result_limit"]
        self.failed_load = None
        if not message.get("memory_bounded", True):
            bound_memory(message["memory"])
        try:
            self.function = Function(message["code"], message["entry"], message.get("environment", {}))
        except BaseException as error:
            self.stay_in_slot(error)
            self.failed_load = Outcome.of_exception(error)
        self.stay_in_slot()
        if message.get("report"):
            self.wire.send(type="loaded")  # from now on the call's time counts

    def answer(self, message):
        """Answers a call; returns True when the process must end after it."""
        self.log.begin(message["id"])
        outcome = self.failed_load or self.call(message)
        self.stay_in_slot()
        outcome.print_traceback()
        self.log.end()
        last = self.failed_load is not None or outcome.crowded
        self.wire.send_line(outcome.line(self.limit, _MOST_MESSAGE, last))
        return last

    def call(self, message):
        try:
            result = self.function.call(message.get("input"), self.cloud.begin(message.get("context")))
        except BaseException as error:
            self.stay_in_slot(error)
            return Outcome.of_exception(error)
        finally:
            self.cloud.end()
        self.stay_in_slot()
        return Outcome.of_result(result)

    def stay_in_slot(self, error=None):
        """Ends a process that the function forked and let return here: the connection is the slot's alone."""
        if os.getpid() == self.pid:
            return
        status = 0
        if isinstance(error, SystemExit):
            status = error.code if isinstance(error.code, int) else int(error.code is not None)
        elif error is not None:
            Outcome.of_exception(error).print_traceback()
            status = 1
        os._exit(status & 0xFF)


def bound_memory(size):
    """Bounds what this process may still allocate, on a host whose kernel does not bound the worker's memory."""
    import _thread
    import resource

    with open("/proc/self/status") as file:
        used = next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmData:"))
    resource.setrlimit(resource.RLIMIT_DATA, (used + size, used + size))
    _thread.stack_size(1 << 20)  # a thread's stack counts whole; by default it is 8 MiB
