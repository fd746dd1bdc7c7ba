// nameless_files.js - disk in files that have no name any more and stay open, until somebody ends it.
const fs = require('fs');

const megabyte = Buffer.alloc(1 << 20, 'x');
let count = 0;
function write() {
  const path = `/data/${count++}`;
  const file = fs.openSync(path, 'w');
  for (let i = 0; i < 8; i++) fs.writeSync(file, megabyte);
  fs.unlinkSync(path);
}

require('./attempts.js')({}, (request) => {
  if (request.url === '/fill') setInterval(write, 20);
  return false;
});
