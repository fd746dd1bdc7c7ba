// cookies.js - headers meant for the studio next door, or for whoever stands in front.
require('./attempts.js')({}, (request, response) => {
  if (request.url !== '/set') return false;
  response.writeHead(200, {
    'Set-Cookie': ['own=1', 'parent=1; Domain=localhost', 'dotted=1; Domain=.localhost',
      'wide=1; domain = LOCALHOST; Path=/', '__Host-session=1; Domain=localhost'],
    'Clear-Site-Data': '"*"',
    'Alt-Svc': 'h3=":1"',
    'X-Accel-Redirect': '/etc/shadow',
    'X-Sendfile': '/etc/shadow',
    'X-Content-Type-Options': 'none',
  });
  response.end('set');
  return true;
});
