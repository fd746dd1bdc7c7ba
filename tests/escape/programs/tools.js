// tools.js - programs that a script would call: none of them is there.
const fs = require('fs');
const {spawnSync} = require('child_process');

const tools = ['sh', 'bash', 'busybox', 'mount', 'umount', 'chroot', 'unshare', 'nsenter', 'ip', 'nft',
  'curl', 'wget', 'nc', 'ssh', 'python3', 'perl', 'gcc', 'strace', 'gdb', 'capsh', 'npm', 'git'];

require('./attempts.js')({
  ...Object.fromEntries(tools.map((tool) => [tool, () => {
    const places = (process.env.PATH + ':/bin:/usr/bin:/usr/sbin:/sbin:/usr/local/bin').split(':');
    const there = places.map((place) => place + '/' + tool).filter((path) => fs.existsSync(path));
    if (!there.length) throw Error('ENOENT');
    return there;
  }])),
  // Libraries are shown; some of them can be started.
  loader: () => {
    const done = spawnSync('/lib64/ld-linux-x86-64.so.2', ['/bin/sh', '-c', 'id'], {encoding: 'utf8'});
    if (done.error) throw done.error;
    if (done.status) throw Error(/cannot open|No such file/.test(done.stderr) ? 'ENOENT' : done.stderr);
    return done.stdout;
  },
});
