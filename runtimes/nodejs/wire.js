'use strict';
// Messages to and from the agent: one JSON object a line, over a stream socket. It goes around what
// Node.js's streams do for each chunk: a call's way through them took longer than most functions do.

const { writeSync } = require('node:fs'); // the function may put another in its place
const net = require('node:net');

const AT_ONCE = 65536; // bytes that are read at once

// Lines calls a function with each complete line of what comes in chunks, whose memory is used again.
class Lines {
  #parts = []; // of a line whose end has not come yet
  #each;

  constructor(each) {
    this.#each = each;
  }

  take(chunk) {
    let from = 0;
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
      const last = chunk.subarray(from, at);
      const line = this.#parts.length ? Buffer.concat([...this.#parts, last]) : last;
      this.#parts = [];
      from = at + 1;
      this.#each(line);
    }
    if (from < chunk.length) this.#parts.push(Buffer.from(chunk.subarray(from)));
  }
}

// connect opens a connection to the agent; a path that begins with @ is an abstract one. onMessage
// gets each message, onEnd is called once when the connection is gone.
function connect(path, onMessage, onEnd) {
  const lines = new Lines((line) => onMessage(JSON.parse(line.toString())));
  const socket = net.connect({
    path: path.startsWith('@') ? '\0' + path.slice(1) : path,
    onread: {
      buffer: Buffer.allocUnsafeSlow(AT_ONCE),
      callback: (size, buffer) => {
        lines.take(buffer.subarray(0, size));
        return true; // more is wanted
      },
    },
  });
  socket.on('error', () => {}); // close follows
  socket.on('close', onEnd);
  const sendLine = (line, then) => write(socket, Buffer.from(line), then);
  return { send: (message, then) => sendLine(JSON.stringify(message) + '\n', then), sendLine };
}

// write writes at once what the connection takes; the rest, or all while something else waits, goes
// by the stream, in its order.
function write(socket, bytes, then) {
  let at = 0;
  if (!socket.connecting && !socket.writableLength && socket._handle?.fd >= 0) {
    try {
      at = writeSync(socket._handle.fd, bytes);
    } catch { /* it is full, or gone: the stream knows what to do */ }
  }
  if (at < bytes.length) socket.write(bytes.subarray(at), then);
  else then?.();
}

module.exports = { connect };
