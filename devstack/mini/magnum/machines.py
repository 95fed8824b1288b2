"""Starts and ends the clusters of Magnum's driver on this machine, which the driver, in another network namespace and
with no rights, cannot do itself.

machines.py SOCKET NODE FOLDER: NODE is the script that starts a Kubernetes. A request is a line of JSON with a verb
and a name; the answer is another.

create: certificate, key, nodes, none (true: without a Kubernetes). resize: nodes, remove. delete. show: the state,
which is up, busy, failed or gone, and what is known of the cluster. All but show answer at once; the work goes on.
"""
import json
import os
import pathlib
import re
import shutil
import socketserver
import subprocess
import sys
import threading

SOCKET, NODE, FOLDER = sys.argv[1:]
NAME = re.compile(r'm[0-9a-f]{6}')
LOCK = threading.Lock()  # of the records


def record(name):
    return pathlib.Path(FOLDER) / name / 'record.json'


def load(name):
    with LOCK:
        try:
            return json.loads(record(name).read_text())
        except FileNotFoundError:
            return {'state': 'gone'}


def save(name, **changes):
    known = load(name)
    with LOCK:
        part = record(name).with_suffix('.part')
        part.write_text(json.dumps({**known, **changes}))
        part.rename(record(name))


def node(*args):
    """Runs the script; the error is the last that it said."""
    done = subprocess.run([NODE, *args], capture_output=True, text=True)
    print(done.stdout, done.stderr, sep='', flush=True)
    if done.returncode:
        raise RuntimeError((done.stderr.strip().splitlines() or ['it failed without a word'])[-1])
    return done.stdout


def bring_up(name):
    folder = record(name).parent
    if load(name)['none']:
        save(name, state='up', address='https://192.0.2.1:6443', masters=['192.0.2.1'], nodes=[], reason=None)
        return
    said = node('up', name, '--ca', str(folder / 'ca.crt'), str(folder / 'ca.key'))
    address = re.findall(r'https://[0-9.:]+', said)[-1]
    host = address.split('//')[1].split(':')[0]
    save(name, state='up', address=address, masters=[host], nodes=[host], reason=None)


def take_down(name):
    if not load(name)['none']:
        node('down', name, '--purge')
    shutil.rmtree(record(name).parent)


def create(name, certificate, key, nodes, none):
    folder = record(name).parent
    folder.mkdir(mode=0o700, parents=True)
    for file, text in (('ca.crt', certificate), ('ca.key', key)):
        with open(os.open(folder / file, os.O_CREAT | os.O_WRONLY, 0o600), 'w') as out:
            out.write(text)
    save(name, state='busy', count=nodes, none=none)
    work(name, bring_up)


def resize(name, nodes, remove):
    """There is one real machine, whatever the count: what the API says of the count is all that changes."""
    if load(name)['state'] != 'up':
        raise RuntimeError(f'{name} is not up')
    save(name, count=nodes, removed=remove)


def delete(name):
    if load(name)['state'] != 'gone':
        save(name, state='busy')
        work(name, take_down)


def work(name, task):
    def attempt():
        try:
            task(name)
        except Exception as error:
            save(name, state='failed', reason=str(error))
    threading.Thread(target=attempt).start()


VERBS = {'create': create, 'resize': resize, 'delete': delete, 'show': load}


class Handler(socketserver.StreamRequestHandler):

    def handle(self):
        try:
            request = json.loads(self.rfile.readline())
            verb, name = request.pop('verb'), request.pop('name')
            if not NAME.fullmatch(name):
                raise RuntimeError(f'{name!r} is no name of a cluster')
            answer = VERBS[verb](name, **request) or {}
        except Exception as error:
            answer = {'error': f'{type(error).__name__}: {error}'}
        self.wfile.write(json.dumps(answer).encode() + b'\n')


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


def main():
    pathlib.Path(SOCKET).unlink(missing_ok=True)
    os.umask(0o117)
    with Server(SOCKET, Handler) as server:
        shutil.chown(SOCKET, group='magnum')
        os.umask(0o077)
        # What was under way when this ended is begun again, and what a `down` has ended.
        for file in pathlib.Path(FOLDER).glob('*/record.json'):
            if load(file.parent.name)['state'] != 'failed':
                save(file.parent.name, state='busy')
                work(file.parent.name, bring_up)
        server.serve_forever()


main()
