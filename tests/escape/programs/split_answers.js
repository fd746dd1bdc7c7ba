// split_answers.js - heads that say something else to each reader; octets written past Node's checks.
const heads = {
  '/split': 'HTTP/1.1 200 OK\r\nX: a\rSet-Cookie: b=c\r\nContent-Length: 2\r\n\r\nok',
  '/folded': 'HTTP/1.1 200 OK\r\nX: a\r\n b: c\r\nContent-Length: 2\r\n\r\nok',
  '/nul': 'HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 2\r\n\r\nok',
  '/two_lengths': 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 30\r\n\r\nok',
  '/length_and_chunks': 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nok',
  '/second': 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\nhidden',
  '/switch': 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
  '/nothing': '',
  '/garbage': '\0\x01\x02\x03\r\n\r\n',
};

require('./attempts.js')({}, (request, response) => {
  if (!(request.url in heads)) return false;
  response.socket.end(heads[request.url], 'latin1');
  return true;
});
