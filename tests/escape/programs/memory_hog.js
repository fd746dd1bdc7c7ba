// memory_hog.js - buffers, which are no part of V8's heap, until somebody ends it.
const all = [];

require('./attempts.js')({}, (request) => {
  if (request.url !== '/eat') return false;
  setInterval(() => all.push(Buffer.alloc(8 << 20, 1)), 1);
  return true;
});
