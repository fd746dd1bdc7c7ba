// memory_of_others.js - /proc/PID/mem: its own may be written, nobody else's is to be found.
const fs = require('fs');
const {spawn} = require('child_process');
const host = require('./host.json');

require('./attempts.js')({
  init: () => fs.openSync('/proc/1/mem', 'r+'),
  gateway: () => fs.openSync(`/proc/${host.pids.gateway}/mem`, 'r+'),
  parent: () => fs.openSync(`/proc/${process.ppid}/mem`, 'r+'),
  // A child is the app itself: what it may do to it is no gain.
  child: () => {
    const child = spawn(process.execPath, ['-e', 'setTimeout(() => 0, 60000)']);
    try { return fs.closeSync(fs.openSync(`/proc/${child.pid}/mem`, 'r')); } finally { child.kill(); }
  },
  program: () => fs.writeFileSync('/proc/self/exe', 'x'),
  vsyscall: () => { const fd = fs.openSync('/proc/self/mem', 'r'); return fs.readSync(fd, Buffer.alloc(8), 0, 8, 2 ** 47); },
});
