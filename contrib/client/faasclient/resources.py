"""Collections of what the service has, each with list, get, create, update and delete."""

import contextlib
import json
import os
import time
from typing import Any, BinaryIO, Dict, Iterator, List, Optional, Union
from urllib.parse import quote

from faasclient.multipart import Form, md5, seekable
from faasclient.transport import Transport

Record = Dict[str, Any]
Package = Union[str, 'os.PathLike[str]', BinaryIO]


def query(filters: Dict[str, Any]) -> Dict[str, Any]:
    """Returns parameters of a request as the API reads them: no None, truth values as true and false."""
    return {
        name: str(value).lower() if isinstance(value, bool) else value
        for name, value in filters.items() if value is not None
    }


def result(execution: Record) -> Record:
    """Returns what an execution's result says: {'duration': ..., 'output': ...}, {} before its end."""
    return json.loads(execution.get('result') or '{}')


class Collection:
    """What the collections have in common; each has of it what the API has."""

    path = ''
    plural = ''

    def __init__(self, transport: Transport):
        self._transport = transport

    def _path(self, *parts: Any) -> str:
        return '/'.join([self.path, *(quote(str(part), safe='') for part in parts)])

    def list(self, **filters: Any) -> Iterator[Record]:
        """Yields all that there are, page by page; filters are fields as the API compares them."""
        return self._transport.pages(self.path, self.plural, query(filters))

    def get(self, id: str) -> Record:
        return self._transport.json('GET', self._path(id))

    def create(self, **fields: Any) -> Record:
        return self._transport.json('POST', self.path, json=fields)

    def update(self, id: str, **fields: Any) -> Record:
        return self._transport.json('PUT', self._path(id), json=fields)

    def delete(self, id: str) -> None:
        self._transport.request('DELETE', self._path(id))


class Runtimes(Collection):
    path, plural = '/v1/runtimes', 'runtimes'

    def pool(self, id: str) -> Record:
        """Returns how full the runtime's pool is."""
        return self._transport.json('GET', self._path(id, 'pool'))


class Functions(Collection):
    path, plural = '/v1/functions', 'functions'

    def create(self, package: Optional[Package] = None, **fields: Any) -> Record:
        """Makes a function of a package, the path of a zip or an open file, or of code=..., see update."""
        return self._upload('POST', self.path, package, fields)

    def update(self, id: str, package: Optional[Package] = None, **fields: Any) -> Record:
        """Changes a function. The package is sent as it is read, and its MD5 sum is checked."""
        return self._upload('PUT', self._path(id), package, fields)

    def _upload(self, method: str, path: str, package: Optional[Package], fields: Record) -> Record:
        if package is None:
            return self._transport.json(method, path, json=fields)
        with opened(package) as file:
            code = {'source': 'package', 'md5sum': md5(file)}
            form = Form(as_text(dict({'code': code}, **fields)), 'package', file)
            return self._transport.json(method, path, data=form, headers={'Content-Type': form.content_type})

    def download(self, id: str, file: Union[None, str, BinaryIO] = None) -> Union[bytes, int]:
        """Returns the package; or writes it to a file, given as path or open, and returns its size."""
        return fetch(self._transport, self._path(id), file)

    def scale_up(self, id: str, count: int = 1, version: int = 0) -> None:
        self._workers(id, version, 'scale_up', {'count': count})

    def scale_down(self, id: str, count: int = 1, version: int = 0) -> None:
        self._workers(id, version, 'scale_down', {'count': count})

    def detach(self, id: str, version: int = 0) -> None:
        """Ends all workers, each with its calls."""
        self._workers(id, version, 'detach', None)

    def _workers(self, id: str, version: int, verb: str, body: Optional[Record]) -> None:
        of = [id, 'versions', version, verb] if version else [id, verb]
        self._transport.request('POST', self._path(*of), json=body)


class Versions(Collection):
    path, plural = '/v1/functions', 'function_versions'

    def list(self, function_id: str, **filters: Any) -> Iterator[Record]:
        return self._transport.pages(self._path(function_id, 'versions'), self.plural, query(filters))

    def get(self, function_id: str, number: int) -> Record:
        return self._transport.json('GET', self._path(function_id, 'versions', number))

    def create(self, function_id: str, **fields: Any) -> Record:
        """Freezes what the function runs now."""
        return self._transport.json('POST', self._path(function_id, 'versions'), json=fields)

    def update(self, *args, **fields):
        raise TypeError('a version never changes: make another one')

    def delete(self, function_id: str, number: int) -> None:
        self._transport.request('DELETE', self._path(function_id, 'versions', number))

    def download(self, function_id: str, number: int, file: Union[None, str, BinaryIO] = None) -> Union[bytes, int]:
        return fetch(self._transport, self._path(function_id, 'versions', number), file)


class Aliases(Collection):
    """An alias is known by its name, which is given where others have an id."""

    path, plural = '/v1/aliases', 'function_aliases'


class Executions(Collection):
    path, plural = '/v1/executions', 'executions'

    def create(self, **fields: Any) -> Record:
        """Runs a function and returns the record, after the end unless sync is false: look at its status."""
        return super().create(**fields)

    def update(self, *args, **fields):
        raise TypeError('the record of an execution does not change')

    def log(self, id: str) -> str:
        """Returns what the execution printed, '' until it has ended."""
        answer = self._transport.request('GET', self._path(id, 'log'), headers={'Accept': '*/*'})
        return answer.content.decode('utf-8', 'replace')

    def events(self, id: str) -> List[Record]:
        """Returns what happened to the execution: dicts with at, event and times, in the order of their times."""
        return self._transport.json('GET', self._path(id, 'events'))['events']

    def cancel(self, id: str) -> Record:
        return self._transport.json('POST', self._path(id, 'cancel'))

    def wait(self, id: str, timeout: Optional[float] = None) -> Record:
        """Returns the record when the execution has ended, or as it is after so many seconds."""
        end = None if timeout is None else time.monotonic() + timeout
        pause = 0.1
        while True:
            record = self.get(id)
            left = None if end is None else end - time.monotonic()
            if record['status'] != 'running' or (left is not None and left <= 0):
                return record
            time.sleep(pause if left is None else min(pause, left))
            pause = min(pause * 1.5, 2)

    def purge(self, function_id: str) -> int:
        """Deletes the records of a function's executions that have ended and returns how many they were."""
        deleted = 0
        while True:
            answer = self._transport.json('DELETE', self.path, params={'function_id': function_id})
            deleted += answer['deleted']
            if not answer['more']:
                return deleted


class Webhooks(Collection):
    path, plural = '/v1/webhooks', 'webhooks'

    def rotate(self, id: str, **fields: Any) -> Record:
        """Gives the webhook another URL, and another secret; the old ones hold for overlap seconds."""
        return self._transport.json('POST', self._path(id, 'rotate'), json=fields)


class Jobs(Collection):
    path, plural = '/v1/jobs', 'jobs'


class Triggers(Collection):
    path, plural = '/v1/triggers', 'triggers'

    def rotate(self, id: str) -> Record:
        """Gives the trigger another URL; the old one leads nowhere at once."""
        return self._transport.json('POST', self._path(id, 'rotate'))

    def dead_letters(self, id: str, **filters: Any) -> Iterator[Record]:
        """Yields the events of which all executions failed."""
        return self._transport.pages(self._path(id, 'dead_letters'), 'dead_letters', query(filters))

    def delete_dead_letter(self, id: str, execution_id: str) -> None:
        self._transport.request('DELETE', self._path(id, 'dead_letters', execution_id))

    def replay(self, id: str, dead_letters: Optional[list] = None) -> Record:
        """Has these dead letters executed again, by default the 100 oldest: {'executions': [...], 'more': ...}."""
        body = {'dead_letters': dead_letters} if dead_letters else {}
        return self._transport.json('POST', self._path(id, 'replay'), json=body)


class Workers:
    """Workers are made and ended by the functions' scale_up, scale_down and detach."""

    def __init__(self, transport: Transport):
        self._transport = transport

    def list(self, function_id: str, **filters: Any) -> Iterator[Record]:
        path = f'/v1/functions/{quote(function_id, safe="")}/workers'
        return iter(self._transport.json('GET', path, params=query(filters))['workers'])


class Quotas:
    """What projects may have, by the names of resources: {'functions': 100, ...}."""

    def __init__(self, transport: Transport):
        self._transport = transport

    @staticmethod
    def _path(project_id: str) -> str:
        return '/v1/quotas/' + quote(project_id, safe='')

    def get(self, project_id: str) -> Dict[str, int]:
        return self._transport.json('GET', self._path(project_id))['quota']

    def update(self, project_id: str, **limits: Optional[int]) -> Dict[str, int]:
        """Sets limits; -1 is without bounds, None has the configuration's hold again."""
        return self._transport.json('PUT', self._path(project_id), json={'quota': limits})['quota']

    def delete(self, project_id: str) -> None:
        """Has the configuration's limits hold again."""
        self._transport.request('DELETE', self._path(project_id))


@contextlib.contextmanager
def opened(package: Package) -> Iterator[BinaryIO]:
    """Gives the package as a file that can be read several times, and closes what it has opened itself."""
    given = hasattr(package, 'read')
    file = seekable(package) if given else open(package, 'rb')
    try:
        yield file
    finally:
        if file is not package:
            file.close()


def as_text(fields: Record) -> Dict[str, str]:
    """Returns fields of a form: null is left out, what is no text is JSON."""
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in fields.items() if value is not None
    }


def fetch(transport: Transport, path: str, file: Union[None, str, BinaryIO]) -> Union[bytes, int]:
    """Returns a package, or writes it to a file and returns its size; no file is made if there is no package."""
    with transport.stream(path) as pieces:
        if file is None:
            return b''.join(pieces)
        with contextlib.nullcontext(file) if hasattr(file, 'write') else open(file, 'wb') as out:
            return sum(out.write(piece) for piece in pieces)
