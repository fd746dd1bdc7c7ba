// service_sockets.js - the bus, the gateway and whatever else a host listens on by UNIX sockets.
const fs = require('fs');
const net = require('net');
const host = require('./host.json');

const connect = (path) => () => new Promise((done, fail) =>
  net.connect(path, () => done('connected')).on('error', fail));

require('./attempts.js')({
  broker: connect(host.run + '/bus/broker'),
  system_bus: connect('/run/dbus/system_bus_socket'),
  systemd: connect('/run/systemd/private'),
  notify: connect('/run/systemd/notify'),
  docker: connect('/var/run/docker.sock'),
  containerd: connect('/run/containerd/containerd.sock'),
  journal: connect('/run/systemd/journal/socket'),
  log: connect('/dev/log'),
  x11: connect('\0/tmp/.X11-unix/X0'),
  abstract: connect('\0' + host.abstract),
  of_kernel: () => fs.readFileSync('/proc/net/unix', 'utf8').includes(host.abstract),
});
