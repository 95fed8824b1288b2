'use strict';
// The root process of the runtime for Node.js 18 and later: docs/runtime-protocol.md is what it
// speaks. Node.js cannot fork, so a slot is a new process; the first is started before anybody asks
// for it, and waits.

const { spawn } = require('node:child_process');
const path = require('node:path');
const { connect } = require('./wire.js');

const PROTOCOL = 1;
const MEBIBYTE = 1 << 20;
const LEAST_HEAP = 16 * MEBIBYTE; // below this Node.js cannot start
// V8 fixes the greatest size of its heap at the start of a process. The slot that waits for a function does not know
// its memory yet, so its heap is open: memory.js makes it follow the function's memory. In MiB; nothing is reserved.
const OPEN_HEAP = 65536;

const socketPath = process.env.FAAS_SOCKET;
const slots = new Map(); // the agent's number to the process
const wire = connect(socketPath, obey, end);

wire.send({
  type: 'hello', protocol: PROTOCOL, runtime: 'nodejs', version: process.versions.node,
  interpreter: `Node.js ${process.versions.node}`, modules: [], // functions find Node.js's own and their package's
  bounds_memory: 'start', reports_load: true, environment: true, memory_marks: ['JavaScript heap out of memory'],
});

function obey(message) {
  if (message.type === 'start') start(message);
  else if (message.type === 'kill') kill(slots.get(message.slot));
}

function start({ slot, nonce, output, late, memory }) {
  const heap = memory ? Math.ceil(Math.max(memory, LEAST_HEAP) / MEBIBYTE) : OPEN_HEAP;
  const args = [`--max-old-space-size=${heap}`, path.join(__dirname, 'slot.js')];
  const env = { ...process.env, FAAS_SLOT: JSON.stringify({ slot, nonce, late, open: !memory }) };
  let fd;
  try {
    fd = require('node:fs').openSync(output, 'w');
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', fd, fd], detached: true });
    slots.set(slot, child);
    child.on('exit', (code, signal) => ended(slot, child, code, signal));
    child.on('error', (error) => failed(slot, error)); // there was no process, and there is no exit
  } catch (error) {
    failed(slot, error);
  } finally {
    if (fd !== undefined) require('node:fs').closeSync(fd);
  }
}

function failed(slot, error) {
  slots.delete(slot);
  wire.send({ type: 'exited', slot, code: 1, message: `cannot start a slot: ${error.message}` });
}

function ended(slot, child, code, signal) {
  slots.delete(slot);
  kill(child); // what it started
  const how = signal ? { signal: require('node:os').constants.signals[signal] } : { code };
  wire.send({ type: 'exited', slot, ...how });
}

// kill ends a slot and the children in its process group, which it leads.
function kill(child) {
  if (!child || !child.pid) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch { /* nobody is left */ }
}

// end is called when the agent is gone, and nothing is wanted any more.
function end() {
  for (const child of slots.values()) kill(child);
  process.exit(0);
}
