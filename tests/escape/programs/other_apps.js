// other_apps.js - the files, processes, sockets and temporary files of the app next door.
const fs = require('fs');
const net = require('net');
const host = require('./host.json');

const connect = (path) => new Promise((done, fail) =>
  net.connect(path, () => done('connected')).on('error', fail));

require('./attempts.js')({
  data: () => fs.readFileSync(host.data + '/runtime/apps/neighbour/data/treasure', 'utf8'),
  code: () => fs.readdirSync(host.data + '/runtime/apps/neighbour/versions'),
  beside: () => fs.readdirSync('/data/..').filter((name) => name.startsWith('neighbour')),
  beside_by_name: () => fs.readFileSync('/app/../../neighbour/data/treasure', 'utf8'),
  temporary: () => fs.readFileSync('/tmp/treasure', 'utf8'),
  shared_memory: () => fs.readFileSync('/dev/shm/treasure', 'utf8'),
  door: () => connect(host.run + '/preview/neighbour.sock'),
  socket: () => connect('/tmp/neighbour'),
  abstract_socket: () => connect('\0neighbour'),
  processes: () => fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name))
    .map((pid) => fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8'))
    .filter((line) => line.includes('neighbour')).length,
});
