// descriptors.js - open files without end, and what is open without having been opened.
const fs = require('fs');

require('./attempts.js')({
  of_others: () => fs.readdirSync('/proc/self/fd').map((fd) => {
    try { return fs.readlinkSync('/proc/self/fd/' + fd); } catch { return ''; }
  }).filter((target) => target.startsWith('/') &&
    !/^\/(proc|dev\/(null|random|urandom)|app|data)/.test(target)).join(),
  many: () => {
    const open = [];
    try { for (;;) open.push(fs.openSync('/app/server.js')); } catch (error) {
      open.forEach((fd) => fs.closeSync(fd));
      if (error.code !== 'EMFILE') throw error;
    }
    return open.length;
  },
});
