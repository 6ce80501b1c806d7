// node server.js: a WebSocket server. /echo sends back what it is told; /close/CODE closes first with that code; /drop ends the
// socket without a word; /refuse answers 403; /never lets the request hang. Prints {"port": N} and what it saw of every end:
// {"closed": {"path", "code", "reason"}}.
import http from 'node:http';
import { WebSocketServer } from 'ws';

const say = (what) => console.log(JSON.stringify(what));
const server = http.createServer((request, response) => response.end('no switch\n'));
const sockets = new WebSocketServer({ noServer: true, maxPayload: 64 * 1024 * 1024, perMessageDeflate: { threshold: 0 },
  handleProtocols: (offered) => (offered.has('chat.v2') ? 'chat.v2' : false) });

server.on('upgrade', (request, socket, head) => {
  if (request.url === '/refuse') {
    socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 3\r\nconnection: close\r\n\r\nno\n');
    return;
  }
  if (request.url === '/never') return;
  sockets.handleUpgrade(request, socket, head, (peer) => {
    const path = request.url;
    peer.on('error', () => {});
    peer.on('close', (code, reason) => say({ closed: { path, code, reason: reason.toString() } }));
    peer.on('message', (data, isBinary) => peer.send(data, { binary: isBinary }));
    peer.on('ping', (data) => say({ ping: data.toString() }));
    if (path.startsWith('/close/')) peer.close(Number(path.split('/')[2]), 'as asked');
    if (path === '/drop') peer.on('message', () => socket.resetAndDestroy());
    if (path === '/ping') peer.ping('are you there', undefined, () => {});
    peer.on('pong', (data) => peer.send(`pong ${data}`));
  });
});
server.listen(0, '127.0.0.1', () => say({ port: server.address().port }));
