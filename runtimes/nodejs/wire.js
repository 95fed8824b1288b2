'use strict';
// Messages to and from the agent: one JSON object a line, over a stream socket.

const net = require('node:net');

// connect opens a connection to the agent; a path that begins with @ is an abstract one. onMessage
// gets each message, onEnd is called once when the connection is gone.
function connect(path, onMessage, onEnd) {
  const socket = net.connect({ path: path.startsWith('@') ? '\0' + path.slice(1) : path });
  let chunks = []; // of a line whose end has not come yet
  socket.on('data', (chunk) => {
    let from = 0;
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
      const part = chunk.subarray(from, at);
      const line = chunks.length ? Buffer.concat([...chunks, part]) : part;
      chunks = [];
      from = at + 1;
      onMessage(JSON.parse(line.toString()));
    }
    if (from < chunk.length) chunks.push(chunk.subarray(from));
  });
  socket.on('error', () => {}); // close follows
  socket.on('close', onEnd);
  return {
    send: (message, then) => socket.write(JSON.stringify(message) + '\n', then),
    sendLine: (line, then) => socket.write(line, then),
  };
}

module.exports = { connect };
