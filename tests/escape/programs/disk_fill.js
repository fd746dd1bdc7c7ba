// disk_fill.js - disk, until somebody ends it.
const fs = require('fs');

const megabyte = Buffer.alloc(1 << 20, 'x');
let count = 0;
function write() {
  const file = fs.openSync(`/data/${count++}`, 'w');
  for (let i = 0; i < 8; i++) fs.writeSync(file, megabyte);
  fs.closeSync(file);
}

require('./attempts.js')({}, (request) => {
  if (request.url === '/fill') setInterval(write, 20);
  return false;
});
