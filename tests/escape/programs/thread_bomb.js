// thread_bomb.js - as many threads as there are to be had.
const fs = require('fs');
const {Worker} = require('worker_threads');

const small = {maxOldGenerationSizeMb: 4, maxYoungGenerationSizeMb: 1, stackSizeMb: 1};

require('./attempts.js')({
  threads: async () => {
    for (let i = 0; i < 200; i++) {
      try {
        new Worker('setInterval(() => 0, 1000)', {eval: true, resourceLimits: small})
          .on('error', () => {});
      } catch { break; }
    }
    return fs.readdirSync('/proc/self/task').length;
  },
});
