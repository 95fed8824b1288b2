"""The root process: starts slots and kills them when the agent asks, and reports when one has ended."""
import gc
import os
import platform
import select
import signal
import sys

from . import slot, wire

PROTOCOL = 1

# What many functions import. Each costs every worker memory, which is why asyncio (1.7 MB, 15 ms)
# is not among them.
WARM = (
    "base64", "collections", "contextlib", "copy", "csv", "datetime", "decimal", "enum", "functools", "hashlib", "hmac",
    "io", "itertools", "json", "logging", "math", "operator", "random", "re", "secrets", "string", "tempfile", "time",
    "traceback", "typing", "urllib.parse", "urllib.request", "uuid",
)


_MOST_MODULES = 16384  # bytes of what is said of modules


def main(installed):
    """Serves the agent; installed is what functions find beside Python's own library: names and versions."""
    path = os.environ.pop("FAAS_SOCKET")
    for name in WARM:
        __import__(name)
    root = Root(path)
    root.serve(described(installed))


def described(installed):
    """Returns modules as the agent is told of them, as many as have room in its message."""
    told, size = [], 0
    for name, version in installed:
        size += len('{"name":"","version":""},') + len(name) + len(version or "")
        if size > _MOST_MODULES:
            break
        told.append({"name": name, "version": version})
    return told


class Root:
    def __init__(self, path):
        self.path = path
        self.slots = {}  # process id to the number that the agent gave the slot
        self.wake, wake_write = os.pipe()
        os.set_blocking(self.wake, False)
        os.set_blocking(wake_write, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        self.wake_write = wake_write
        self.wire = wire.connect(path)
        gc.collect()
        gc.disable()  # a collection between here and a fork would undo the sharing; the slots collect
        gc.freeze()

    def serve(self, modules):
        """Serves the agent until it closes the connection, which ends every slot."""
        self.wire.send(type="hello", protocol=PROTOCOL, runtime="python3", version=platform.python_version(),
                       interpreter="Python " + platform.python_version(), modules=modules,
                       bounds_memory="load", reports_load=True, environment=True)
        poll = select.poll()
        poll.register(self.wire.sock, select.POLLIN)
        poll.register(self.wake, select.POLLIN)
        while True:
            ready = [fd for fd, _ in poll.poll()]
            if self.wake in ready:
                self.reap()
            if self.wire.sock.fileno() in ready and not self.obey():
                break
        for pid in self.slots:
            kill(pid)

    def obey(self):
        """Does what the agent asks; returns False when it is gone."""
        while True:
            message = self.wire.receive()
            if message is None:
                return False
            if message["type"] == "start":
                self.start(message)
            elif message["type"] == "kill":
                for pid, number in self.slots.items():
                    if number == message["slot"]:
                        kill(pid)
            if not self.wire.pending():
                return True

    def start(self, message):
        try:
            pid = os.fork()
        except OSError as error:
            self.wire.send(type="exited", slot=message["slot"], code=1, message="cannot start a slot: %s" % error)
            return
        if pid == 0:
            self.become_slot(message)
        self.slots[pid] = message["slot"]

    def become_slot(self, message):
        """Runs in the new process and never returns."""
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.close(self.wake)
            os.close(self.wake_write)
            self.wire.close()
            gc.enable()
            status = slot.run(self.path, message)
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(status)

    def reap(self):
        """Reports every slot that has ended to the agent."""
        try:
            while os.read(self.wake, 512):
                pass
        except BlockingIOError:
            pass
        while self.slots:
            info = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if info is None:
                return
            kill(info.si_pid)  # its children; before it is waited for, while its id cannot be another's
            os.waitpid(info.si_pid, 0)
            number = self.slots.pop(info.si_pid, None)
            if number is not None:
                field = "code" if info.si_code == os.CLD_EXITED else "signal"
                self.wire.send(type="exited", slot=number, **{field: info.si_status})


def kill(pid):
    """Kills a slot and what it started. Until it leads its group, as its first act, it has no children."""
    for end in (os.killpg, os.kill):
        try:
            end(pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
