"""How a call ended, and how that is reported."""
import json
import os
import traceback

_HERE = os.path.dirname(os.path.abspath(__file__))
_MOST_TRACE = 65536  # characters of a traceback's beginning, and of its end, that are printed
_encode = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode


class Outcome:
    """Success with a result in JSON, or failure with a message, perhaps a traceback, perhaps for want of memory."""

    def __init__(self, encoded=None, message="", trace="", resources=False):
        self.encoded = encoded
        self.message = message
        self.trace = trace
        self.resources = resources

    @classmethod
    def of_result(cls, result):
        try:
            return cls(encoded=_encode(result))
        except MemoryError as error:
            return cls.of_exception(error)
        except Exception as error:
            kind = type(result).__name__
            return cls(message="The result, of type %s, is not JSON: %s" % (kind, describe(error)))

    @classmethod
    def of_exception(cls, error):
        if isinstance(error, MemoryError):
            return cls(message="MemoryError", trace=format_traceback(error), resources=True)
        if isinstance(error, SystemExit):
            return cls(message="The function called exit: %s" % describe_exit(error), trace=format_traceback(error))
        return cls(message=describe(error), trace=format_traceback(error))

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
            return b'{"type":"result","status":"success","output":' + self.encoded.encode() + b"}\n"
        fields = {"type": "result", "status": "failed", "output": self.message[:most_message]}
        if self.resources:
            fields["resources"] = True
        if last:
            fields["last"] = True
        return _encode(fields).encode() + b"\n"


def describe(error):
    """Returns the exception's message, or its type's name when it has none or cannot be formatted."""
    try:
        return str(error) or type(error).__name__
    except Exception:
        return type(error).__name__


def describe_exit(error):
    code = error.code
    return "status %d" % (code or 0) if code is None or isinstance(code, int) else str(code)


def format_traceback(error):
    """Returns the traceback without the runtime's own frames at its head; "" for an error that is the runtime's own."""
    if type(error).__name__ == "EntryError":
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
