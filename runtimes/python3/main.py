"""The root process of the runtime for Python 3.8 and later: docs/runtime-protocol.md is what it speaks.

It imports what most functions need, then forks a slot whenever the agent asks for one, so that a
slot is warm from its first moment and shares the memory of what was imported.
"""
import os
import sys

# A function's own child process may import this file again, under another name: that of
# multiprocessing's "spawn" does. It finds the same modules, and is no runtime.
if __name__ in ("__main__", "__mp_main__"):
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    from faas_runtime import modules, root

    del sys.path[0]
    offered = modules.restrict()
    if __name__ == "__main__":
        sys.argv = [""]
        root.main(offered.installed())
