"""Client of Functions as a Service for OpenStack, over keystoneauth1.

    from keystoneauth1 import loading, session
    import faasclient

    client = faasclient.Client(session.Session(auth=...))
    function = client.functions.create(package='hello.zip', name='hello', runtime_id='python3')
    record = client.executions.create(function_id='hello', input={'name': 'Ada'})
    print(faasclient.result(record)['output'])

Records are the dicts that the API's JSON has. What fails raises an Error in the server's words.
"""

from faasclient.client import Client
from faasclient.errors import Conflict, Error, Forbidden, Invalid, NotFound, Unavailable
from faasclient.resources import result

__all__ = ['Client', 'Conflict', 'Error', 'Forbidden', 'Invalid', 'NotFound', 'Unavailable', 'result']
