// datagrams.js - UDP: to the host, the world, everybody near, and by names.
const dgram = require('dgram');
const dns = require('dns');
const host = require('./host.json');

const send = (port, address, type = 'udp4') => () => new Promise((done, fail) => {
  const socket = dgram.createSocket(type).on('error', fail);
  socket.send('escaped', port, address, (error) => error ? fail(error) : done('sent'));
});
const broadcast = () => new Promise((done, fail) => {
  const socket = dgram.createSocket('udp4').on('error', fail);
  socket.bind(0, () => {
    socket.setBroadcast(true);
    socket.send('escaped', host.listener, '255.255.255.255', (error) => error ? fail(error) : done('sent'));
  });
});

require('./attempts.js')({
  world: send(53, '9.9.9.9'),
  world_six: send(53, '2620:fe::fe', 'udp6'),
  host: send(host.listener, host.address),
  multicast: send(5353, '224.0.0.251'),
  everybody: broadcast,
  lookup: () => dns.promises.lookup('example.com'),
  resolve: () => dns.promises.resolve4('example.com'),
  resolve_by_other: async () => {
    const resolver = new dns.promises.Resolver({timeout: 500, tries: 1});
    resolver.setServers(['9.9.9.9', '1.1.1.1']);
    return resolver.resolve4('example.com');
  },
  own_loopback: send(host.listener, '127.0.0.1'),   // arrives nowhere: the runner listens there
});
