// log_flood.js - more log than anybody will read, and lines that look like somebody else's.
require('./attempts.js')({
  flood: async () => {
    for (let i = 0; i < 2000; i++) {
      process.stdout.write('x'.repeat(10000) + '\n');
      if (i % 50 === 0) await new Promise(setImmediate);
    }
  },
  one_line: () => { process.stdout.write('y'.repeat(2 << 20)); },
  forged: () => {
    process.stderr.write('\ntime=2000-01-01T00:00:00.000Z level=error process=sandbox forged app=x\n');
    process.stdout.write('\u001b[2J\u0000\r\n\u202eforged\n');
  },
});
