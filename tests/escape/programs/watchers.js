// watchers.js - everything to be watched, until there are no watches.
const fs = require('fs');

require('./attempts.js')({
  watches: () => {
    const open = [];
    fs.mkdirSync('/tmp/watched');
    try {
      for (let i = 0; i < 1000; i++) {
        fs.mkdirSync('/tmp/watched/' + i);
        open.push(fs.watch('/tmp/watched/' + i, {persistent: false}));
      }
    } catch { /* there are no more */ }
    open.forEach((watch) => watch.close());
    fs.rmSync('/tmp/watched', {recursive: true});
    return open.length > 0;
  },
  recursive: () => fs.watch('/proc', {recursive: true}).close(),
});
