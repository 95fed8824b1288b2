"""The working folder: the package's files, and beside them what the function writes.

It is the worker's, in its home, so that it can be written and ends with the worker. The package's
files are links into the folder of the code, which cannot be written: nobody copies them, and what a
call does to a link is undone before the next.
"""
import os
import shutil
import time

NAME = ".package"  # in the worker's home

# A folder's time of change is the kernel's clock at its last tick, so one that is this old, in
# nanoseconds, was not changed since without a later time to show for it.
_TICKS = 50_000_000


class Folder:
    def __init__(self, code):
        self.code = code
        self.names = os.listdir(code)
        self.path = os.path.join(os.environ["HOME"], NAME)
        self._whole = None  # the time of change at which every link was in its place
        try:
            os.makedirs(self.path, 0o700, exist_ok=True)
            self.restore()
            os.chdir(self.path)
        except OSError:  # no room: better a folder that cannot be written than none
            self.path = code
            os.chdir(code)

    def restore(self):
        """Puts every link back into its place. Slots share the folder, and may do this at the same time."""
        if self.path == self.code:
            return
        try:
            changed = os.stat(self.path).st_ctime_ns
        except FileNotFoundError:
            os.makedirs(self.path, 0o700, exist_ok=True)
            os.chdir(self.path)
            changed = 0
        if changed == self._whole:
            return
        for name in self.names:
            put(os.path.join(self.code, name), os.path.join(self.path, name))
        changed = os.stat(self.path).st_ctime_ns
        self._whole = changed if time.time_ns() - changed > _TICKS else None


def put(target, link):
    try:
        if os.readlink(link) == target:
            return
    except OSError:
        pass  # there is something else, or nothing
    try:
        os.unlink(link)
    except FileNotFoundError:
        pass
    except OSError:
        shutil.rmtree(link, ignore_errors=True)
    try:
        os.symlink(target, link)
    except FileExistsError:
        pass  # another slot was faster
