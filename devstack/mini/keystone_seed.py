"""Makes the users, roles, projects and the catalogue of the mini cloud, by Keystone's API. What is there already stays.

keystone_seed.py KEYSTONE SECRETS SWIFT FAAS [TYPE=NAME=URL …]: the folder SECRETS has a file keystone-USER for each,
with their password.
"""
import json
import pathlib
import sys
import urllib.parse
import urllib.request

KEYSTONE, SECRETS, SWIFT, FAAS, *MORE = sys.argv[1:]

# user: project and roles in it
USERS = {
    'admin': ('admin', ['admin']),
    'demo': ('demo', ['member']),
    'demo_reader': ('demo', ['reader']),
    'alt': ('alt', ['member']),
    'faas': ('service', ['service', 'admin']),
    'swift': ('service', ['service']),
    'aodh': ('service', ['service', 'admin']),
    'zaqar': ('service', ['service', 'member']),
    'glance': ('service', ['service']),
    'magnum': ('service', ['service', 'admin']),
    'heat': ('service', ['service', 'admin']),
    'mistral': ('service', ['service', 'admin']),
}
# Domains that a service makes users of its own in. The administrator of one is NAME_domain_admin.
DOMAINS = ['magnum', 'heat']
CATALOGUE = {
    'object-store': ('swift', SWIFT + '/v1/AUTH_%(project_id)s'),
    'function-engine': ('faas', FAAS),
}
for entry in MORE:
    kind, name, url = entry.split('=', 2)
    CATALOGUE[kind] = (name, url)
# Keystone makes admin, member and reader itself; manager is between admin and member, as in its
# newer versions.
ROLES = ['admin', 'manager', 'member', 'reader', 'service', 'heat_stack_user']
IMPLIED = [('admin', 'manager'), ('manager', 'member')]


def password(user):
    return (pathlib.Path(SECRETS) / f'keystone-{user}').read_text().strip()


def call(method, path, body=None, token=''):
    request = urllib.request.Request(KEYSTONE + path, method=method, data=json.dumps(body).encode() if body else None)
    request.add_header('Content-Type', 'application/json')
    if token:
        request.add_header('X-Auth-Token', token)
    with urllib.request.urlopen(request, timeout=30) as answer:
        text = answer.read()
        return answer.headers, json.loads(text) if text else None


def log_in():
    default = {'domain': {'id': 'default'}}
    admin = {'name': 'admin', 'password': password('admin'), **default}
    headers, _ = call('POST', '/auth/tokens', {'auth': {
        'identity': {'methods': ['password'], 'password': {'user': admin}},
        'scope': {'project': {'name': 'admin', **default}},
    }})
    return headers['X-Subject-Token']


TOKEN = log_in()


def ensure(kind, match, more=None):
    """The one of a kind that has what match says, made if there is none."""
    _, found = call('GET', f'/{kind}s?' + urllib.parse.urlencode(match), token=TOKEN)
    if found[kind + 's']:
        return found[kind + 's'][0]
    return call('POST', f'/{kind}s', {kind: {**match, **(more or {})}}, TOKEN)[1][kind]


def ensure_endpoint(service, interface, url):
    match = {'service_id': service, 'interface': interface, 'region_id': 'RegionOne'}
    endpoint = ensure('endpoint', match, {'url': url})
    if endpoint['url'] != url:
        call('PATCH', f"/endpoints/{endpoint['id']}", {'endpoint': {'url': url}}, TOKEN)


def ensure_implied(prior, implied):
    _, found = call('GET', f'/roles/{prior}/implies', token=TOKEN)
    if implied not in [role['id'] for role in found['role_inference']['implies']]:
        call('PUT', f'/roles/{prior}/implies/{implied}', token=TOKEN)


def main():
    roles = {name: ensure('role', {'name': name})['id'] for name in ROLES}
    for prior, implied in IMPLIED:
        ensure_implied(roles[prior], roles[implied])
    for name, (project_name, role_names) in USERS.items():
        project = ensure('project', {'name': project_name, 'domain_id': 'default'})['id']
        user = ensure('user', {'name': name, 'domain_id': 'default'}, {'password': password(name)})['id']
        for role in role_names:
            call('PUT', f'/projects/{project}/users/{user}/roles/{roles[role]}', token=TOKEN)
    for name in DOMAINS:
        domain, admin = ensure('domain', {'name': name})['id'], name + '_domain_admin'
        user = ensure('user', {'name': admin, 'domain_id': domain}, {'password': password(admin)})['id']
        call('PUT', f"/domains/{domain}/users/{user}/roles/{roles['admin']}", token=TOKEN)
    for kind, (name, url) in CATALOGUE.items():
        service = ensure('service', {'name': name, 'type': kind})['id']
        for interface in ('public', 'internal', 'admin'):
            ensure_endpoint(service, interface, url)


main()
