"""Runs commands of Debian's openstack client without starting Python for every one.

Reads a line of JSON for each command: {"args": [...], "env": {...}, "dir": "...", "in": standard
input or null}. Writes a line of JSON: {"status": exit status, "out": standard output, "err":
standard error}. Each command has a process of its own, forked from this one, which has loaded the
client's modules.
"""

import contextlib
import io
import json
import logging
import os
import sys
import tempfile

from openstackclient import shell


def preload():
    """Loads what every command loads: the plugins, and the commands of ours."""
    shell.OpenStackShell.NAME = 'openstack'  # what help calls it; it is taken from this program's name
    for command in (['list'], ['trigger', 'list']):  # the second is unknown where our plugin is not installed
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()), \
                contextlib.suppress(SystemExit):
            shell.main(['--os-auth-type', 'none', '--os-endpoint', 'http://localhost', 'function', *command, '--help'])


def run(args, env, folder, given, out, err):
    """Becomes the process of one command and never returns."""
    status = 70
    try:
        os.environ.clear()
        os.environ.update(env)
        os.chdir(folder)
        os.dup2(out.fileno(), 1)
        os.dup2(err.fileno(), 2)
        if given is None:
            os.close(0)
        else:
            os.dup2(given.fileno(), 0)
            sys.stdin = os.fdopen(0, closefd=False)
        sys.argv = ['openstack', *args]
        logging.getLogger().handlers.clear()  # the one of preload would print each message twice
        # The streams of the start may hold what the parent has not written yet.
        sys.stdout, sys.stderr = os.fdopen(1, 'w', closefd=False), os.fdopen(2, 'w', closefd=False)
        status = shell.main(args)
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status or 0)


def answer(command):
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, tempfile.TemporaryFile() as given:
        if command.get('in') is not None:
            given.write(command['in'].encode())
            given.seek(0)
        child = os.fork()
        if child == 0:
            run(command['args'], command['env'], command['dir'], given if command.get('in') is not None else None, out,
                err)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        out.seek(0)
        err.seek(0)
        return {'status': status, 'out': out.read().decode(), 'err': err.read().decode()}


def main():
    preload()
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)


if __name__ == '__main__':
    main()
