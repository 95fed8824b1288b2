'use strict';
// What a slot's process needs that Node.js does not do by itself.

const fs = require('node:fs');
const { Writable } = require('node:stream');

// writeThrough makes standard output and error write at once, in order with what child processes
// print. Node.js's own streams make the pipe non-blocking, for the child processes too, and lose
// what is pending when the process ends. What divert takes, and returns true for, is not written.
function writeThrough(divert) {
  for (const [name, fd] of [['stdout', 1], ['stderr', 2]]) {
    const write = (chunk, _, done) => done(divert(chunk) ? null : writeAll(fd, chunk));
    const stream = new Writable({ decodeStrings: true, write });
    stream.fd = fd;
    stream.isTTY = false;
    stream.destroy = () => stream; // as with the originals, end() does not close the descriptor
    Object.defineProperty(process, name, { configurable: true, enumerable: true, get: () => stream });
  }
}

// writeAll returns an error for the stream, or null.
function writeAll(fd, chunk) {
  for (let at = 0; at < chunk.length;) {
    try {
      at += fs.writeSync(fd, chunk, at);
    } catch (error) {
      if (error.code !== 'EAGAIN') return error; // a child process has made the pipe non-blocking: try again
    }
  }
  return null;
}

// offerToKernel lets the kernel, when memory runs out, take this process rather than the root.
function offerToKernel() {
  try {
    fs.writeFileSync('/proc/self/oom_score_adj', '1000');
  } catch { /* the kernel chooses */ }
}

module.exports = { writeThrough, writeAll, offerToKernel };
