"""The root process of the runtime for Python 3.8 and later: docs/runtime-protocol.md is what it speaks.

It imports what most functions need, then forks a slot whenever the agent asks for one, so that a
slot is warm from its first moment and shares the memory of what was imported.
"""
import os
import sys

if __name__ == "__main__":  # a function's own child process may import this file again: multiprocessing's "spawn" does
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    from faas_runtime import root

    del sys.path[0]
    sys.argv = [""]
    root.main()
