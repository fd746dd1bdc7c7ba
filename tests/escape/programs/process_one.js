// process_one.js - process 1 of the cage: its memory, its descriptors, its life.
const fs = require('fs');

const signal = (name) => () => { process.kill(1, name); return fs.existsSync('/proc/1'); };

require('./attempts.js')({
  environment: () => fs.readFileSync('/proc/1/environ', 'utf8'),
  descriptors: () => fs.readdirSync('/proc/1/fd'),
  descriptor: () => fs.openSync('/proc/1/fd/3'),
  memory: () => fs.openSync('/proc/1/mem', 'r+'),
  maps: () => fs.readFileSync('/proc/1/maps', 'utf8'),
  root: () => fs.readdirSync('/proc/1/root/'),
  directory: () => fs.readdirSync('/proc/1/cwd/'),
  program: () => fs.readlinkSync('/proc/1/exe'),
  namespaces: () => fs.readlinkSync('/proc/1/ns/net'),
  oom_score: () => fs.writeFileSync('/proc/1/oom_score_adj', '1000'),
  limits: () => fs.writeFileSync('/proc/1/limits', 'Max open files=1:1'),
  kill: signal('SIGKILL'),
  stop: signal('SIGSTOP'),
  terminate: signal('SIGTERM'),
  interrupt: signal('SIGINT'),
  segfault: signal('SIGSEGV'),
  child_ended: signal('SIGCHLD'),
  everybody: () => {
    process.on('SIGUSR2', () => {});
    process.kill(-1, 'SIGUSR2');
    return fs.existsSync('/proc/1');
  },
});
