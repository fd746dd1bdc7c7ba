// slow_answers.js - answers that never come to their end: a byte at a time, a head only, no end.
const later = (write) => setInterval(write, 50);

require('./attempts.js')({}, (request, response) => {
  const {socket} = response;
  if (request.url === '/drip') {
    let at = 0;
    later(() => socket.write('HTTP/1.1 200 OK\r\nX-Long: xxxxxxxxxxxxxxxxxxx'[at++] || 'x'));
  } else if (request.url === '/silent') {
    return true;
  } else if (request.url === '/endless') {
    response.writeHead(200);
    later(() => response.write('x'.repeat(60000)));
  } else return false;
  socket.on('error', () => {});
  return true;
});
