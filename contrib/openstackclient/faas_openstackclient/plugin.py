"""What the openstack client asks a plugin for: a name, a version, a client.

The name is faas, not function_engine: that is python-qinlingclient's, and both may be installed.
"""

import re

import faasclient
from osc_lib import exceptions, utils

API_NAME = 'faas'
API_VERSION_OPTION = 'os_faas_api_version'
DEFAULT_API_VERSION = '1.15'


def check_api_version(version: str) -> bool:
    """Tells the client that the version is fine, or the user what would be."""
    if not re.fullmatch(r'1(\.\d+)?', version):
        raise exceptions.CommandError(
            f'The version of the function API must be 1, for the newest microversion, or 1.N; it is {version}.')
    return True


def build_option_parser(parser):
    parser.add_argument(
        '--os-faas-api-version', metavar='<faas-api-version>',
        default=utils.env('OS_FAAS_API_VERSION', default=DEFAULT_API_VERSION),
        help='Microversion of the function API, 1.N; by default the newest that the plugin and the service both know '
             '(Env: OS_FAAS_API_VERSION)',
    )
    return parser


def make_client(instance) -> faasclient.Client:
    version = instance._api_version[API_NAME]
    config = instance.get_configuration()
    return faasclient.Client(
        instance.session, region_name=instance._region_name, interface=instance._interface,
        # --qinling-url is an option of python-qinlingclient's; the other is a line of clouds.yaml.
        endpoint_override=config.get('qinling_url') or config.get('function_engine_endpoint_override'),
        microversion=DEFAULT_API_VERSION if version == '1' else version,
    )
