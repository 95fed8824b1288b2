package agent_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/cgroup"
	"github.com/openstack-faas/faas/internal/faas"
)

// nodejsFull makes full(), after which the module's process starts no other and no thread.
const nodejsFull = `const cp = require('child_process');
const full = () => cp.execFileSync('prlimit', ['--nproc=1:1', '--pid', String(process.pid)]);
`

var nodejsCases = []languageCase{
	{name: "no input", body: "exports.f = (i) => i === undefined", output: `true`},
	{name: "object", body: "exports.f = (i) => [i.b, i.a]", input: `{"a": 1, "b": "x"}`, output: `["x",1]`},
	{name: "plain word", body: "exports.f = (w) => w + w", input: `{"__function_input": "ab"}`, output: `"abab"`},
	{name: "context", body: "exports.f = (i, c) => typeof c", output: `"object"`},
	{
		name:   "event",
		body:   "exports.f = (i, c) => [i, typeof c]",
		input:  `{"__event": {"specversion": "1.0", "id": "1", "type": "t", "source": "s", "data": {"a": [1]}}, "name": "Ada"}`,
		output: `[{"event":{"specversion":"1.0","id":"1","type":"t","source":"s","data":{"a":[1]}},"name":"Ada"},"object"]`,
	},
	{
		name:   "event of bytes",
		body:   "exports.f = ({event}) => [Buffer.isBuffer(event.data), [...event.data], 'data_base64' in event]",
		input:  `{"__event": {"datacontenttype": "image/png", "data_base64": "AP8="}}`,
		output: `[true,[0,255],false]`,
	},
	{
		name:   "event of text",
		body:   "exports.f = ({event}) => event.data",
		input:  `{"__event": {"datacontenttype": "text/plain", "data": "ü"}}`,
		output: `"ü"`,
	},
	{
		name:   "template's own event beside ours",
		body:   "exports.f = (i) => i",
		input:  `{"__event": {}, "event": 2}`,
		failed: `The input has a key 'event' beside '__event'`,
		log:    "The input has a key 'event'",
		lacks:  "InputError",
	},
	{name: "input's own event", body: "exports.f = (i) => i", input: `{"event": 2}`, output: `{"event":2}`},
	{
		name:   "event is null",
		body:   "exports.f = (i) => i",
		input:  `{"__event": null}`,
		failed: `The input's '__event' must be a CloudEvent, a JSON object; it is of type null.`,
	},
	{
		name:   "event of bytes that are none",
		body:   "exports.f = (i) => i",
		input:  `{"__event": {"data_base64": "AP8"}}`,
		failed: `The input's '__event' has a data_base64 that is not base64.`,
	},
	{name: "undefined", body: "exports.f = () => {}", output: `null`},
	{name: "async", body: "exports.f = async (i) => { await null; return i.a; }", input: `{"a": 3}`, output: `3`},
	{name: "promise", body: "exports.f = () => new Promise((done) => setTimeout(done, 1, 'later'))", output: `"later"`},
	{
		name:   "unicode",
		body:   "exports.f = (i) => { console.log(i.a); return i.a; }",
		input:  `{"a": "ü€😀"}`,
		output: `"ü€😀"`,
		log:    "ü€😀\n",
	},
	{
		name:  "ES module",
		entry: "mod.f",
		extra: files{
			"mod.mjs": "import fs from 'node:fs';\nexport function f() { return typeof fs.readFileSync + fs.readFileSync('data.txt', 'utf8'); }",
		},
		output: `"functiond"`,
	},
	{
		name:   "ES module by package.json",
		body:   "export const f = async () => import.meta.url.endsWith('main.js')",
		extra:  files{"package.json": `{"type":"module"}`},
		output: `true`,
	},
	{
		name:   "ES module's default object",
		entry:  "mod.f",
		extra:  files{"mod.mjs": "export default { f() { return this !== undefined; } };"},
		output: `true`,
	},
	{
		name:   "CommonJS by suffix",
		entry:  "mod.f",
		extra:  files{"mod.cjs": "exports.f = () => __filename.endsWith('mod.cjs')", "package.json": `{"type":"module"}`},
		output: `true`,
	},
	{
		name:   "in a folder",
		entry:  "lib.deep.f",
		extra:  files{"lib/deep.js": "exports.f = () => require('./other').x", "lib/other.js": "exports.x = 5"},
		output: `5`,
	},
	{
		name:   "a package of its own",
		body:   "exports.f = () => require('dep')",
		extra:  files{"node_modules/dep/index.js": "module.exports = 'dep'"},
		output: `"dep"`,
	},
	{
		name:   "working folder",
		body:   "const fs = require('fs');\nexports.f = () => { fs.writeFileSync('new', 'n'); return fs.readFileSync('data.txt', 'utf8') + fs.readdirSync('.').sort(); }",
		output: `"ddata.txt,main.js,new"`,
	},
	{
		name:       "package's files cannot be written",
		body:       "const fs = require('fs');\nexports.f = () => { try { fs.appendFileSync('data.txt', 'x'); } catch (error) { return error.code; } }",
		output:     `"EACCES"`,
		unlessRoot: true,
	},
	{
		name:   "package's files come back",
		body:   "const fs = require('fs');\nexports.f = () => { const found = fs.readFileSync('data.txt', 'utf8') + fs.readFileSync('dir/x', 'utf8'); fs.rmSync('data.txt'); fs.unlinkSync('dir'); fs.writeFileSync('data.txt', 'other'); fs.mkdirSync('dir/deep', { recursive: true }); return found; }",
		extra:  files{"dir/x": "x"},
		output: `"dx"`,
	},
	{
		name:   "working folder comes back",
		body:   "const fs = require('fs');\nexports.f = () => { const found = fs.readFileSync('data.txt', 'utf8'); fs.rmSync(process.cwd(), { recursive: true }); return found; }",
		output: `"d"`,
	},
	{name: "method keeps this", body: "module.exports = { x: 4, f() { return this.x; } }", output: `4`},
	{
		name:   "order with children",
		body:   "const cp = require('child_process');\nexports.f = () => { process.stdout.write('1'); cp.spawnSync('sh', ['-c', 'printf 2'], {stdio: 'inherit'}); process.stderr.write('3'); console.log(4); }",
		output: `null`,
		log:    "1234\n",
	},
	{
		name:   "prints much",
		body:   "exports.f = () => { for (let i = 0; i < 3000; i++) console.log(String(i).padStart(60, '.')); }",
		output: `null`,
		log:    "2999\n",
	},
	{
		name:   "nothing of the runtime's in the environment",
		body:   "exports.f = () => Object.keys(process.env).filter((k) => /FAAS|TOKEN/.test(k))",
		output: `[]`,
	},
	{
		name:   "result after an async print",
		body:   "exports.f = async () => { await new Promise((d) => setTimeout(d, 5)); console.log('late'); return 1; }",
		output: `1`,
		log:    "late\n",
	},

	{
		name:   "throws",
		body:   "exports.f = () => { throw new Error('bad value'); }",
		failed: `Error: bad value`,
		raised: "Error: bad value",
		log:    "main.js",
		lacks:  "slot.js",
	},
	{name: "throws text", body: "exports.f = () => { throw 'word'; }", failed: `word`, raised: "string: word"},
	{
		name:   "throws of a type",
		body:   "exports.f = () => undefined.x",
		failed: `TypeError: Cannot read properties of undefined`,
	},
	{
		name:   "throws of a class of its own",
		body:   "class Mine extends Error {}\nexports.f = () => { throw new Mine('m'); }",
		failed: `Mine: m`,
		raised: "Mine: m",
	},
	{
		name:   "throws what cannot be looked at",
		body:   "exports.f = () => { throw new Proxy({}, { get() { throw 1; }, getPrototypeOf() { throw 2; } }); }",
		failed: `cannot be told`,
	},
	{
		name:   "cannot start a program",
		body:   nodejsFull + "exports.f = () => { full(); return new Promise(() => cp.spawn('true')); }",
		failed: faas.OutputResources,
		raised: "Error: spawn true EAGAIN",
		log:    "EAGAIN",
	},
	{
		name:   "cannot start a program and wait",
		body:   nodejsFull + "exports.f = () => { full(); cp.execFileSync('true'); }",
		failed: faas.OutputResources,
		log:    "EAGAIN",
	},
	{
		name:   "cannot start a thread",
		body:   nodejsFull + "exports.f = () => { full(); new (require('worker_threads').Worker)('1', {eval: true}); }",
		failed: faas.OutputResources,
	},
	{
		name:   "no memory for a buffer",
		body:   "exports.f = () => { throw new RangeError('Array buffer allocation failed'); }",
		failed: faas.OutputResources,
	},
	{name: "throws nothing", body: "exports.f = () => { throw undefined; }", failed: `undefined`},
	{name: "throws an object", body: "exports.f = () => { throw {code: 7}; }", failed: `{"code":7}`},
	{name: "rejects", body: "exports.f = () => Promise.reject(new Error('no'))", failed: `no`},
	{
		name:   "uncaught",
		body:   "exports.f = () => new Promise(() => setTimeout(() => { throw new Error('alone'); }, 1))",
		failed: `alone`,
		log:    "alone",
	},
	{
		name:   "unhandled",
		body:   "exports.f = () => new Promise(() => { Promise.reject(new Error('dropped')); })",
		failed: `dropped`,
		log:    "dropped",
	},
	{name: "exit", body: "exports.f = () => { process.exit(3); }", failed: `exited with status 3`},
	{
		name:   "killed",
		body:   "exports.f = () => { process.kill(process.pid, 'SIGKILL'); return new Promise(() => setTimeout(() => {}, 9999)); }",
		failed: `killed by signal SIGKILL`,
	},
	{name: "function", body: "exports.f = () => () => 1", failed: `of type function, is not JSON`},
	{name: "function within", body: "exports.f = () => ({ a: () => 1 })", failed: `'a' is a function`},
	{name: "BigInt", body: "exports.f = () => 1n", failed: `of type bigint, is not JSON`},
	{name: "symbol", body: "exports.f = () => Symbol('x')", failed: `of type symbol, is not JSON`},
	{name: "circular", body: "exports.f = () => { const a = {}; a.a = a; return a; }", failed: `is not JSON`},
	{name: "NaN", body: "exports.f = () => NaN", failed: `is not JSON`},
	{
		name:   "replaces the file system's functions",
		body:   "require('fs').writeSync = () => 0; exports.f = () => 1",
		output: `1`,
	},
	{
		name:   "result too large",
		body:   "exports.f = () => 'x'.repeat(5 << 20)",
		failed: `The result is too large: 5242882 bytes of JSON`,
	},

	{
		name:   "no such function",
		body:   "exports.g = () => 1; exports.h = () => 2; exports.x = 3",
		failed: `The module 'main' has no function 'f'. It has: g, h.`,
	},
	{name: "no function", body: "exports.f = 1", failed: `'f' of the module 'main' is no function but of type number.`},
	{
		name:   "no such module",
		entry:  "other.f",
		body:   "",
		extra:  files{"lib/deep.mjs": ""},
		failed: `The package has no module 'other'. It has: lib.deep, main.`,
	},
	{name: "require fails", body: "require('nowhere')", failed: `Cannot find module 'nowhere'`},
	{name: "syntax error", body: "exports.f = (", failed: `Unexpected end of input`, log: "main.js"},
}

// largeNodejsCases are made when they are wanted: every agent and supervisor is a process of this
// binary, and would make them when it starts.
func largeNodejsCases() []languageCase {
	return []languageCase{
		{
			name:   "result that the connection does not take at once",
			body:   "exports.f = () => 'x'.repeat(3 << 20)",
			output: `"` + strings.Repeat("x", 3<<20) + `"`,
		},
		{
			name:   "input that does not come at once",
			body:   "exports.f = ({a, b}) => [a.length, a === 'xy'.repeat(1 << 20), b]",
			input:  `{"a": "` + strings.Repeat("xy", 1<<20) + `", "b": 2}`,
			output: `[2097152,true,2]`,
		},
	}
}

func TestNodejs(t *testing.T) {
	runCases(t, "nodejs", "main.js", slices.Concat(nodejsCases, largeNodejsCases()))
}

// With a control group the first slot serves the first call; the kernel, not the heap's bound, is
// what ends it.
func TestNodejsMemory(t *testing.T) {
	each(t, func(t *testing.T, begin beginner) {
		r := begin(t, "nodejs", withGroup(t, 256<<20)).specialise("main.f", files{
			"main.js": "exports.f = ({n}) => { const all = []; for (let i = 0; i < n; i++) all.push(Buffer.alloc(1 << 20, 1)); return all.length; }",
		})
		if out := r.call(`{"n": 8}`); out.Status != faas.ExecutionSuccess {
			t.Errorf("8 MiB: %s %s", out.Output, out.Log)
		}
		if out := r.call(`{"n": 800}`); text(t, out.Output) != faas.OutputResources {
			t.Errorf("800 MiB: %s %s", out.Output, out.Log)
		}
		if out := r.call(`{"n": 8}`); out.Status != faas.ExecutionSuccess {
			t.Errorf("8 MiB again: %s %s", out.Output, out.Log)
		}
	})
}

// Without one, the language's own bound on its heap holds.
func TestNodejsHeap(t *testing.T) {
	each(t, func(t *testing.T, begin beginner) {
		r := begin(t, "nodejs", nil).specialise("main.f", files{
			"main.js": "exports.f = () => { const all = []; for (;;) all.push(new Array(100000).fill(all.length)); }",
		})
		out, _ := r.try("", hangTimeout)
		if text(t, out.Output) != faas.OutputResources {
			t.Errorf("got %s; log %s", out.Output, out.Log)
		}
		if !strings.Contains(out.Log, "heap") {
			t.Errorf("log %q", out.Log)
		}
	})
}

// TestNodejsHeapFollowsMemory calls the slot that waited before it was a function's: its heap is
// neither too small for a large function nor too large for a small one.
func TestNodejsHeapFollowsMemory(t *testing.T) {
	for name, c := range map[string]struct {
		memory, group int64
		input         string
	}{
		"holds 400 MiB of 1 GiB":                          {1 << 30, 1200 << 20, `{"live": 400, "churn": 0}`},
		"makes 300 MiB of garbage beside 8 MiB of 32":     {32 << 20, 0, `{"live": 8, "churn": 300}`},
		"makes 600 MiB of garbage beside 40 MiB of 128":   {128 << 20, 0, `{"live": 40, "churn": 600}`},
		"makes 1000 MiB of garbage beside 120 MiB of 256": {256 << 20, 0, `{"live": 120, "churn": 1000}`},
	} {
		t.Run(name, func(t *testing.T) {
			r := begin(t, "nodejs", withGroup(t, 512<<20))
			limit := c.group
			if limit == 0 { // as the orchestrator sets it
				limit = r.status().Footprint + c.memory + faas.MemorySlack
			}
			if err := cgroup.Open(*r.config.Cgroup).SetMemory(limit); err != nil {
				t.Fatal(err)
			}
			r.specialiseFor(c.memory, "main.f", files{"main.js": `
// Numbers that are no small integers: what they take is on the heap.
const piece = (n) => new Array(16384).fill(n + 0.5); // 128 KiB
const kept = [];
exports.f = ({live, churn}) => {
  for (let n = 0; n < live * 8; n++) kept.push(piece(n));
  for (let n = 0; n < churn * 8; n++) kept[n % kept.length] = piece(n);
  return kept.length / 8;
};`})
			out, refused := r.try(c.input, 2*time.Minute)
			if refused != "" || out.Status != faas.ExecutionSuccess {
				t.Errorf("%s %s; log %s", refused, out.Output, out.Log)
			}
		})
	}
}
