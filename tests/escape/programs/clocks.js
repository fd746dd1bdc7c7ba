// clocks.js - time: it may be read, slept and waited for, not set; many timers harm nobody.
const fs = require('fs');

require('./attempts.js')({
  now: () => Date.now() > 1.6e12,
  steady: () => { const begun = process.hrtime.bigint(); return process.hrtime.bigint() >= begun; },
  uptime: () => require('os').uptime() > 0,
  set_by_file: () => fs.writeFileSync('/proc/self/timens_offsets', 'monotonic 100 0'),
  set_by_device: () => fs.openSync('/dev/rtc', 'r+'),
  many_timers: () => new Promise((done) => {
    for (let i = 0; i < 100000; i++) setTimeout(() => {}, 1 + i % 100);
    setTimeout(done, 200, 'done');
  }),
  slack: () => fs.writeFileSync('/proc/1/timerslack_ns', '1'),
});
