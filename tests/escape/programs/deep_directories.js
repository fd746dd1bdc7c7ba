// deep_directories.js - directories so deep that no path reaches their end, and wide ones.
const fs = require('fs');

require('./attempts.js')({
  wide: () => {
    fs.mkdirSync('/data/wide');
    for (let i = 0; i < 3000; i++) fs.mkdirSync('/data/wide/' + i);
  },
  round: () => { fs.symlinkSync('.', '/data/round'); return fs.readdirSync('/data/round/round/round').length > 0; },
  into_itself: () => fs.renameSync('/data/wide', '/data/wide/1/wide'),
}, (request, response) => {
  if (request.url !== '/deep') return false;
  response.on('close', () => {
    process.chdir('/data');
    for (let i = 0; i < 3000; i++) { fs.mkdirSync('directory'); process.chdir('directory'); }
  });
  return false;
});
