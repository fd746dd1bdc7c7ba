// memory_by_tmp.js - memory in the shape of files: /tmp and /dev/shm.
const fs = require('fs');

function fill(directory) {
  let megabytes = 0, error;
  try {
    for (; megabytes < 500; megabytes++) fs.writeFileSync(`${directory}/${megabytes}`, Buffer.alloc(1 << 20, 1));
  } catch (caught) { error = caught; }
  for (let i = 0; i <= megabytes; i++) fs.rmSync(`${directory}/${i}`, {force: true});
  if (error.code !== 'ENOSPC') throw error;
  return megabytes;
}
function inodes(directory) {
  let count = 0;
  try { for (; count < 3000; count++) fs.writeFileSync(`${directory}/i${count}`, ''); } catch { /* full */ }
  for (let i = 0; i <= count; i++) fs.rmSync(`${directory}/i${i}`, {force: true});
  return count;
}

require('./attempts.js')({
  tmp: () => fill('/tmp'),
  shared_memory: () => fill('/dev/shm'),
  dev: () => fill('/dev'),
  root: () => fs.writeFileSync('/new', ''),
  names: () => inodes('/dev/shm') > 0,
});
