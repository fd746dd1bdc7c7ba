// connect_out.js - connections to somewhere else, by every address a host has.
const net = require('net');
const http = require('http');
const host = require('./host.json');

const dial = (port, address) => () => new Promise((done, fail) => {
  const socket = net.connect({port, host: address, timeout: 3000}, () => done('connected'));
  socket.on('error', fail).on('timeout', () => fail(Error('timeout')));
});

require('./attempts.js')({
  gateway: dial(host.gateway, '127.0.0.1'),
  listener: dial(host.listener, '127.0.0.1'),
  listener_by_any: dial(host.listener, '0.0.0.0'),
  listener_by_six: dial(host.listener, '::1'),
  listener_by_mapped: dial(host.listener, '::ffff:127.0.0.1'),
  listener_by_address: dial(host.listener, host.address),
  world: dial(53, '9.9.9.9'),
  world_six: dial(53, '2620:fe::fe'),
  metadata: dial(80, '169.254.169.254'),
  private_network: dial(80, '10.0.0.1'),
  link_local: dial(80, 'fe80::1'),
  neighbour_port: dial(9000 + (Number(process.env.PORT) - 9000 + 1) % 50, '127.0.0.1'),
  fetch: () => fetch(`http://127.0.0.1:${host.gateway}/api/apps`),
  api: () => new Promise((done, fail) => http.get({host: 'localhost', port: host.gateway,
    path: '/api/apps'}, (answer) => done(answer.statusCode)).on('error', fail)),
});
