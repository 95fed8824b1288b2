"""gnocchi_function.py ADDRESS makes the resource type of functions, as docs/admin/billing.md says.

gnocchi_function.py ADDRESS ID prints when the function ended, once it has, or null when there was time enough.
"""
import json
import sys
import time

from gnocchiclient import auth
from gnocchiclient import client

address, *ids = sys.argv[1:]
gnocchi = client.Client('1', session_options={'auth': auth.GnocchiBasicPlugin('admin', address)})
if not ids:
    gnocchi.resource_type.create({'name': 'function', 'attributes': {'name': {'type': 'string', 'required': False}}})
for function in ids:
    for _ in range(1000):
        resource = gnocchi.resource.get('function', function)
        if resource['ended_at']:
            break
        time.sleep(0.1)  # between two looks
    print(json.dumps(resource))
