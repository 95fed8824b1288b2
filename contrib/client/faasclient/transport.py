"""How requests are sent: the endpoint, the microversion, what is tried again."""

import contextlib
import re
from typing import Any, Dict, Iterator, Optional
from urllib.parse import parse_qsl, urlsplit

from keystoneauth1 import adapter, exceptions

from faasclient import errors

# What has no effect is tried again after half a second, one, two: a process of the service that
# ends or is busy. What may have had an effect is the caller's to try again.
RETRIES = 3
CHUNK = 1 << 16


def _number(microversion: str):
    return tuple(int(part) for part in microversion.split('.'))


def _unreachable(endpoint: str, failure: Exception) -> str:
    """Says what is wrong with a connection without the names of what failed within Python."""
    reason = re.search(r'\[Errno -?\d+\] ([^\'")\]]+)', str(failure))
    return f'The service at {endpoint} can not be reached: {reason[1] + "." if reason else failure}'


class Transport:
    """Sends requests to the service that the session's catalogue, or endpoint_override, names."""

    def __init__(self, session, microversion: str, service_type: str, **adapter_options):
        self.microversion = microversion
        self._service_type = service_type
        self._adapter = adapter.Adapter(
            session, service_type=service_type, client_name='python-faasclient', client_version='1.0.0',
            **adapter_options,
        )
        self._endpoint: Optional[str] = None

    def endpoint(self) -> str:
        """Returns the service's URL without a version: paths begin with /v1."""
        if self._endpoint is None:
            try:
                url = self._adapter.get_endpoint()
            except exceptions.ConnectFailure as failure:
                raise errors.Unavailable(str(failure)) from failure
            if not url:
                raise errors.Unavailable(
                    f'The catalogue has no endpoint of a service of the type {self._service_type} for this region and '
                    'interface.')
            url = url.rstrip('/')
            self._endpoint = url[:-len('/v1')] if url.endswith('/v1') else url
        return self._endpoint

    def request(self, method: str, path: str, headers: Optional[Dict[str, str]] = None, **options: Any):
        """Sends a request and returns the answer, a requests.Response, or raises an Error.

        A server that is older than this client says which microversion it has at most; from then
        on that is asked for.
        """
        answer = self._send(method, path, headers, options)
        if answer.status_code == 406 and self._lower(answer):
            answer = self._send(method, path, headers, options)
        if answer.status_code >= 400:
            raise errors.of_answer(answer)
        return answer

    def _send(self, method, path, headers, options):
        if method == 'GET':
            options = dict(options, connect_retries=RETRIES, status_code_retries=RETRIES,
                           retriable_status_codes=[429, 503])
        every = {'OpenStack-API-Version': f'{self._service_type} {self.microversion}', 'Accept': 'application/json'}
        try:
            return self._adapter.request(
                path, method, headers=dict(every, **headers or {}), endpoint_override=self.endpoint(),
                raise_exc=False, **options)
        except exceptions.ConnectFailure as failure:
            raise errors.Unavailable(_unreachable(self.endpoint(), failure)) from failure
        except exceptions.EndpointNotFound as failure:
            raise errors.Unavailable(str(failure)) from failure

    def _lower(self, answer) -> bool:
        """Takes the server's greatest microversion if that is less than ours, and reports whether it is."""
        faults = errors.fault_of(answer).get('errors') or [{}]
        greatest = faults[0].get('max_version')
        if not greatest or self.microversion == 'latest' or _number(greatest) >= _number(self.microversion):
            return False
        self.microversion = greatest
        return True

    def json(self, method: str, path: str, **options: Any) -> Any:
        """Returns what the answer's JSON says, None where it is empty."""
        answer = self.request(method, path, **options)
        return answer.json() if answer.content else None

    def pages(self, path: str, plural: str, params: Dict[str, Any]) -> Iterator[Dict[str, Any]]:
        """Yields the items of all pages of a list.

        Of the next page's URL only the query is taken: its host is the server's own idea of its
        name, which is not what a proxy is called.
        """
        while True:
            page = self.json('GET', path, params=params)
            yield from page[plural]
            if not page.get('next'):
                return
            params = dict(parse_qsl(urlsplit(page['next']).query, keep_blank_values=True))

    @contextlib.contextmanager
    def stream(self, path: str) -> Iterator[Iterator[bytes]]:
        """Gives a package in pieces, as they come."""
        with self.request('GET', path, params={'download': 'true'}, headers={'Accept': '*/*'}, stream=True) as answer:
            yield answer.iter_content(CHUNK)
