// priorities.js - a larger share than others: priorities, the out-of-memory score, process 1's too.
const fs = require('fs');
const os = require('os');

require('./attempts.js')({
  higher: () => os.setPriority(-20),
  lower: () => os.setPriority(5),
  back: () => os.setPriority(0),
  of_init: () => os.setPriority(1, 19),
  score: () => fs.writeFileSync('/proc/self/oom_score_adj', '-1000'),
  score_below_ours: () => fs.writeFileSync('/proc/self/oom_score_adj', '0'),
  score_of_init: () => fs.writeFileSync('/proc/1/oom_score_adj', '1000'),
  autogroup: () => fs.writeFileSync('/proc/self/autogroup', '-20'),
  move: () => fs.writeFileSync('/sys/fs/cgroup/cgroup.procs', '0'),
});
