// file_names.js - names that trip whoever prints, copies or removes them.
const fs = require('fs');

const write = (name) => () => fs.writeFileSync(Buffer.concat([Buffer.from('/data/'), Buffer.from(name)]), 'x');

require('./attempts.js')({
  newline: write('a\nlevel=error process=sandbox forged'),
  controls: write('\x1b[2J\x07\r\x7f'),
  not_utf8: write([0xff, 0xfe, 0x80]),
  option: write('-rf'),
  wildcard: write('*'),
  quotes: write('\'";$(reboot)`reboot`'),
  longest: write('x'.repeat(255)),
  too_long: write('x'.repeat(256)),
  from_right_to_left: write('\u202egnp.exe'),
  nul: () => fs.writeFileSync('/data/a\0b', 'x'),
  read_only: () => { fs.mkdirSync('/data/shut'); fs.writeFileSync('/data/shut/x', ''); fs.chmodSync('/data/shut', 0); },
  fifo_like: () => fs.symlinkSync('\n', '/data/to-newline'),
});
