// aborts.js - ends by a signal, in the hope of a file of its memory that somebody else would read.
require('./attempts.js')({}, (request) => {
  if (request.url === '/abort') process.abort();
  return false;
});
