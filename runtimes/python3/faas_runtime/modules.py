"""Which modules functions find beside Python's own library and their package.

The interpreters of two hosts have different ones: what Debian's packages have brought with them,
what an administrator has installed. A function that runs on one must run on the other, so both have
those of the list modules.txt, and no other.
"""
import os
import site
import sys
from importlib.machinery import PathFinder

_INSTALLED = ("dist-packages", "site-packages")  # names of folders in which installed modules are
_LIST = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "modules.txt")


def restrict():
    """Takes the folders of installed modules off the path and offers those of the list that they have.

    Returns what offers them.
    """
    folders = site.getsitepackages()  # a child of multiprocessing's "spawn" is given a path without them
    folders += [folder for folder in sys.path if os.path.basename(folder) in _INSTALLED and folder not in folders]
    sys.path[:] = [folder for folder in sys.path if folder not in folders]
    forget(folders)
    with open(_LIST, encoding="utf-8") as file:
        lines = (line.partition("#")[0].strip() for line in file)
        offered = Offered(folders, frozenset(line for line in lines if line))
    sys.meta_path.append(offered)
    return offered


def forget(folders):
    """Lets modules go that the folders' .pth files have imported at the interpreter's start, and their finders."""
    within = tuple(os.path.join(folder, "") for folder in folders)
    for name in [name for name, module in sys.modules.items() if _is_of(module, within)]:
        del sys.modules[name]
    sys.meta_path[:] = [finder for finder in sys.meta_path if _module_of(finder) in sys.modules]


def _is_of(module, within):
    places = [getattr(module, "__file__", None) or "", *getattr(module, "__path__", ())]
    return any(place.startswith(within) for place in places)


def _module_of(finder):
    return (finder if isinstance(finder, type) else type(finder)).__module__.partition(".")[0]


def _entries(folder):
    try:
        return os.listdir(folder)
    except OSError:  # an interpreter's list of folders may name some that are not there
        return []


class Offered:
    """Finds the modules of the list, after all others: a package's own stand before them."""

    def __init__(self, folders, names):
        self.folders = folders
        self.names = names

    def find_spec(self, name, path=None, target=None):
        if path is None and name in self.names:
            return PathFinder.find_spec(name, self.folders, target)
        return None  # a part of a package is found by the package's own path

    def installed(self):
        """Returns the modules of the list that are there, by name, with the version that was installed or None.

        It goes by the folders' names: importlib.metadata would cost every worker time and memory.
        """
        there = {}
        for folder in self.folders:
            entries, versions = _entries(folder), {}
            for entry in entries:
                stem, _, end = entry.rpartition(".")
                if end in ("dist-info", "egg-info"):  # NAME-VERSION.dist-info, or with -pyX.Y
                    name, _, version = stem.partition("-")
                    versions[name.lower()] = version.partition("-")[0] or None
            for name in self.names.intersection(entry.partition(".")[0] for entry in entries).difference(there):
                there[name] = versions.get(name.lower())
        return sorted(there.items())

    def find_distributions(self, context):
        """Finds what importlib.metadata says of these modules."""
        from importlib.metadata import DistributionFinder, MetadataPathFinder

        within = DistributionFinder.Context(name=context.name, path=self.folders)
        for distribution in MetadataPathFinder.find_distributions(within):
            if (distribution.metadata["Name"] or "").lower().replace("-", "_") in self.names:
                yield distribution
