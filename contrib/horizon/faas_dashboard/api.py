"""How pages speak with the service: as the user who looks at them, at the endpoint that the catalogue has."""
import itertools
import typing

from django.conf import settings
import faasclient
from keystoneauth1 import session as keystone_session
from keystoneauth1 import token_endpoint
from openstack_dashboard import policy
from openstack_dashboard.api import base

SERVICE = 'function-engine'
MICROVERSION = '1.15'     # at most; of an older service, what it has
PAGE = 20
# What pages fetch to choose from, or to count: enough for people, and bounded.
CHOICES = 200
# A page waits for no answer longer than a browser's user would.
WAIT = 60


class Thing(dict):
    """A record of the service. Templates read its fields as attributes; what is missing is None."""

    def __getattr__(self, name: str) -> typing.Any:
        if name.startswith('__'):
            raise AttributeError(name)
        return self.get(name)

    @property
    def title(self) -> str:
        return self.get('name') or self.get('id', '')[:13]


def client(request, wait: int = WAIT) -> faasclient.Client:
    """A client with the user's token, made once for each request. An answer may fail to come for wait seconds."""
    made = request.__dict__.setdefault('_faas_clients', {})
    if wait not in made:
        endpoint = base.url_for(request, SERVICE)
        verify = False if settings.OPENSTACK_SSL_NO_VERIFY else settings.OPENSTACK_SSL_CACERT or True
        session = keystone_session.Session(
            auth=token_endpoint.Token(endpoint, request.user.token.id), verify=verify, timeout=wait)
        made[wait] = faasclient.Client(session, endpoint_override=endpoint, microversion=MICROVERSION)
    return made[wait]


def may(request, rule: str) -> bool:
    return policy.check(((SERVICE, rule),), request)


class May:
    """The user's rights, for templates: may.function__create is the rule function:create."""

    def __init__(self, request) -> None:
        self.request = request

    def __getitem__(self, name: str) -> bool:
        return may(self.request, name.replace('__', ':'))


def things(items: typing.Iterable[dict], most: int = CHOICES) -> list:
    return [Thing(item) for item in itertools.islice(items, most)]


def page(collection, marker: typing.Optional[str], size: int = PAGE, **filters) -> tuple:
    """A page of things, the newest first, and the marker of the next one, None on the last."""
    if marker:
        filters['marker'] = marker
    found = things(collection.list(limit=size + 1, sort_keys='created_at', sort_dirs='desc', **filters), size + 1)
    return found[:size], found[size - 1].id if len(found) > size else None


def functions(request) -> list:
    return things(client(request).functions.list(limit=CHOICES, sort_keys='name', sort_dirs='asc'))


def names(request) -> dict:
    """Names of functions by their ids."""
    return {function.id: function.title for function in functions(request)}


def statistics(request, begin, end, step: int, **filters) -> typing.Optional[dict]:
    """What the service counted, or None where it is too old to tell."""
    try:
        return client(request).statistics(
            start=begin.strftime('%Y-%m-%dT%H:%M:%SZ'), end=end.strftime('%Y-%m-%dT%H:%M:%SZ'), step=step, **filters)
    except faasclient.Error as error:
        if error.status in (404, 405, 406):
            return None
        raise
