// links.js - symbolic and hard links, and every other name for a file that is somewhere else.
const fs = require('fs');
const host = require('./host.json');

function through(target) {
  fs.rmSync('/data/link', {force: true});
  fs.symlinkSync(target, '/data/link');
  return fs.readFileSync('/data/link', 'utf8');
}

require('./attempts.js')({
  symlink: () => through(host.canary),
  symlink_up: () => through('../../../../../../../..' + host.canary),
  symlink_to_root_of_init: () => through('/proc/1/root' + host.canary),
  symlink_to_cwd_of_init: () => through('/proc/1/cwd/etc/shadow'),
  symlink_to_descriptor: () => through('/proc/self/fd/0/../../../' + host.canary),
  hard_link: () => fs.linkSync('/isekai/init', '/data/init'),
  hard_link_to_program: () => fs.linkSync(process.execPath, '/data/node'),
  hard_link_between: () => { fs.writeFileSync('/data/a', ''); fs.linkSync('/data/a', '/app/a'); },
  rename_out: () => fs.renameSync('/data', '/data2'),
  own_root: () => fs.readFileSync('/proc/self/root' + host.canary, 'utf8'),
  up_and_out: () => fs.readFileSync('/data/../../../..' + host.canary, 'utf8'),
});
fs.symlinkSync('/etc/shadow', '/data/left-behind');
fs.symlinkSync(host.canary, '/app/left-behind');
