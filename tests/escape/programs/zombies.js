// zombies.js - children of children that nobody waits for: process 1 has to.
const fs = require('fs');
const {spawn} = require('child_process');

const parent = 'for (let i = 0; i < 2; i++) require("child_process")' +
  '.spawn("/isekai/init", {detached: true, stdio: "ignore"}).on("error", () => 0).unref(); process.exit()';
const states = () => fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map((pid) => {
  try { return fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1][0]; } catch { return ''; }
});

require('./attempts.js')({
  left: async () => {
    await Promise.all(Array.from({length: 2}, () => new Promise((done) =>
      spawn(process.execPath, ['-e', parent], {stdio: 'ignore'}).on('exit', done).on('error', done))));
    for (let i = 0; i < 50 && states().includes('Z'); i++)
      await new Promise((done) => setTimeout(done, 20));
    return states().filter((state) => state === 'Z').length;
  },
});
