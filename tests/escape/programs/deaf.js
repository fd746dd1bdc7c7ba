// deaf.js - ignores every signal that can be ignored, and so do its children.
const {spawn} = require('child_process');

const deaf = 'for (const name of ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"]) process.on(name, () => 0);' +
  'setInterval(() => 0, 1000);';
eval(deaf);

require('./attempts.js')({
  child: () => new Promise((done) => spawn(process.execPath, ['-e', deaf], {detached: true,
    stdio: 'ignore'}).on('spawn', () => done('started'))),
  itself: () => { process.kill(process.pid, 'SIGTERM'); },
});
