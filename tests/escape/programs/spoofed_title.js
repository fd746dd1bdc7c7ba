// spoofed_title.js - calls itself as a role of the service is called, and lines of a log.
process.title = 'isekai-gateway';

require('./attempts.js')({
  title: () => process.title.slice(0, 14),
  newline: () => { process.title = 'x\nlevel=error process=sandbox forged'; },
  comm: () => require('fs').writeFileSync('/proc/self/comm', 'isekai-store'),
  comm_of_init: () => require('fs').writeFileSync('/proc/1/comm', 'isekai-store'),
});
