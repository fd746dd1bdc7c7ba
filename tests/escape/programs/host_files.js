// host_files.js - files and directories of the host, by their names.
const fs = require('fs');
const host = require('./host.json');

require('./attempts.js')({
  shadow: () => fs.readFileSync('/etc/shadow', 'utf8'),
  passwd: () => fs.readFileSync('/etc/passwd', 'utf8'),
  canary: () => fs.readFileSync(host.canary, 'utf8'),
  data_directory: () => fs.readdirSync(host.data),
  run_directory: () => fs.readdirSync(host.run),
  homes: () => fs.readdirSync('/home').concat(fs.readdirSync('/root')),
  host_tmp: () => fs.readdirSync('/var/tmp'),
  shell: () => fs.readdirSync('/bin'),
  old_root: () => fs.readdirSync('/oldroot').concat(fs.readdirSync('/newroot')),
  root: () => fs.readdirSync('/').filter((name) => !name.startsWith('lib')).sort().join(),
  sys: () => fs.readdirSync('/sys'),
  cgroups: () => fs.readdirSync('/sys/fs/cgroup'),
});
