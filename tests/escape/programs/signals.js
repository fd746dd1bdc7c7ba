// signals.js - signals to processes that are not the app's: numbers that exist outside, groups, all.
const fs = require('fs');
const host = require('./host.json');

Error.stackTraceLimit = 0;
process.on('SIGUSR2', () => {});
const signal = (pid) => () => process.kill(pid, 'SIGUSR2');

require('./attempts.js')({
  gateway: signal(host.pids.gateway),
  sandbox: signal(host.pids.sandbox),
  up: signal(host.pids.up),
  highest: signal(4194303),
  all_numbers: () => {
    const found = [];
    for (let pid = 2; pid < 40000; pid++)
      try { process.kill(pid, 0); found.push(pid); } catch { /* nobody */ }
    return found.filter((pid) => !fs.existsSync('/proc/' + pid)).length;
  },
  all_groups: () => {
    const found = [];
    for (let group = 2; group < 2000; group++)
      try { process.kill(-group, 0); found.push(group); } catch { /* nobody */ }
    return found.length <= 1;
  },
});
