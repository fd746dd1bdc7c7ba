// attempts.js - lies beside each program of programs/: answers GET /tried with what every attempt came to.
//
//   require('./attempts.js')({name: () => ..., ...}, (request, response) => is_answered)
//
// An attempt is a function. What it returns was got; what it throws was refused; what does not end in
// SILENCE_MS is silence. The answer is {name: 'got ...' | 'refused ...' | 'silence'}. Attempts are made
// in their order. The second function may answer other paths; everything else is answered 'ready',
// so that the app has started before it tries anything.
'use strict';
const http = require('http');

const SILENCE_MS = 15000;

function got(value) {
  if (value === undefined) return 'got';
  return 'got ' + (typeof value === 'string' ? value : JSON.stringify(value)).slice(0, 400);
}

function refused(error) {
  return 'refused ' + (error.info?.code || error.code || error.message || error);
}

async function outcome(attempt) {
  let timer;
  const silence = new Promise((done) => { timer = setTimeout(done, SILENCE_MS, 'silence'); });
  const first = await Promise.race([Promise.resolve().then(attempt).then(got, refused), silence]);
  clearTimeout(timer);
  return first;
}

async function tried(attempts) {
  const all = {};
  for (const name of Object.keys(attempts)) all[name] = await outcome(attempts[name]);
  return JSON.stringify(all);
}

module.exports = (attempts, others = () => false) => http.createServer(async (request, response) => {
  if (request.url === '/tried') response.end(await tried(attempts));
  else if (!others(request, response)) response.end('ready');
}).listen(process.env.PORT);
