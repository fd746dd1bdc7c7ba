// workers.js - the same from a thread of its own: what is forbidden to the app is forbidden to it.
const {Worker} = require('worker_threads');

const inside = (code) => () => new Promise((done, fail) => new Worker(
  `const fs = require('fs'); require('worker_threads').parentPort.postMessage(${code})`, {eval: true})
  .on('message', done).on('error', fail));

require('./attempts.js')({
  filter: inside("fs.readFileSync('/proc/thread-self/status', 'utf8').match(/Seccomp:\\s*(.)/)[1]"),
  privileges: inside("fs.readFileSync('/proc/thread-self/status', 'utf8').match(/NoNewPrivs:\\s*(.)/)[1]"),
  shadow: inside("fs.readFileSync('/etc/shadow', 'utf8')"),
  memory_of_init: inside("fs.openSync('/proc/1/mem')"),
  environment: inside("JSON.stringify(process.env).includes('must-not-be-seen')"),
  heap: () => new Promise((done, fail) => new Worker('const all = []; for (;;) all.push(new Array(1e5).fill(0));',
    {eval: true, resourceLimits: {maxOldGenerationSizeMb: 16}}).on('error', fail).on('exit', done)),
});
