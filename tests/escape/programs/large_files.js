// large_files.js - one file larger than may be, as it is written and as a hole.
const fs = require('fs');

process.on('SIGXFSZ', () => {});
function write(path) {
  const file = fs.openSync(path, 'w');
  try { for (let i = 0; i < 100; i++) fs.writeSync(file, Buffer.alloc(1 << 20)); }
  finally { fs.closeSync(file); }
}

require('./attempts.js')({
  written: () => write('/data/written'),
  in_app: () => write('/app/written'),
  size: () => fs.statSync('/data/written').size >> 20,
  sparse: () => fs.truncateSync(fs.openSync('/data/sparse', 'w'), 2 ** 40),
  far_away: () => fs.writeSync(fs.openSync('/data/far', 'w'), 'x', 2 ** 40),
  appended: () => { for (let i = 0; i < 40; i++) fs.appendFileSync('/data/appended', Buffer.alloc(1 << 20)); },
});
