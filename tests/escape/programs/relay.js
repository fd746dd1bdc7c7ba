// relay.js - the relay in process 1, from the app's side: take its port, its socket, its connections.
const fs = require('fs');
const net = require('net');

const listen = (...where) => new Promise((done, fail) => {
  const server = net.createServer().on('error', fail);
  server.listen(...where, () => server.close(() => done(server.address && 'listened')));
});

require('./attempts.js')({
  second_listener: () => listen(Number(process.env.PORT)),
  second_on_all: () => listen(Number(process.env.PORT), '127.0.0.1'),
  own_door: () => fs.readdirSync('/proc/self/fd').map((fd) => {
    try { return fs.readlinkSync('/proc/self/fd/' + fd); } catch { return ''; }
  }).filter((target) => /preview|memfd|\.sock$/.test(target)).length,
  door_of_init: () => fs.readFileSync('/proc/net/unix', 'utf8').includes('preview/relay'),
  door_by_name: () => new Promise((done, fail) =>
    net.connect(require('./host.json').run + '/preview/relay.sock', () => done('connected'))
      .on('error', fail)),
  self_connect: async () => {
    const sockets = [];
    const open = () => new Promise((done) => {
      const socket = net.connect(Number(process.env.PORT), () => done(sockets.push(socket)));
      socket.on('error', () => done(0));
    });
    for (let i = 0; i < 200; i++) await open();
    sockets.forEach((socket) => socket.destroy());
    return 'done';
  },
});
