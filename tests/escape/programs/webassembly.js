// webassembly.js - machine code from WebAssembly: memory beyond the limit, and calls it has not got.
const bytes = (...parts) => Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0].concat(...parts));

require('./attempts.js')({
  module: () => { new WebAssembly.Module(bytes()); },
  // (import "host" "syscall" (func)): nobody gives it one.
  syscall: () => new WebAssembly.Instance(new WebAssembly.Module(
    bytes([1, 4, 1, 0x60, 0, 0, 2, 16, 1, 4], [...Buffer.from('host')], [7],
      [...Buffer.from('syscall')], [0, 0])), {}).exports,
  reach: () => {
    const memory = new WebAssembly.Memory({initial: 1, maximum: 65536});
    return new Uint8Array(memory.buffer)[70000] === undefined;
  },
  wasi: () => {
    const {WASI} = require('wasi');
    new WASI({version: 'preview1', preopens: {'/': '/etc/shadow'}}).start({});
  },
});
