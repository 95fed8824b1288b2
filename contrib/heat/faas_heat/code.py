"""Where a function's code comes from: text, files, a zip, an object in Swift, or an image."""

import io
from typing import Any, Dict, List, Optional

from heat.engine import constraints
from heat.engine import properties

from faas_heat import package
from faas_heat.base import UNKNOWN, invalid

TEXT, FILES, PACKAGE, SWIFT, IMAGE = 'text', 'files', 'package', 'swift', 'image'
SOURCES = (TEXT, FILES, PACKAGE, SWIFT, IMAGE)
PROTOCOL, REGISTRY_USERNAME, REGISTRY_PASSWORD = OF_IMAGES = ('protocol', 'registry_username', 'registry_password')
CONTAINER, OBJECT = 'container', 'object'

DEFAULT_ENTRY = 'main.main'

# What the API has for each; a function's source stays what it is.
API_SOURCE = {TEXT: 'package', FILES: 'package', PACKAGE: 'package', SWIFT: 'swift', IMAGE: 'image'}


def _text(description: str, **more: Any) -> properties.Schema:
    return properties.Schema(properties.Schema.STRING, description, **more)


SCHEMA = {
    TEXT: _text('The source of the module that the entry names, as with get_file: main.py.'),
    FILES: properties.Schema(
        properties.Schema.MAP, 'Several files: their texts by their paths, such as main.py and lib/resize.py.'),
    PACKAGE: _text('A zip in base64, which get_file makes of a file that is no text.'),
    SWIFT: properties.Schema(
        properties.Schema.MAP,
        'An object in Swift that is a zip. The function runs what the object is at the time.',
        schema={
            CONTAINER: _text('The container.', required=True),
            OBJECT: _text('The object.', required=True),
        },
    ),
    IMAGE: _text('A container image.'),
    PROTOCOL: _text(
        'How a container is given its calls: run has one container for each, http a server that stays.',
        constraints=[constraints.AllowedValues(['run', 'http'])],
    ),
    REGISTRY_USERNAME: _text('As whom the image is pulled.'),
    REGISTRY_PASSWORD: _text('The password of registry_username. Give it by a hidden parameter.'),
}


def source_of(code: Dict[str, Any]) -> Optional[str]:
    """Returns which of the sources the code has, None for none."""
    return next((name for name in SOURCES if code.get(name)), None)


def check(code: Dict[str, Any], entry: Any, runtime: Any) -> None:
    """Raises for code that could become no function. Values may be UNKNOWN."""
    if code is UNKNOWN or not isinstance(code, dict):
        return
    given = [name for name in SOURCES if code.get(name)]
    if len(given) != 1:
        raise invalid(
            'code must have exactly one of %s; it has %s.' % (', '.join(SOURCES), ' and '.join(given) or 'none'))
    source = given[0]
    beside = [name for name in OF_IMAGES if code.get(name)]
    if beside and source != IMAGE:
        raise invalid(f'code.{beside[0]} is of container images; leave it out beside {source}.')
    if bool(code.get(REGISTRY_USERNAME)) != bool(code.get(REGISTRY_PASSWORD)):
        raise invalid('code.registry_username and code.registry_password go together.')
    if source == IMAGE and runtime:
        raise invalid('A function of a container image takes no runtime; leave runtime out.')
    if source != IMAGE and not runtime:
        raise invalid(f'runtime is required for code.{source}: what the code is run with, such as python3.')
    if source == FILES:
        _check_files(code[FILES])
    paths = _paths(source, code[source])
    if paths and isinstance(entry, str) and not package.has_module(paths, entry):
        raise invalid(
            f'entry is {entry}, but code.{source} has no module {package.module(entry)}: its files are '
            f'{", ".join(sorted(paths)[:10])}.')


def _check_files(files: Any) -> None:
    if not isinstance(files, dict):
        return
    for path, content in files.items():
        if package.bad_path(path):
            raise invalid(f'code.files: {path!r} can not be the path of a file in a package; lib/resize.py could.')
        if not isinstance(content, str) and content is not UNKNOWN:
            raise invalid(f'code.files: the content of {path} must be a text.')


def _paths(source: str, value: Any) -> Optional[List[str]]:
    """Returns the paths of the files that the code has, None where they are not known."""
    if source == FILES and isinstance(value, dict):
        return list(value)
    if source == PACKAGE and isinstance(value, str):
        try:
            return list(package.names(package.decoded(value)))
        except ValueError as wrong:
            raise invalid(f'code.package must be a zip in base64, as get_file makes of a zip: {wrong}.')
    return None


def fields(code: Dict[str, Any], entry: Optional[str], ending: str) -> Dict[str, Any]:
    """Returns the code as arguments of the client: package, or code. ending is that of the language's files."""
    source = source_of(code)
    if source == TEXT:
        data = package.zipped({package.module(entry or DEFAULT_ENTRY) + ending: code[TEXT]})
    elif source == FILES:
        data = package.zipped(code[FILES])
    elif source == PACKAGE:
        data = package.decoded(code[PACKAGE])
    elif source == SWIFT:
        return {'code': {'source': 'swift', 'swift': {CONTAINER: code[SWIFT][CONTAINER], OBJECT: code[SWIFT][OBJECT]}}}
    else:
        image = {'source': 'image', 'image': code[IMAGE], PROTOCOL: code[PROTOCOL] or ''}
        if code[REGISTRY_USERNAME]:
            image.update({name: code[name] for name in (REGISTRY_USERNAME, REGISTRY_PASSWORD)})
        return {'code': image}
    return {'package': io.BytesIO(data)}
