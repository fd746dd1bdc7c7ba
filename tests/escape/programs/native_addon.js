// native_addon.js - machine code as a file: loaded into Node.js, and started.
const fs = require('fs');
const {spawnSync} = require('child_process');

const load = (path) => process.dlopen({exports: {}}, path);
const library = fs.readdirSync('/usr/lib/x86_64-linux-gnu').find((name) => /^libm\.so/.test(name));

require('./attempts.js')({
  garbage: () => { fs.writeFileSync('/data/x.node', 'not ELF'); load('/data/x.node'); },
  library: () => { fs.copyFileSync('/usr/lib/x86_64-linux-gnu/' + library, '/data/m.node'); load('/data/m.node'); },
  over_init: () => fs.copyFileSync(process.execPath, '/isekai/init'),
  over_node: () => fs.writeFileSync(process.execPath, 'x'),
  over_library: () => fs.appendFileSync('/usr/lib/x86_64-linux-gnu/' + library, 'x'),
  over_modules: () => fs.writeFileSync('/node_modules/x.js', 'x'),
  second_init: () => {
    const done = spawnSync('/isekai/init', ['9000', '1', '1', '1', '1', '1', '0', '0', process.execPath]);
    if (done.error) throw done.error;
    return done.status;
  },
});
