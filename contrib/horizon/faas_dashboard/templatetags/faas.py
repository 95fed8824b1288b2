"""Filters of the pages: times, sizes, states and JSON as people read them."""
import datetime
import html as python_html
import json

from django import template
from django.utils import html
from django.utils import safestring
from django.utils.translation import gettext as _

register = template.Library()

# Each state's look. Words are always there too: colour alone says nothing to many.
LOOKS = {
    'success': 'good', 'available': 'good', 'active': 'good', 'done': 'good',
    'running': 'busy', 'pending': 'busy', 'creating': 'busy', 'upgrading': 'busy', 'deleting': 'busy',
    'failed': 'bad', 'error': 'bad',
    'paused': 'still', 'cancelled': 'still',
}


def parse(text):
    """A time as the service writes it, which is UTC."""
    try:
        return datetime.datetime.fromisoformat(text.replace('Z', '')[:26]).replace(tzinfo=datetime.timezone.utc)
    except (AttributeError, ValueError):
        return None


@register.filter
def time(text):
    return parse(text)


@register.filter
def state(status):
    return html.format_html(
        '<span class="faas-state faas-{}">{}</span>', LOOKS.get(status, 'still'), status or _('unknown'))


@register.filter
def mib(size):
    return f'{int(size or 0) / 1048576:g} MiB'


@register.filter
def pretty(text):
    """JSON with indents; anything else as it is."""
    if text in (None, ''):
        return ''
    try:
        value = json.loads(text) if isinstance(text, str) else text
    except ValueError:
        return text
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)


@register.filter
def exact(text):
    """Text as it is, escaped by Python.

    Horizon's own escaping makes {% of {$, so that AngularJS evaluates nothing: code would change each time that it is
    saved. Where this is used, the page has ng-non-bindable instead.
    """
    return safestring.mark_safe(python_html.escape(str(text)))


@register.filter
def lookup(names, key):
    return (names or {}).get(key, key)


@register.filter
def rounded(number, digits=2):
    return f'{float(number or 0):,.{int(digits)}f}'


@register.inclusion_tag('faas_dashboard/_target.html')
def target(thing, names):
    """What a trigger, job or webhook calls, with a link to it."""
    return {'thing': thing, 'name': (names or {}).get(thing.function_id, (thing.function_id or '')[:13])}
