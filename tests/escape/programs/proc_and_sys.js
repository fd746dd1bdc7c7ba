// proc_and_sys.js - the kernel's own files: its settings, its log, its memory.
const fs = require('fs');

const write = (path, text) => () => fs.writeFileSync(path, text);
const read = (path) => () => { const text = fs.readFileSync(path, 'utf8'); return text.length; };

require('./attempts.js')({
  hostname: write('/proc/sys/kernel/hostname', 'taken'),
  core_pattern: write('/proc/sys/kernel/core_pattern', '|/data/x'),
  modprobe: write('/proc/sys/kernel/modprobe', '/data/x'),
  user_namespaces: write('/proc/sys/user/max_user_namespaces', '1000'),
  overcommit: write('/proc/sys/vm/overcommit_memory', '1'),
  drop_caches: write('/proc/sys/vm/drop_caches', '3'),
  forwarding: write('/proc/sys/net/ipv4/ip_forward', '1'),
  binfmt: write('/proc/sys/fs/binfmt_misc/register', ':x:M::x::/data/x:'),
  sysrq: write('/proc/sysrq-trigger', 'h'),
  uid_map: write('/proc/self/uid_map', '0 0 4294967295'),
  setgroups: write('/proc/self/setgroups', 'allow'),
  log: read('/proc/kmsg'),
  memory: () => fs.openSync('/proc/kcore'),
  symbols: () => fs.readFileSync('/proc/kallsyms', 'utf8').split('\n')
    .filter((line) => line && !line.startsWith('0000000000000000')).length,
  keys: () => fs.readFileSync('/proc/keys', 'utf8').length,
  sys: () => fs.readdirSync('/sys').length,
  power: write('/sys/power/state', 'mem'),
  uevent: write('/sys/kernel/uevent_helper', '/data/x'),
  release_agent: write('/sys/fs/cgroup/release_agent', '/data/x'),
  debug: () => fs.readdirSync('/sys/kernel/debug').length,
});
