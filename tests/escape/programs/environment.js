// environment.js - what the service knows must not have come along: environment, arguments, memory.
const fs = require('fs');

const ours = /must-not-be-seen|ISEKAI|BUS_|STORE_|XDG_|SUDO|SSH_/;

require('./attempts.js')({
  names: () => Object.keys(process.env).sort().join(),
  secret: () => ours.test(JSON.stringify(process.env)),
  at_start: () => ours.test(fs.readFileSync('/proc/self/environ', 'latin1')),
  of_all: () => fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name)).some((pid) => {
    try { return ours.test(fs.readFileSync(`/proc/${pid}/environ`, 'latin1')); } catch { return false; }
  }),
  arguments_of_init: () => fs.readFileSync('/proc/1/cmdline', 'latin1').includes(require('./host.json').data),
  mounts_name_the_host: () => fs.readFileSync('/proc/self/mountinfo', 'utf8').split('\n')
    .filter((line) => line.includes(' /etc/shadow ')).length,
  configuration: () => fs.readdirSync('/etc').sort().join(),
});
