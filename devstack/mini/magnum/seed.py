"""Makes the image and the public template that the mini cloud's clusters are made from. What is there stays.

seed.py GLANCE MAGNUM TEMPLATE: a token of an administrator's is on standard input.
"""
import json
import sys
import urllib.request

GLANCE, MAGNUM, TEMPLATE = sys.argv[1:]
TOKEN = sys.stdin.readline().strip()


def call(method, url, body=None, kind='application/json'):
    data = json.dumps(body).encode() if isinstance(body, dict) else body
    request = urllib.request.Request(url, method=method, data=data)
    request.add_header('X-Auth-Token', TOKEN)
    request.add_header('Content-Type', kind)
    request.add_header('OpenStack-API-Version', 'container-infra latest')
    with urllib.request.urlopen(request, timeout=60) as answer:
        text = answer.read()
        return json.loads(text) if text else None


def main():
    # Magnum finds the driver by the image's os_distro. Nobody ever reads the image itself.
    if not call('GET', f'{GLANCE}/v2/images?name={TEMPLATE}')['images']:
        image = call('POST', f'{GLANCE}/v2/images', {
            'name': TEMPLATE, 'disk_format': 'raw', 'container_format': 'bare', 'visibility': 'public',
            'os_distro': 'mini',
        })
        call('PUT', f"{GLANCE}/v2/images/{image['id']}/file", b'\0' * 1024, 'application/octet-stream')
    if TEMPLATE not in [t['name'] for t in call('GET', f'{MAGNUM}/v1/clustertemplates')['clustertemplates']]:
        call('POST', f'{MAGNUM}/v1/clustertemplates', {
            'name': TEMPLATE, 'coe': 'kubernetes', 'image_id': TEMPLATE, 'server_type': 'vm',
            'network_driver': 'flannel', 'tls_disabled': False, 'public': True,
        })


main()
