"""Names of what has limits, and limits with what is in use, as pages show them."""
import math

from django.utils.translation import gettext_lazy as _

NAMES = {
    'functions': _('Functions'),
    'function_versions': _('Versions of one function'),
    'aliases': _('Aliases'),
    'triggers': _('Triggers'),
    'jobs': _('Jobs'),
    'webhooks': _('Webhooks'),
    'package_bytes': _('Packages'),
    'worker_memory': _('Memory of workers'),
    'concurrent_executions': _('Executions at a time'),
    'calls_per_minute': _('Calls a minute'),
    'queued_executions': _('Queued executions'),
    'execution_bytes': _('Records of executions'),
    'execution_days': _('Days that records are kept'),
    'executions_per_function': _('Records of one function'),
}
BYTES = ('package_bytes', 'worker_memory', 'execution_bytes')


def written(name: str, number) -> str:
    if number is None:
        return '–'
    if number < 0:
        return '∞'
    if name not in BYTES:
        return f'{number:,}'
    for size, unit in ((1 << 30, 'GiB'), (1 << 20, 'MiB'), (1 << 10, 'KiB')):
        if number >= size:
            return f'{number / size:.3g} {unit}'
    return f'{number} B'


def share(limit: int, used: int) -> int:
    """How many of a hundred parts of a limit are used, rounded up: a bar shows the first of something."""
    if limit < 0:
        return 0
    return min(100, math.ceil(100 * used / limit)) if limit else 100


def bars(limits: dict) -> list:
    """Each limit with its name, what is used, and how full it is in percent and in a colour."""
    found = []
    for name in [*(n for n in NAMES if n in limits), *(n for n in limits if n not in NAMES)]:
        limit, used = limits[name].get('limit', -1), limits[name].get('used')
        full = share(limit, used or 0)
        found.append({
            'name': NAMES.get(name, name), 'limit': written(name, limit), 'used': written(name, used), 'share': full,
            'counted': used is not None, 'look': 'faas-bad' if full >= 95 else 'faas-poor' if full >= 75 else ''})
    return found
