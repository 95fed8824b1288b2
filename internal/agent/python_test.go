package agent_test

import (
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
)

// pythonCases is one module: each case calls a function of its own, in a worker of its own.
var pythonCases = []languageCase{
	{name: "no input", body: "def f(a=1):\n    return a", output: `1`},
	{name: "object", body: "def f(a, b):\n    return [b, a]", input: `{"a": 1, "b": "x"}`, output: `["x",1]`},
	{name: "plain word", body: "def f(word):\n    return word * 2", input: `{"__function_input": "ab"}`, output: `"abab"`},
	{name: "plain list", body: "def f(x):\n    return x", input: `{"__function_input": [1, null]}`, output: `[1,null]`},
	{name: "input over lines", body: "def f(a):\n    return a", input: "{\n \"a\":\n 1}", output: `1`},
	{name: "none", body: "def f():\n    pass", output: `null`},
	{
		name:   "context asked for",
		body:   "def f(context):\n    return [isinstance(context, dict), context]",
		output: `[true,{}]`,
	},
	{name: "context in kwargs", body: "def f(**kw):\n    return sorted(kw)", input: `{"a": 1}`, output: `["a","context"]`},
	{
		name:   "input's own context in kwargs",
		body:   "def f(**kw):\n    return kw",
		input:  `{"a": 1, "context": 2}`,
		output: `{"a":1,"context":2}`,
	},
	{
		name:   "input's own context beside ours",
		body:   "def f(a, context=None):\n    return 1",
		input:  `{"a": 1, "context": 2}`,
		failed: `The input has a key 'context', but the function's parameter context takes the service's own.`,
	},
	{
		name:   "event asked for",
		body:   "def f(event, context):\n    return [type(event) is dict, event, context]",
		input:  `{"__event": {"specversion": "1.0", "id": "1", "type": "t", "source": "s", "data": {"a": [1]}}}`,
		output: `[true,{"specversion":"1.0","id":"1","type":"t","source":"s","data":{"a":[1]}},{}]`,
	},
	{
		name:   "event beside a template's members",
		body:   "def f(name, event, n=1):\n    return [name, event['id'], n]",
		input:  `{"__event": {"id": "1"}, "name": "Ada"}`,
		output: `["Ada","1",1]`,
	},
	{name: "event not asked for", body: "def f(name):\n    return name", input: `{"__event": {}, "name": "Ada"}`, output: `"Ada"`},
	{name: "event not asked for, and nothing else", body: "def f():\n    return 1", input: `{"__event": {}}`, output: `1`},
	{
		name:   "event in kwargs",
		body:   "def f(name, **kw):\n    return [sorted(kw), kw['event']]",
		input:  `{"__event": {"id": "1"}, "name": "Ada"}`,
		output: `[["context","event"],{"id":"1"}]`,
	},
	{
		name:   "event of bytes",
		body:   "def f(event):\n    return [type(event['data']).__name__, list(event['data']), 'data_base64' in event]",
		input:  `{"__event": {"datacontenttype": "image/png", "data_base64": "AP8="}}`,
		output: `["bytes",[0,255],false]`,
	},
	{
		name:   "event of text",
		body:   "def f(event):\n    return event['data']",
		input:  `{"__event": {"datacontenttype": "text/plain", "data": "ü"}}`,
		output: `"ü"`,
	},
	{
		name:   "event is what a decorator hands on",
		body:   "import functools\ndef d(g):\n    @functools.wraps(g)\n    def w(*a, **k):\n        return g(*a, **k)\n    return w\n@d\ndef f(event):\n    return event['id']",
		input:  `{"__event": {"id": "1"}}`,
		output: `"1"`,
	},
	{
		name:   "template's own event beside ours",
		body:   "def f(event):\n    return 1",
		input:  `{"__event": {}, "event": 2}`,
		failed: `The input has a key 'event', but the function's parameter event takes the service's own.`,
		log:    "The input has a key 'event'",
		lacks:  "Traceback",
	},
	{
		name:   "template's own event in kwargs",
		body:   "def f(**kw):\n    return kw['event']",
		input:  `{"__event": {}, "event": 2}`,
		output: `2`,
	},
	{name: "input's own event", body: "def f(event):\n    return event", input: `{"event": 2}`, output: `2`},
	{name: "kwargs without an event", body: "def f(**kw):\n    return 'event' in kw", input: `{"a": 2}`, output: `false`},
	{
		name:   "event is a list",
		body:   "def f(event=None):\n    return event",
		input:  `{"__event": []}`,
		failed: `The input's '__event' must be a CloudEvent, a JSON object; it is of type array.`,
	},
	{
		name:   "event of bytes that are none",
		body:   "def f(event=None):\n    return event",
		input:  `{"__event": {"data_base64": "ü"}}`,
		failed: `The input's '__event' has a data_base64 that is not base64.`,
	},
	{name: "context is empty", body: "def f(context):\n    return bool(context)", output: `false`},
	{name: "context not asked for", body: "def f(a):\n    return a", input: `{"a": 1}`, output: `1`},
	{
		name:   "context as the word",
		body:   "def f(context):\n    return context",
		input:  `{"__function_input": "w"}`,
		output: `"w"`,
	},
	{
		name:   "decorated",
		body:   "import functools\ndef d(g):\n    @functools.wraps(g)\n    def w(*a, **k):\n        return g(*a, **k)\n    return w\n@d\ndef f(a):\n    return a",
		input:  `{"a": 2}`,
		output: `2`,
	},
	{
		name:   "callable object",
		body:   "class C:\n    def __call__(self, a, context):\n        return [a, context]\nf = C()",
		input:  `{"a": 2}`,
		output: `[2,{}]`,
	},
	{name: "method", body: "class C:\n    def m(self, a):\n        return a\nf = C().m", input: `{"a": 2}`, output: `2`},
	{
		name:   "partial",
		body:   "import functools\ndef g(a, b):\n    return a + b\nf = functools.partial(g, b=1)",
		input:  `{"a": 2}`,
		output: `3`,
	},
	{
		name:   "async",
		body:   "import asyncio\nasync def f(a):\n    await asyncio.sleep(0)\n    return a",
		input:  `{"a": 3}`,
		output: `3`,
	},
	{name: "unicode", body: "def f(a):\n    print(a)\n    return a", input: `{"a": "ü€😀"}`, output: `"ü€😀"`, log: "ü€😀\n"},
	{name: "lone surrogate printed", body: "def f():\n    print('\\ud800')\n    return 1", output: `1`, log: "\\ud800\n"},
	{
		name:   "working folder",
		body:   "import os\ndef f():\n    open('new', 'w').write('n')\n    return open('data.txt').read() + open('new').read() + str(sorted(os.listdir()))",
		output: `"dn['data.txt', 'main.py', 'new']"`,
	},
	{
		name:       "package's files cannot be written",
		body:       "import os\ndef f():\n    try:\n        open('data.txt', 'a')\n    except OSError as error:\n        return type(error).__name__",
		output:     `"PermissionError"`,
		unlessRoot: true,
	},
	{
		name:   "package's files come back",
		body:   "import os\ndef f():\n    found = open('data.txt').read() + open('dir/x').read()\n    for name in ('data.txt', 'dir'):\n        os.remove(name)\n    open('data.txt', 'w').write('other')\n    os.makedirs('dir/deep')\n    return found",
		extra:  files{"dir/x": "x"},
		output: `"dx"`,
	},
	{
		name:   "working folder comes back",
		body:   "import os, shutil\ndef f():\n    found = open('data.txt').read()\n    shutil.rmtree(os.getcwd())\n    return found",
		output: `"d"`,
	},
	{
		name:   "module that it has written",
		body:   "def f():\n    open('made.py', 'w').write('x = 7')\n    import made\n    return made.x",
		output: `7`,
	},
	{
		name:   "scratch",
		body:   "import os, tempfile\ndef f():\n    open(os.path.expanduser('~/x'), 'w')\n    return tempfile.gettempdir() == os.environ['HOME']",
		output: `true`,
	},
	{name: "stdin is empty", body: "import sys\ndef f():\n    return sys.stdin.read()", output: `""`},
	{
		name:   "nothing of the runtime's in the environment",
		body:   "import os\ndef f():\n    return [k for k in os.environ if 'FAAS' in k or 'TOKEN' in k]",
		output: `[]`,
	},
	{
		name:   "own module named as a known one",
		body:   "import calendar\ndef f():\n    return calendar.mine",
		extra:  files{"calendar.py": "mine = 1"},
		output: `1`,
	},
	{
		name:   "order with children",
		body:   "import subprocess, sys\ndef f():\n    print('1', end='')\n    subprocess.run(['sh', '-c', 'printf 2'])\n    sys.stderr.write('3')\n    print(4)",
		output: `null`,
		log:    "1234\n",
	},
	{
		name:   "print when importing",
		body:   "print('import')\ndef f():\n    print('call')",
		output: `null`,
		log:    "import\ncall\n",
	},
	{
		name:   "forked child returns",
		body:   "import os\ndef f():\n    pid = os.fork()\n    if pid:\n        os.waitpid(pid, 0)\n    return 'parent' if pid else 'child'",
		output: `"parent"`,
	},
	{
		name:   "forked child raises",
		body:   "import os\ndef f():\n    pid = os.fork()\n    if not pid:\n        raise ValueError('child')\n    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])",
		output: `1`,
		log:    "ValueError: child",
	},
	{
		name:   "multiprocessing",
		body:   "import multiprocessing\ndef g(x):\n    return x * x\ndef f():\n    with multiprocessing.get_context('fork').Pool(2) as p:\n        return p.map(g, [1, 2, 3])",
		output: `[1,4,9]`,
	},
	{
		name:   "closes its streams",
		body:   "import os, sys\ndef f():\n    sys.stdout = sys.stderr = None\n    os.closerange(1, 3)\n    raise ValueError('x')",
		failed: `ValueError: x`,
	},

	{
		name:   "raises",
		body:   "def f():\n    raise ValueError('bad value')",
		failed: `ValueError: bad value`,
		raised: "ValueError: bad value",
		log:    "File \"",
		lacks:  "faas_runtime",
	},
	{
		name:   "raises without message",
		body:   "def f():\n    raise KeyError",
		failed: `KeyError`,
		raised: "KeyError: ",
		log:    "Traceback (most recent call last)",
	},
	{name: "raises a key", body: "def f():\n    {}['missing']", failed: `KeyError: 'missing'`, raised: "KeyError: 'missing'"},
	{name: "raises half a pair", body: "def f():\n    raise KeyError('\\ud800')", failed: `KeyError: '\ud800'`},
	{name: "returns half a pair", body: "def f():\n    return '\\ud800'", output: `"\ud800"`},
	{
		name:   "cannot fork",
		body:   "import os\ndef f():\n    print(1)\n    " + noMoreProcesses + "    os.fork()",
		failed: faas.OutputResources,
		raised: "BlockingIOError: [Errno 11] Resource temporarily unavailable",
		log:    "BlockingIOError",
	},
	{
		name:   "cannot start a program",
		body:   "import subprocess\ndef f():\n    " + noMoreProcesses + "    subprocess.run(['true'])",
		failed: faas.OutputResources,
	},
	{
		name:   "cannot start a thread",
		body:   "import threading\ndef f():\n    " + noMoreProcesses + "    threading.Thread(target=print).start()",
		failed: faas.OutputResources,
		raised: "RuntimeError: can't start new thread",
		log:    "can't start new thread",
	},
	{
		name:   "cannot start a worker of a pool",
		body:   "import multiprocessing.pool\ndef f():\n    " + noMoreProcesses + "    multiprocessing.get_context('fork').Pool(1)",
		failed: faas.OutputResources,
	},
	{
		name:   "no memory for the kernel",
		body:   "import errno, os\ndef f():\n    raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))",
		failed: faas.OutputResources,
	},
	{
		name:   "socket has nothing to read",
		body:   "import os, socket\ndef f():\n    a, b = socket.socketpair()\n    a.setblocking(False)\n    a.recv(1)",
		failed: `BlockingIOError: [Errno 11] Resource temporarily unavailable`,
	},
	{
		name:   "raises what cannot be told",
		body:   "class E(Exception):\n    def __str__(self):\n        raise ValueError\ndef f():\n    raise E",
		failed: `E`,
	},
	{name: "wrong input", body: "def f(a):\n    pass", input: `{"b": 1}`, failed: `unexpected keyword argument 'b'`},
	{name: "exit", body: "import sys\ndef f():\n    sys.exit(3)", failed: `exit: status 3`},
	{name: "interrupt", body: "def f():\n    raise KeyboardInterrupt", failed: `KeyboardInterrupt`},
	{
		name:   "hard exit",
		body:   "import os\ndef f():\n    print('bye')\n    os._exit(7)",
		failed: `exited with status 7`,
		log:    "bye\n",
	},
	{
		name:   "killed",
		body:   "import os, signal\ndef f():\n    os.kill(os.getpid(), signal.SIGKILL)",
		failed: `killed by signal SIGKILL`,
	},
	{name: "crash", body: "import os, signal\ndef f():\n    os.kill(os.getpid(), signal.SIGSEGV)", failed: `SIGSEGV`},
	{name: "memory error", body: "def f():\n    raise MemoryError", failed: faas.OutputResources, log: "MemoryError"},
	{name: "set", body: "def f():\n    return {1, 2}", failed: `of type set, is not JSON`},
	{
		name:   "nested object",
		body:   "def f():\n    return {'a': [object()]}",
		failed: `Object of type object is not JSON serializable`,
	},
	{name: "NaN", body: "def f():\n    return float('nan')", failed: `of type float, is not JSON`},
	{name: "infinity", body: "def f():\n    return [float('inf')]", failed: `is not JSON`},
	{name: "circular", body: "def f():\n    a = []\n    a.append(a)\n    return a", failed: `is not JSON`},
	{
		name:   "result nested too deeply",
		body:   "import sys\ndef f():\n    sys.setrecursionlimit(30000)\n    a = []\n    for i in range(9990):\n        a = [a]\n    return a",
		failed: `The result is nested too deeply: at most 9990 levels of JSON objects and arrays are allowed.`,
	},
	{
		name:   "result nested as deeply as may be",
		body:   "import sys\ndef f():\n    sys.setrecursionlimit(30000)\n    a = []\n    for i in range(9989):\n        a = [a]\n    return a",
		output: strings.Repeat("[", 9990) + strings.Repeat("]", 9990),
	},
	{name: "bytes", body: "def f():\n    return b'x'", failed: `of type bytes`},
	{
		name:   "result too large",
		body:   "def f():\n    return 'x' * (5 << 20)",
		failed: `The result is too large: 5242882 bytes of JSON, at most 4194304 are allowed.`,
	},
	{name: "message too large", body: "def f():\n    raise ValueError('x' * (8 << 20))", failed: `xxx`},
	{
		name:   "speaks out of turn",
		body:   "import os, socket, stat\ndef f():\n    for fd in range(3, 64):\n        try:\n            if stat.S_ISSOCK(os.fstat(fd).st_mode):\n                os.write(fd, b'{}\\n')\n        except OSError:\n            pass\n    return 1",
		failed: `sent the worker something other than a result`,
	},
	{
		name:     "closes its connection",
		body:     "import os, stat, time\ndef f():\n    for fd in range(3, 64):\n        try:\n            if stat.S_ISSOCK(os.fstat(fd).st_mode):\n                os.close(fd)\n        except OSError:\n            pass\n    time.sleep(60)",
		failed:   `exited with status`,
		orFailed: "closed its connection",
	},

	{
		name:   "no such function",
		body:   "def g():\n    pass\ndef h():\n    pass",
		failed: `The module 'main' has no function 'f'. It has: g, h.`,
	},
	{name: "no function", body: "f = 1", failed: `'f' of the module 'main' is no function but of type int.`},
	{
		name:   "no such module",
		entry:  "other.f",
		body:   "def f():\n    pass",
		extra:  files{"pkg/deep.py": ""},
		failed: `The package has no module 'other'. It has: main, pkg.deep.`,
	},
	{
		name:   "in a package",
		entry:  "pkg.deep.f",
		extra:  files{"pkg/__init__.py": "", "pkg/deep.py": "def f():\n    return __name__"},
		output: `"pkg.deep"`,
	},
	{name: "import fails", body: "import nowhere", failed: `No module named 'nowhere'`, log: "Traceback"},
	{name: "syntax error", body: "def f(:", failed: `invalid syntax`, log: "main.py"},
	{name: "exit when importing", body: "raise SystemExit(4)", failed: `exit: status 4`},
}

// noMoreProcesses are lines of a Python function from which on its user starts no process and no
// thread. They are no root's: the kernel does not hold root to that.
const noMoreProcesses = `import os, resource
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    if os.getuid() == 0:
        os.setresuid(65533, 65533, 65533)
`

func TestPython(t *testing.T) { runCases(t, "python3", "main.py", pythonCases) }

// A worker's calls come one after another from the same process, whose memory stays.
func TestPythonReusesSlot(t *testing.T) {
	each(t, func(t *testing.T, begin beginner) {
		r := begin(
			t, "python3", nil,
		).specialise("main.f", files{"main.py": "import os\nn = 0\ndef f():\n    global n\n    n += 1\n    return [n, os.getpid()]"})
		one, two := string(r.call("").Output), string(r.call("").Output)
		if !strings.HasPrefix(one, "[1,") || "[2,"+one[3:] != two {
			t.Errorf("got %s, then %s", one, two)
		}
	})
}

func TestPythonBoundsItself(t *testing.T) {
	each(t, func(t *testing.T, begin beginner) {
		r := begin(t, "python3", nil).specialise("main.f", files{"main.py": "def f(n):\n    return len(bytearray(n << 20))"})
		if out := r.call(`{"n": 8}`); out.Status != faas.ExecutionSuccess {
			t.Errorf("8 MiB of 32: %s %s", out.Output, out.Log)
		}
		if out := r.call(`{"n": 64}`); text(t, out.Output) != faas.OutputResources {
			t.Errorf("64 MiB of 32: %s %s", out.Output, out.Log)
		}
		if out := r.call(`{"n": 8}`); out.Status != faas.ExecutionSuccess {
			t.Errorf("8 MiB of 32 again: %s %s", out.Output, out.Log)
		}
	})
}
