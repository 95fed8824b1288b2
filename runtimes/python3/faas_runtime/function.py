"""The function: how its entry is found and how it is called."""
import os
import sys
import time

from . import STARTUP_MODULES, event
from .event import EVENT_INPUT, InputError
from .folder import Folder

PLAIN_INPUT = "__function_input"  # the only key of an input that was no JSON object

_VARKEYWORDS = 0x08
_COROUTINE = 0x80


class EntryError(Exception):
    """The package has no such entry. The message says what it has."""


class Function:
    def __init__(self, code, entry, environment):
        self.folder = Folder(code)  # in the worker's home, whatever the function's HOME is
        set_environment(environment)
        sys.path[:0] = [code, self.folder.path]  # the second for modules that the function writes
        self.function = find(code, entry)
        names, flags = parameters(self.function)
        self.declares = frozenset(names)
        self.takes_all = bool(flags & _VARKEYWORDS)
        if getattr(getattr(self.function, "__code__", None), "co_flags", 0) & _COROUTINE:
            import asyncio  # noqa: F401: now, not within the time of a call

    def call(self, given, context):
        """Runs the function to its end and returns its result."""
        self.folder.restore()
        extra = self.wanted("context", context)
        if given is None:
            result = self.function(**extra)
        elif set(given) == {PLAIN_INPUT}:
            result = self.function(given[PLAIN_INPUT], **self.without_first(extra))
        else:
            if EVENT_INPUT in given:
                found, given = event.take(given)
                extra.update(self.wanted("event", found))
            result = self.function(**self.merge(given, extra))
        if hasattr(type(result), "__await__"):
            import asyncio

            result = asyncio.run(_await(result))
        return result

    def wanted(self, name, value):
        """Returns what the function gets beside its input, by its name, if it has a place for it."""
        return {name: value} if name in self.declares or self.takes_all else {}

    def merge(self, given, extra):
        """Returns the arguments. A key of the input's own goes to a function that has not asked for ours by name."""
        for name in extra:
            if name in given and name in self.declares:
                raise InputError(
                    "The input has a key '{0}', but the function's parameter {0} takes the service's own. Give the key "
                    "another name, or take it with **kwargs in a function that has no parameter {0}.".format(name)
                )
        return {**extra, **given}

    def without_first(self, extra):
        """Leaves the context out when the plain input already takes the parameter of that name."""
        names = parameters(self.function)[0]
        return {} if names[:1] == ["context"] else extra


def set_environment(environment):
    """Sets the function's variables, which its module may read while it is imported."""
    os.environ.update(environment)
    if "TZ" in environment:
        time.tzset()  # the C library has looked at the variable long ago


async def _await(awaitable):
    return await awaitable


def find(code, entry):
    """Imports the module of the entry "package.module.function" and returns the function."""
    module_name, _, name = entry.rpartition(".")
    if not module_name:
        raise EntryError("The entry %r is not of the form module.function." % entry)
    forget_shadowed(code)
    try:
        __import__(module_name)
    except ModuleNotFoundError as error:
        if error.name and (module_name + ".").startswith(error.name + "."):
            raise EntryError("The package has no module %r. %s" % (module_name, _has(modules(code)))) from None
        raise
    module = sys.modules[module_name]
    function = getattr(module, name, None)
    if function is None:
        names = [n for n, value in vars(module).items() if callable(value) and not n.startswith("_")]
        raise EntryError("The module %r has no function %r. %s" % (module_name, name, _has(names)))
    if not callable(function):
        raise EntryError(
            "%r of the module %r is no function but of type %s." % (name, module_name, type(function).__name__)
        )
    return function


def forget_shadowed(code):
    """Lets the package's modules go before those of the same name that we imported, as if we had imported none."""
    for name in os.listdir(code):
        name = name.partition(".")[0]
        if name not in STARTUP_MODULES:
            sys.modules.pop(name, None)


def _has(names):
    return "It has: %s." % ", ".join(sorted(names)[:50]) if names else "It has none."


def modules(code):
    """Returns the names of the package's modules, as an entry would name them."""
    found = []
    for folder, folders, files in os.walk(code):
        folders[:] = [f for f in folders if f.isidentifier() and f != "__pycache__"]
        prefix = "" if folder == code else os.path.relpath(folder, code).replace(os.sep, ".") + "."
        found += [prefix + f[:-3] for f in files if f.endswith(".py") and f != "__init__.py"]
        if len(found) > 50:
            break
    return found


def parameters(function):
    """Returns the names of the parameters and the flags of what will be called.

    It looks through decorators and partials.
    """
    for _ in range(32):  # a decorator may by mistake wrap itself
        inner = getattr(function, "__wrapped__", None) or getattr(function, "func", None)
        if inner is None or not callable(inner):
            break
        function = inner
    skip = 0
    if not hasattr(function, "__code__"):
        bound = getattr(function, "__func__", None)
        function = bound or getattr(type(function), "__call__", None)
        skip = 1
    elif hasattr(function, "__self__"):
        skip = 1
    code = getattr(function, "__code__", None)
    if code is None:
        return [], 0
    return list(code.co_varnames[skip:code.co_argcount + code.co_kwonlyargcount]), code.co_flags
