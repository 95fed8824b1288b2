"""The ways of events to functions, as pictures of what the service has on record."""
import typing

from django import urls
from django.utils.translation import gettext as _

from faas_dashboard import api
from faas_dashboard.pictures import way

# More boxes than this are no picture any more; the lists have them all.
MOST = 8

SENDERS = {
    'clock': _('Clock'), 'webhook': _('Anybody, by HTTP'), 'aodh': _('Aodh'), 'zaqar': _('Zaqar'),
    'swift': _('Swift'), 'notification': _('Message bus'),
}


def subject(trigger: api.Thing) -> str:
    """What of its source a trigger listens to, in a few words."""
    settings = trigger.settings or {}
    for key in ('pattern', 'container', 'queue', 'event_type', 'alarm_id'):
        if settings.get(key):
            return str(settings[key])
    alarm = settings.get('alarm') or {}
    return str((alarm.get('rule') or {}).get('event_type') or alarm.get('type') or settings.get('type') or '')


def sender(trigger: api.Thing) -> way.Node:
    name = SENDERS.get(trigger.source, trigger.source)
    return way.Node(f'source:{trigger.id}', name, subject(trigger), look='faas-outer')


def trigger_node(trigger: api.Thing) -> way.Node:
    wanted = _('filtered') if trigger.filter else _('every event')
    return way.Node(f'trigger:{trigger.id}', trigger.title, f'{trigger.status}, {wanted}',
                    urls.reverse('horizon:project:faas_triggers:detail', args=[trigger.id]),
                    'faas-bad' if trigger.status == 'error' else '')


def function_node(function: api.Thing, version: int = 0) -> way.Node:
    note = _('version %s') % version if version else function.entry or _('container image')
    return way.Node(f'function:{function.id}', function.title, note,
                    urls.reverse('horizon:project:faas_functions:detail', args=[function.id]), 'faas-main')


def destinations(function: api.Thing, names: dict) -> typing.Tuple[list, list]:
    """Where outcomes go, and the arrows there."""
    nodes, edges = [], []
    kinds = {'url': _('URL'), 'queue': _('queue'), 'function_alias': _('alias'), 'function_id': _('function')}
    for member, when in (('on_success', _('on success')), ('on_failure', _('on failure'))):
        place = function.get(member)
        if not place:
            continue
        kind = next(kind for kind in kinds if place.get(kind))
        value = place[kind]
        href = urls.reverse('horizon:project:faas_functions:detail', args=[value]) if kind == 'function_id' else None
        nodes.append(way.Node(member, names.get(value, value), f'{when}: {kinds[kind]}', href, 'faas-outer'))
        edges.append(way.Edge(f'function:{function.id}', member))
    return nodes, edges


def of_trigger(trigger: api.Thing, alias: typing.Optional[api.Thing], function: typing.Optional[api.Thing],
               names: dict) -> str:
    """Source, trigger, perhaps an alias, function, destinations. What is gone is left out."""
    columns = [[sender(trigger)], [trigger_node(trigger)]]
    edges = [way.Edge(f'source:{trigger.id}', f'trigger:{trigger.id}')]
    before = f'trigger:{trigger.id}'
    if trigger.function_alias:
        version = alias.function_version if alias else 0
        columns.append([alias_node(trigger.function_alias, version)])
        edges.append(way.Edge(before, f'alias:{trigger.function_alias}'))
        before = f'alias:{trigger.function_alias}'
    if function:
        nodes, more = destinations(function, names)
        columns += [[function_node(function, trigger.function_version or 0)], nodes]
        edges += [way.Edge(before, f'function:{function.id}'), *more]
    return way.draw(_('The way of an event'), columns, edges)


def alias_node(name: str, version: int = 0) -> way.Node:
    note = _('alias of version %s') % version if version else _('alias')
    return way.Node(f'alias:{name}', name, note, urls.reverse('horizon:project:faas_aliases:index'))


def callers(request, function: api.Thing) -> typing.Tuple[list, list, list]:
    """Triggers, jobs and webhooks that call the function, by its id or by aliases of it; and those aliases."""
    client = api.client(request)
    aliases = [a for a in api.things(client.aliases.list(function_id=function.id)) if a.function_id == function.id]
    names = {alias.name for alias in aliases}

    def calls(thing: api.Thing) -> bool:
        return thing.function_id == function.id or thing.function_alias in names

    triggers = [t for t in api.things(client.triggers.list()) if calls(t)]
    others = [('job', t) for t in api.things(client.jobs.list()) if calls(t) and t.status in ('running', 'paused')]
    others += [('webhook', t) for t in api.things(client.webhooks.list()) if calls(t)]
    return triggers, others, aliases


def other_node(kind: str, thing: api.Thing) -> way.Node:
    if kind == 'job':
        return way.Node(f'job:{thing.id}', thing.title, _('job, %s') % (thing.pattern or _('once')),
                        urls.reverse('horizon:project:faas_jobs:detail', args=[thing.id]))
    return way.Node(f'webhook:{thing.id}', thing.description or thing.id[:13], _('webhook'),
                    urls.reverse('horizon:project:faas_webhooks:detail', args=[thing.id]))


def of_function(request, function: api.Thing, names: dict) -> typing.Tuple[str, int]:
    """The picture, and how many callers it has no room for. No picture where nothing leads here or from here."""
    triggers, others, aliases = callers(request, function)
    nodes, edges = destinations(function, names)
    if not triggers and not others and not nodes:
        return '', 0
    everyone = [*(('trigger', trigger) for trigger in triggers), *others]
    # Callers of an alias are beside each other, and the others below.
    everyone.sort(key=lambda caller: (not caller[1].function_alias, caller[1].function_alias or ''))
    sources, middle = [], []
    rows: typing.Dict[str, list] = {}
    for row, (kind, thing) in enumerate(everyone[:MOST]):
        node = trigger_node(thing) if kind == 'trigger' else other_node(kind, thing)
        node.row = row
        middle.append(node)
        edges.append(way.Edge(node.key, into(thing, f'function:{function.id}')))
        if thing.function_alias:
            rows.setdefault(thing.function_alias, []).append(row)
        if kind == 'trigger':
            sources.append(sender(thing))
            sources[-1].row = row
            edges.append(way.Edge(sources[-1].key, node.key))
    named = []
    for alias in aliases:
        if alias.name in rows:
            named.append(alias_node(alias.name, alias.function_version))
            named[-1].row = sum(rows[alias.name]) / len(rows[alias.name])
            edges.append(way.Edge(named[-1].key, f'function:{function.id}'))
    picture = way.draw(_('The ways to and from %s') % function.title,
                       [sources, middle, named, [function_node(function)], nodes], edges)
    return picture, max(0, len(everyone) - MOST)


def into(thing: api.Thing, center: str) -> str:
    return f'alias:{thing.function_alias}' if thing.function_alias else center
