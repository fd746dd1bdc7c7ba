// endless_cpu.js - four threads that count for ever; what they got is told by the process's own clock.
const {Worker} = require('worker_threads');

require('./attempts.js')({
  percent: async () => {
    for (let i = 0; i < 4; i++) new Worker('for (;;);', {eval: true});
    await new Promise((done) => setTimeout(done, 300));
    const begun = process.hrtime.bigint(), before = process.cpuUsage();
    await new Promise((done) => setTimeout(done, 2000));
    const {user, system} = process.cpuUsage(before);
    return Math.round((user + system) * 1000 / Number(process.hrtime.bigint() - begun) * 100);
  },
});
