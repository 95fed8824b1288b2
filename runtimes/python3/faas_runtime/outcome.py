"""How a call ended, and how that is reported."""
import errno
import json
import os
import traceback

from .function import EntryError, InputError

_HERE = os.path.dirname(os.path.abspath(__file__))
_MOST_TRACE = 65536  # characters of a traceback's beginning, and of its end, that are printed
_MOST_TYPE = 60  # characters of the name of an exception's type
_encode_ascii = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode
_encode_plain = json.JSONEncoder(allow_nan=False, separators=(",", ":"), ensure_ascii=False).encode
_STARTS = frozenset(("fork", "forkpty", "fork_exec", "_fork_exec", "posix_spawn", "posix_spawnp"))  # start processes


def encode(value):
    """Returns the value as JSON in UTF-8."""
    try:
        return _encode_plain(value).encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which UTF-8 cannot write
        return _encode_ascii(value).encode()


class Outcome:
    """Success with a result in JSON, or failure with a message, perhaps a traceback, perhaps for want of resources."""

    def __init__(self, encoded=None, message="", trace="", error=None, resources=False, crowded=False):
        self.encoded = encoded
        self.message = message
        self.trace = trace
        self.error = error  # type and message of what was raised
        self.resources = resources
        self.crowded = crowded  # the worker is full of processes: the slot ends, and what it has started with it

    @classmethod
    def of_result(cls, result):
        try:
            return cls(encoded=encode(result))
        except MemoryError as error:
            return cls.of_exception(error)
        except Exception as error:
            kind = type(result).__name__
            return cls(message="The result, of type %s, is not JSON: %s" % (kind, describe(error)))

    @classmethod
    def of_exception(cls, error):
        kind, trace = type(error).__name__, format_traceback(error)
        if isinstance(error, (EntryError, InputError)):
            return cls(message=describe(error), trace=trace)
        crowded = lacks_processes(error)
        if isinstance(error, SystemExit):
            text = describe_exit(error)
            message = "The function called exit: %s" % text
        else:
            text = describe(error)
            message = "%s: %s" % (kind, text) if text else kind
        return cls(message=message, trace=trace, error=(kind[:_MOST_TYPE], text), crowded=crowded,
                   resources=crowded or lacks_memory(error))

    def print_traceback(self):
        """Writes the traceback to the log, whatever the function has made of sys.stderr."""
        trace = self.trace
        if len(trace) > 2 * _MOST_TRACE:
            trace = trace[:_MOST_TRACE] + "\n...\n" + trace[-_MOST_TRACE:]
        rest = trace.encode("utf-8", "backslashreplace")
        try:
            while rest:
                rest = rest[os.write(2, rest):]
        except OSError:
            pass  # the function has closed its standard error

    def line(self, limit, most_message, last):
        """Returns the message to the agent; last says that the process ends after it."""
        if self.encoded is not None and len(self.encoded) > limit:
            size, self.encoded = len(self.encoded), None
            self.message = "The result is too large: %d bytes of JSON, at most %d are allowed." % (size, limit)
        if self.encoded is not None:
            return b'{"type":"result","status":"success","output":' + self.encoded + b"}\n"
        fields = {"type": "result", "status": "failed", "output": self.message[:most_message]}
        if self.error:
            fields["error"] = {"type": self.error[0], "message": self.error[1][:most_message]}
        if self.resources:
            fields["resources"] = True
        if last:
            fields["last"] = True
        return encode(fields) + b"\n"


def lacks_memory(error):
    return isinstance(error, MemoryError) or isinstance(error, OSError) and error.errno == errno.ENOMEM


def lacks_processes(error):
    """Reports whether a process or a thread could not be started for want of room.

    The kernel says EAGAIN also where a socket has nothing to read. What tells them apart is who
    asked: the code in which the exception began.
    """
    if isinstance(error, RuntimeError):
        return bool(error.args) and error.args[0] == "can't start new thread"
    if not isinstance(error, BlockingIOError) or error.errno != errno.EAGAIN:
        return False
    trace = error.__traceback__
    if trace is None:
        return False
    while trace.tb_next is not None:
        trace = trace.tb_next
    return not _STARTS.isdisjoint(trace.tb_frame.f_code.co_names)


def describe(error):
    """Returns the exception's message, "" when it has none or cannot be formatted."""
    try:
        return str(error)
    except Exception:
        return ""


def describe_exit(error):
    code = error.code
    return "status %d" % (code or 0) if code is None or isinstance(code, int) else str(code)


def format_traceback(error):
    """Returns the traceback without the runtime's own frames at its head; "" for an error that is the runtime's own."""
    if isinstance(error, (EntryError, InputError)):
        return describe(error) + "\n"
    trace = error.__traceback__
    while trace is not None and own(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    try:
        return "".join(traceback.format_exception(type(error), error, trace))
    except BaseException:  # formatting runs the function's code, and needs memory
        return type(error).__name__ + "\n"


def own(filename):
    return filename.startswith((_HERE, "<frozen importlib"))
