'use strict';
// How a call ended, and how that is reported.

const { EntryError } = require('./function.js');

const MOST_MESSAGE = 16384; // characters of a failure's message; the stack is in the log in any case

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
  return failure(describe(error), error instanceof EntryError ? `${error.message}\n` : `${stack(error)}\n`);
}

function describe(error) {
  try {
    if (error instanceof Error) return error.message || error.name;
    return typeof error === 'string' && error ? error : String(error?.message ?? JSON.stringify(error) ?? error);
  } catch {
    return 'The function threw a value that cannot be told.';
  }
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
      if (size <= limit) return `{"type":"result","status":"success","output":${json}}\n`;
      return failure(`The result is too large: ${size} bytes of JSON, at most ${limit} are allowed.`).line(limit, last);
    },
  };
}

function failure(message, trace) {
  const output = message.slice(0, MOST_MESSAGE);
  // last says that the process ends after it; JSON.stringify leaves it out when it is undefined
  return { trace, line: (limit, last) => JSON.stringify({ type: 'result', status: 'failed', output, last }) + '\n' };
}

module.exports = { ofResult, ofError };
