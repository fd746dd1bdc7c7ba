// endless_heads.js - heads without end: one long line, many lines, many interim answers.
const endless = {
  '/line': ['HTTP/1.1 200 OK\r\nX: ', 'x'.repeat(4000)],
  '/lines': ['HTTP/1.1 200 OK\r\n', 'X: ' + 'x'.repeat(4000) + '\r\n'],
  '/interim': ['', 'HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n'.repeat(100)],
};

require('./attempts.js')({}, (request, response) => {
  if (!(request.url in endless)) return false;
  const [first, again] = endless[request.url];
  response.socket.on('error', () => {});
  response.socket.write(first);
  setInterval(() => response.socket.write(again), 5);
  return true;
});
