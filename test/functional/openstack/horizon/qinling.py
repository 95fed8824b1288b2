"""Makes the calls that Qinling's own dashboard makes, by the library that it makes them with, and as it does.

That dashboard is packaged nowhere that this test could have it from. What it asks of the service is all in its
qinling_dashboard/api/qinling.py, and what it reads of the answers in its tables and templates: that is repeated here.
qinling.py KEYSTONE: standard input has the passwords of demo and admin, as JSON.
"""
import hashlib
import io
import json
import sys
import uuid
import zipfile

from keystoneauth1 import session
from keystoneauth1.identity import v3
from qinlingclient import client as qinling_client

RUNTIME = 'id name image status created_at updated_at project_id is_public description'.split()
FUNCTION = ('id name description count code runtime_id entry project_id created_at updated_at cpu '
            'memory_size').split()
VERSION = 'id description function_id version_number count created_at updated_at project_id'.split()
EXECUTION = ('id function_id function_version description input result sync created_at updated_at project_id '
             'status').split()

SOURCE = '''def main(name="nobody"):
    print("log of", name)
    return name
'''


def client(keystone: str, user: str, project: str, password: str):
    """As the dashboard makes it: with the token that Horizon has, at the catalogue's endpoint."""
    auth = v3.Password(keystone, username=user, password=password, user_domain_name='Default', project_name=project,
                       project_domain_name='Default')
    keystone_session = session.Session(auth)
    endpoint = keystone_session.get_endpoint(service_type='function-engine')
    return qinling_client.Client('1', endpoint, token=keystone_session.get_token(), insecure=False, ca_file=None,
                                 username=user, password=None)


def has(thing, fields: list) -> None:
    missing = [field for field in fields if not hasattr(thing, field)]
    assert not missing, f'{thing} has no {missing}'


def package(text: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, 'w') as archive:
        archive.writestr('main.py', text)
    return made.getvalue()


def sent(text: str) -> dict:
    content = package(text)
    return {'package': content, 'code': {'source': 'package', 'md5sum': hashlib.md5(content).hexdigest()}}


def as_dict(value) -> dict:
    """Code and result come as text or as an object; the dashboard takes both."""
    return json.loads(value) if isinstance(value, str) else value


def functions(qinling) -> None:
    runtimes = qinling.runtimes.list()
    for runtime in runtimes:
        has(runtime, RUNTIME)
    runtime = next(r for r in runtimes if r.status == 'available' and 'python' in r.name)
    has(qinling.runtimes.get(runtime.id), RUNTIME)
    name = 'qinling-' + uuid.uuid4().hex[:8]
    made = qinling.functions.create(
        name=name, description='as the dashboard does', cpu=100, memory_size=33554432, runtime=runtime.id,
        entry='main.main', **sent(SOURCE))
    try:
        listed = next(f for f in qinling.functions.list() if f.id == made.id)
        for function in (listed, qinling.functions.get(made.id)):
            has(function, FUNCTION)
            assert as_dict(function.code)['source'] == 'package' and as_dict(function.code)['md5sum'], function.code
        qinling.functions.update(made.id, name=name, description='', cpu=200, memory_size=67108864, entry='main.main',
                                 **sent(SOURCE.replace('return name', 'return [name]')))
        assert qinling.functions.get(made.id).cpu == 200
        download = qinling.functions.get(made.id, download=True)
        assert zipfile.ZipFile(io.BytesIO(download.content)).namelist() == ['main.py']
        versions(qinling, made.id)
        executions(qinling, made.id)
    finally:
        qinling.functions.delete(made.id)
    print('functions, versions, executions')


def versions(qinling, id: str) -> None:
    made = qinling.function_versions.create(id, 'of the dashboard')
    has(made, VERSION)
    has(qinling.function_versions.get(id, made.version_number), VERSION)
    assert [v.version_number for v in qinling.function_versions.list(id)] == [made.version_number]
    qinling.function_versions.delete(id, made.version_number)


def executions(qinling, id: str) -> None:
    # The dashboard gives version, sync and input in the order that the library had then. Since
    # there are aliases, the second argument is one of these: it wants the library from before.
    made = qinling.function_executions.create(
        function_id=id, function_version=0, sync=True, input='{"name": "Ada"}')
    for execution in qinling.function_executions.list():
        has(execution, EXECUTION)
    # The dashboard shows the first page of that; where there are more, this one may be on another.
    listed, = qinling.function_executions.list(function_id=id)
    for execution in (listed, qinling.function_executions.get(made.id)):
        has(execution, EXECUTION)
        assert execution.status == 'success', execution.status
        assert as_dict(execution.result)['output'] == ['Ada'] and as_dict(execution.result)['duration'] >= 0
    answer, _body = qinling.function_executions.http_client.json_request(f'/v1/executions/{made.id}/log', 'GET')
    assert answer._content == b'log of Ada\n', answer._content
    qinling.function_executions.delete(made.id)


def runtimes(qinling) -> None:
    made = qinling.runtimes.create(image='docker.io/faas-mini/qinling:none', name='qinling-' + uuid.uuid4().hex[:8])
    has(made, RUNTIME)
    qinling.runtimes.delete(made.id)
    print('runtimes')


def main() -> None:
    passwords = json.load(sys.stdin)
    functions(client(sys.argv[1], 'demo', 'demo', passwords['demo']))
    runtimes(client(sys.argv[1], 'admin', 'admin', passwords['admin']))


if __name__ == '__main__':
    main()
