'use strict';
// A slot: a process that loads the function once and answers one call after another.

const fs = require('node:fs');
const Module = require('node:module');
const { connect } = require('./wire.js');
const { Cloud } = require('./context.js');
const { load } = require('./function.js');
const { Log } = require('./log.js');
const memory = require('./memory.js');
const { ofError, ofResult } = require('./outcome.js');
const { writeThrough, offerToKernel } = require('./process.js');

const path = process.env.FAAS_SOCKET;
const { slot, nonce, late, open } = JSON.parse(process.env.FAAS_SLOT);
delete process.env.FAAS_SOCKET;
delete process.env.FAAS_SLOT;
const output = new Log(late);
writeThrough((chunk) => output.divert(chunk));
offerToKernel();
hideInstalled();

let loading; // a promise of what loaded becomes
let loaded; // {call} or {failed}, once the function is loaded
let limit = 0; // bytes of a result
let current = 0; // the number of the call that runs, 0 between calls
let calls = 0;
let spoiled = false; // by an exception that nobody caught: the process ends with the call that runs
const cloud = new Cloud();

const wire = connect(path, obey, () => process.exit(0));
wire.send({ type: 'ready', slot, nonce, pid: process.pid });

function obey(message) {
  if (message.type === 'load') {
    limit = message.result_limit;
    memory.follow(message.memory, open);
    loading = load(message.code, message.entry, message.environment).then((call) => ({ call }), (error) => ({ failed: ofError(error) }));
    loading.then((what) => {
      loaded = what;
      if (message.report) wire.send({ type: 'loaded' }); // from now on the call's time counts
    });
  } else if (message.type === 'call') {
    answer(message);
  } else if (message.type === 'credentials') {
    cloud.update(message.context);
  }
}

async function answer({ id, input, context }) {
  const call = current = ++calls;
  const { call: run, failed } = loaded ?? await loading; // each await is told to the log's storage
  if (failed) return reply(call, failed, true); // the next call finds a fresh process and loads again
  let outcome;
  try {
    outcome = ofResult(await output.run(id, () => run(input, cloud.context(context ?? undefined))));
  } catch (error) {
    outcome = ofError(error);
  }
  reply(call, outcome, Boolean(outcome.crowded));
}

// reply reports how the call ended, unless an exception that nobody caught has done so.
function reply(call, outcome, last) {
  if (call !== current) return;
  current = 0;
  if (outcome.trace) log(outcome.trace);
  output.end();
  last ||= spoiled;
  wire.sendLine(outcome.line(limit, last || undefined), last ? () => process.exit(0) : undefined);
}

// hideInstalled keeps functions to Node.js's own modules and their package's: what else is installed
// where Node.js looks differs from host to host.
function hideInstalled() {
  const installed = new Set(Module.globalPaths);
  const lookup = Module._resolveLookupPaths;
  Module._resolveLookupPaths = (...what) => lookup(...what)?.filter((folder) => !installed.has(folder)) ?? null;
}

function log(text) {
  try {
    fs.writeSync(2, text);
  } catch { /* the function has closed its standard error */ }
}

// After an exception that nobody caught nobody knows what state the function is in: the process
// ends, the next call gets another.
function uncaught(error) {
  if (current && !output.isLate()) return reply(current, ofError(error), true);
  const { trace } = ofError(error);
  if (output.isLate()) output.writeLate(trace);
  else log(trace);
  if (!current) process.exit(1);
  spoiled = true; // the call that runs is not to blame
}
process.on('uncaughtException', uncaught);
process.on('unhandledRejection', uncaught);
process.on('SIGXFSZ', () => {}); // a file that grows over its bound is then an error of the write, not the end
