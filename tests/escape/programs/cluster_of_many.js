// cluster_of_many.js - a cluster on the app's own port: allowed, and still behind the one door.
const cluster = require('cluster');

if (cluster.isPrimary) {
  let listening = 0;
  const workers = [cluster.fork(), cluster.fork()];
  for (const worker of workers) worker.on('listening', () => listening++);
} else {
  require('./attempts.js')({
    worker: () => process.pid !== 1 && cluster.worker.id > 0,
    handles_of_others: () => Object.keys(process.getActiveResourcesInfo?.() ?? []).length >= 0,
    parent: () => { process.kill(process.ppid, 0); },
  });
}
