// many_files.js - files that take no disk but a name each, until somebody ends it.
const fs = require('fs');

let count = 0;

require('./attempts.js')({}, (request) => {
  if (request.url === '/fill')
    setInterval(() => { for (let i = 0; i < 100; i++) fs.writeFileSync(`/data/${count++}`, ''); }, 20);
  return false;
});
