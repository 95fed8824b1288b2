'use strict';
// How a call ended, and how that is reported.

const { types } = require('node:util');
const { InputError } = require('./event.js');
const { EntryError } = require('./function.js');

const MOST_MESSAGE = 16384; // characters of a failure's message; the stack is in the log in any case
const MOST_TYPE = 60; // characters of the name of an error's type

// ofResult is what a call that returned ended as.
function ofResult(result) {
  if (result === undefined) return success('null');
  try {
    const json = JSON.stringify(result, refuse);
    if (json !== undefined) return success(json);
  } catch (error) {
    return failure(`The result, of type ${kind(result)}, is not JSON: ${describe(error)}`);
  }
  return failure(`The result, of type ${kind(result)}, is not JSON.`);
}

// refuse stops at what JSON.stringify would leave out, or turn into null, without a word.
function refuse(key, value) {
  const type = typeof value;
  if (type === 'function' || type === 'symbol') throw new TypeError(`'${key}' is a ${type}`);
  if (type === 'number' && !Number.isFinite(value)) throw new TypeError(`'${key}' is ${value}`);
  return value;
}

function kind(value) {
  return typeof value === 'object' && value !== null ? value.constructor?.name ?? 'object' : typeof value;
}

// ofError is what a call that threw ended as.
function ofError(error) {
  if (isA(error, EntryError) || isA(error, InputError)) return failure(error.message, `${error.message}\n`);
  const { type, message } = parts(error);
  const output = isError(error) ? (message ? `${type}: ${message}` : type) : message;
  return failure(output, `${stack(error)}\n`, { type, message }, lack(error));
}

// parts returns the type and the message of what was thrown, which may be anything.
function parts(error) {
  try {
    if (isError(error)) return { type: typeName(error), message: String(error.message) };
    const text = typeof error === 'string' && error ? error : String(error?.message ?? JSON.stringify(error) ?? error);
    return { type: kind(error), message: text };
  } catch {
    return { type: typeof error, message: 'The function threw a value that cannot be told.' };
  }
}

// isError knows the errors of other contexts, as of node:vm, too.
function isError(error) {
  return types.isNativeError(error) || isA(error, Error);
}

function isA(value, type) {
  try {
    return value instanceof type;
  } catch {
    return false; // a proxy
  }
}

// typeName is the error's name or, where its class has none of its own, its class's.
function typeName(error) {
  const name = String(error.name || 'Error');
  return (name === 'Error' && error.constructor?.name || name).slice(0, MOST_TYPE);
}

// lack says which resource's want the error tells of: 'memory', 'processes' or undefined.
function lack(error) {
  try {
    if (error?.code === 'EAGAIN' && /^(spawn|fork|uv_thread_create)/.test(error.syscall)) return 'processes';
    if (error?.code === 'ERR_WORKER_INIT_FAILED') return 'processes';
    if (error?.code === 'ENOMEM' || error?.code === 'ERR_WORKER_OUT_OF_MEMORY') return 'memory';
    if (error instanceof RangeError && error.message === 'Array buffer allocation failed') return 'memory';
  } catch { /* a value that cannot be looked at */ }
  return undefined;
}

function describe(error) {
  return parts(error).message;
}

// stack leaves out the runtime's own frames.
function stack(error) {
  try {
    const text = String(error?.stack ?? error);
    return text.split('\n').filter((line) => !line.includes(__dirname)).join('\n');
  } catch {
    return describe(error);
  }
}

function success(json) {
  return {
    line: (limit, last) => {
      const size = Buffer.byteLength(json);
      if (size <= limit) return `{"type":"result","status":"success","output":${json}${last ? ',"last":true' : ''}}\n`;
      return failure(`The result is too large: ${size} bytes of JSON, at most ${limit} are allowed.`).line(limit, last);
    },
  };
}

function failure(message, trace, error, lacks) {
  const output = message.slice(0, MOST_MESSAGE);
  if (error) error.message = error.message.slice(0, MOST_MESSAGE);
  const resources = lacks ? true : undefined;
  return {
    trace,
    crowded: lacks === 'processes', // the worker is full of them: the slot ends, and what it has started with it
    // last says that the process ends after it; JSON.stringify leaves out what is undefined
    line: (limit, last) => JSON.stringify({ type: 'result', status: 'failed', output, error, resources, last }) + '\n',
  };
}

module.exports = { ofResult, ofError };
