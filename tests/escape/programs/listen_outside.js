// listen_outside.js - listeners where somebody else might come: every address, low ports, sockets.
const net = require('net');
const fs = require('fs');
const host = require('./host.json');

const listen = (...where) => () => new Promise((done, fail) => {
  const server = net.createServer((socket) => socket.end('escaped')).on('error', fail);
  server.listen(...where, () => done('listens'));
});

require('./attempts.js')({
  everywhere: listen(host.free_port, '0.0.0.0'),      // in its own network: the runner tries to connect
  low_port: listen(80, '0.0.0.0'),
  gateways_port: listen(host.gateway, '127.0.0.1'),
  hosts_address: listen(0, host.address),
  socket_in_run: listen(host.run + '/preview/other.sock'),
  abstract: listen('\0escaped'),                     // likewise
  interfaces: () => Object.keys(require('os').networkInterfaces()).join(),
  routes: () => fs.readFileSync('/proc/net/route', 'utf8').trim().split('\n').length - 1,
});
