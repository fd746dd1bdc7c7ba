// memory_hog_of_many.js - each process takes a little less than the limit; together they are over it.
const {spawn} = require('child_process');

const child = 'const all = []; for (let i = 0; i < 10; i++) all.push(Buffer.alloc(6 << 20, 1));' +
  'setInterval(() => all, 1000)';

require('./attempts.js')({
  // The kernel ends the children, not the app; where memory is limited by process only, none.
  killed: () => new Promise((done) => {
    let killed = 0;
    for (let i = 0; i < 4; i++)
      spawn(process.execPath, ['-e', child], {stdio: 'ignore'}).on('exit', (code, signal) => {
        killed += signal === 'SIGKILL';
        if (killed) done(killed);
      });
    setTimeout(() => done(killed), 10000).unref();
  }),
});
