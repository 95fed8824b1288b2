"""What can go wrong, in the words of the server."""

from typing import Any, Dict, List, Optional


class Error(Exception):
    """A request that failed.

    status is that of HTTP, None where there was no answer; message says what was wrong and what
    would be right; request_id finds the request in the service's logs; candidates are the things,
    each with id and name, among which a name does not choose.
    """

    def __init__(self, message: str, status: Optional[int] = None, request_id: Optional[str] = None,
                 candidates: Optional[List[Dict[str, str]]] = None):
        super().__init__(message)
        self.message = message
        self.status = status
        self.request_id = request_id
        self.candidates = candidates or []


class Invalid(Error):
    """The request is wrong."""


class Forbidden(Error):
    """The caller may not, or the project has all that it may have."""


class NotFound(Error):
    """There is no such thing in the project."""


class Conflict(Error):
    """The state of things forbids it, or several have the name that is given."""


class Unavailable(Error):
    """The service, or a part that it needs, does not answer or has no room just now."""


_classes = {
    400: Invalid, 401: Forbidden, 403: Forbidden, 404: NotFound, 405: Invalid, 406: Invalid, 408: Unavailable,
    409: Conflict, 413: Invalid, 415: Invalid, 429: Unavailable, 502: Unavailable, 503: Unavailable, 504: Unavailable,
}


def of_answer(answer) -> Error:
    """Returns the error that a requests.Response of 400 and more stands for."""
    fault = fault_of(answer)
    errors = fault.get('errors') or [{}]
    message = fault.get('faultstring') or f'{answer.status_code} {answer.reason}: {answer.text[:200]}'.rstrip(': ')
    return _classes.get(answer.status_code, Error)(
        message, answer.status_code, answer.headers.get('X-Openstack-Request-Id'), errors[0].get('candidates'),
    )


def fault_of(answer) -> Dict[str, Any]:
    """Returns the JSON of an error, {} where a proxy or somebody else has answered."""
    try:
        fault = answer.json()
    except ValueError:
        return {}
    return fault if isinstance(fault, dict) else {}
