"""A client with the rights of whoever runs the workflow."""

import faasclient
from keystoneauth1 import session as sessions
from keystoneauth1 import token_endpoint

# What the actions need. A newer service answers as this one did.
MICROVERSION = '1.10'
SERVICE_TYPE = 'function-engine'
# Longer than any request but an execution that is waited for, which is at most as long as a
# function may run.
REQUEST_TIMEOUT = 600


def connect(security) -> faasclient.Client:
    """Returns a client of the project and with the token of a security context of Mistral's.

    The token is used as it is. A new one could not be got with it: one of a trust, which a cron
    trigger's workflow has, gives none.
    """
    verify = security.auth_cacert or True
    session = sessions.Session(verify=False if security.insecure else verify, timeout=REQUEST_TIMEOUT)
    url = endpoint(security) or _asked_endpoint(session, security)
    if not url:
        raise faasclient.Unavailable(
            f'The catalogue has no public endpoint of a service of the type {SERVICE_TYPE}'
            f'{" in " + security.region_name if security.region_name else ""}.')
    session.auth = token_endpoint.Token(url, security.auth_token)
    return faasclient.Client(session, endpoint_override=url, microversion=MICROVERSION)


def endpoint(security) -> str:
    """Returns the service's URL in the catalogue that came with the token, '' if there is none."""
    return _in_catalogue((security.service_catalog or {}).get('catalog') or [], security.region_name)


def _asked_endpoint(session, security) -> str:
    """Returns what Keystone's catalogue has: some contexts come without one."""
    keystone = (security.auth_uri or '').rstrip('/')
    keystone = keystone if keystone.endswith('/v3') else keystone + '/v3'
    answer = session.get(keystone + '/auth/catalog', headers={'X-Auth-Token': security.auth_token}, authenticated=False)
    return _in_catalogue(answer.json()['catalog'], security.region_name)


def _in_catalogue(catalogue, region) -> str:
    for service in catalogue:
        if service.get('type') != SERVICE_TYPE:
            continue
        for entry in service.get('endpoints', []):
            if entry.get('interface') == 'public' and region in (None, '', entry.get('region_id')):
                return entry['url']
    return ''
