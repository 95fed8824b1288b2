"""What an execution's result says, as pages show it."""
import json

from faas_dashboard import api


def of(execution) -> api.Thing:
    """Duration, output and error. The service keeps them as JSON text; a long one may be cut, and is then no JSON."""
    try:
        found = json.loads(execution.result or '{}')
    except ValueError:
        return api.Thing(output=execution.result)
    return api.Thing(found if isinstance(found, dict) else {'output': found})
