// fork_bomb.js - as many processes as there are to be had; each of them goes on.
const {spawn} = require('child_process');
const fs = require('fs');

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

require('./attempts.js')({
  processes: async () => {
    for (let i = 0; i < 100; i++)
      spawn('/proc/self/exe', ['-e', 'setInterval(() => 0, 1000)'], {detached: true, stdio: 'ignore'})
        .on('error', () => {});
    await sleep(500);
    let tasks = 0;
    for (const pid of fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name)))
      try { tasks += fs.readdirSync(`/proc/${pid}/task`).length; } catch { /* it has ended */ }
    return tasks;
  },
});
