// devices.js - devices by their usual names, and by terminals.
const fs = require('fs');

const names = ['mem', 'kmem', 'port', 'kmsg', 'sda', 'vda', 'nvme0n1', 'loop-control', 'loop0', 'fuse',
  'kvm', 'net/tun', 'vhost-net', 'vsock', 'rtc0', 'input/event0', 'dri/card0', 'snd', 'mapper/control',
  'userfaultfd', 'hpet', 'cuse', 'ppp', 'autofs', 'uinput', 'bus/usb'];

require('./attempts.js')({
  ...Object.fromEntries(names.map((name) => [name, () => fs.openSync('/dev/' + name)])),
  all: () => fs.readdirSync('/dev').sort().join(),
  zero: () => fs.readSync(fs.openSync('/dev/zero'), Buffer.alloc(10)),
  full: () => fs.writeFileSync('/dev/full', 'x'),
  random: () => fs.readSync(fs.openSync('/dev/random'), Buffer.alloc(10)),
  terminal: () => fs.openSync('/dev/tty', 'r+'),
  console: () => fs.openSync('/dev/console', 'r+'),
  new_terminal: () => fs.openSync('/dev/ptmx', 'r+') > 0,
  made: () => fs.writeFileSync('/dev/made', 'x'),
  removed: () => fs.unlinkSync('/dev/null'),
  replaced: () => fs.renameSync('/dev/shm', '/dev/mem'),
});
