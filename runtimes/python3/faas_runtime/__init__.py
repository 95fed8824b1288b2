"""The runtime's own code. Functions have no business here."""
import sys

STARTUP_MODULES = frozenset(sys.modules)  # what the interpreter itself had imported before any of this
