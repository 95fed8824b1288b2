"""The session with OpenStack: keystoneauth1 with a plugin that has its token from the agent.

It is imported when a function first asks for its session: keystoneauth1 is some 55 ms and 11 MB,
which functions that do without should not pay.
"""
import sys

# keystoneauth1 looks for it, to time requests for whoever asks; it would bring eventlet with it.
_PROFILER = "osprofiler"
_blocked = _PROFILER not in sys.modules
if _blocked:
    sys.modules[_PROFILER] = None
try:
    from keystoneauth1 import access, exceptions
    from keystoneauth1.identity.base import BaseIdentityPlugin
    from keystoneauth1.session import Session
finally:
    if _blocked:
        del sys.modules[_PROFILER]


def session(cloud):
    return Session(auth=Plugin(cloud))


class Plugin(BaseIdentityPlugin):
    """Uses the token that came with the call. It asks Keystone nothing: the public endpoints came with the token."""

    def __init__(self, cloud):
        super().__init__(auth_url=None)
        self._cloud = cloud
        self._token = None  # of auth_ref

    def get_access(self, session, **kwargs):
        given = self._cloud.current()
        if given is not None and given["token"] != self._token:
            self.auth_ref = None
        return super().get_access(session, **kwargs)

    def get_auth_ref(self, session, **kwargs):
        given = self._cloud.given
        if given is None:
            raise exceptions.AuthorizationFailure("The function acts for nobody in OpenStack any more.")
        self.auth_url, self._token = given["auth_url"], given["token"]
        return access.AccessInfoV3({"token": _body(given)}, auth_token=given["token"])

    def get_cache_id_elements(self):
        return {}  # the token is nothing to keep


def _body(given):
    """Returns what Keystone would say of the token, as far as a function needs it."""
    region = given["region"] or None
    return {
        "methods": ["password"],
        "issued_at": given["expires_at"],
        "expires_at": given["expires_at"],
        "user": {"id": given["user_id"], "name": None, "domain": {"id": None, "name": None}},
        "project": {"id": given["project_id"], "name": None, "domain": {"id": None, "name": None}},
        "roles": [],
        "catalog": [
            {"id": kind, "type": kind, "name": kind, "endpoints": [
                {"id": kind, "interface": given["interface"], "region": region, "region_id": region, "url": url},
            ]}
            for kind, url in given["endpoints"].items()
        ],
    }
