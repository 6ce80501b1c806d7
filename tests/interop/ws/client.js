// node client.js PORT LOG: what a WebSocket client can do, through a sidecar at that port; the server's output is in LOG. One line
// of JSON for each check.
import fs from 'node:fs';
import net from 'node:net';
import WebSocket from 'ws';

const [port, log] = process.argv.slice(2);
const check = (what, holds, seen) => console.log(JSON.stringify({ check: what, holds: Boolean(holds), seen: seen ?? '' }));
const pause = (ms) => new Promise((done) => { setTimeout(done, ms); });
const options = { headers: { host: 'shop.example' }, maxPayload: 64 * 1024 * 1024 };

async function until(holds, patience = 5000) {
  const end = Date.now() + patience;
  while (!holds() && Date.now() < end) await pause(10);
  return holds();
}

function open(path, more = {}, protocols = []) {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, protocols, { ...options, ...more });
  socket.heard = [];
  socket.on('error', (error) => { socket.error = error; });
  socket.on('message', (data, binary) => socket.heard.push({ data, binary }));
  socket.on('close', (code, reason) => { socket.ended = { code, reason: reason.toString() }; });
  socket.opened = new Promise((done) => { socket.once('open', () => done(true)); socket.once('close', () => done(false)); });
  return socket;
}

async function echo(socket, data, send = {}) {
  const at = socket.heard.length;
  socket.send(data, send);
  await until(() => socket.heard.length > at, 10_000);
  return socket.heard[at];
}

// How often the server says it saw this end.
const ends = (path, code) => fs.readFileSync(log, 'utf8').split('\n').filter((line) => line.startsWith('{"closed"'))
  .map((line) => JSON.parse(line).closed).filter((one) => one.path === path && one.code === code).length;

for (const [name, more] of [['as it is', { perMessageDeflate: false }], ['compressed', { perMessageDeflate: { threshold: 0 } }]]) {
  const socket = open('/echo', more);
  check(`${name}: opens`, await socket.opened, socket.error?.message);
  let heard = await echo(socket, 'sch\u00f6n \u4e16\u754c');
  check(`${name}: text`, heard?.data.toString() === 'sch\u00f6n \u4e16\u754c' && !heard.binary);
  heard = await echo(socket, Buffer.from([0, 255, 13, 10, 13, 10]));
  check(`${name}: binary`, heard?.binary && heard.data.equals(Buffer.from([0, 255, 13, 10, 13, 10])));
  heard = await echo(socket, '');
  check(`${name}: an empty message`, heard?.data.length === 0 && !heard.binary);
  for (const size of [125, 126, 65_535, 65_536, 1_000_003, 16_000_000]) {
    const data = Buffer.alloc(size, 'w');
    heard = await echo(socket, data);
    check(`${name}: ${size} bytes`, heard?.data.equals(data));
  }
  const at = socket.heard.length;
  for (const [part, last] of [['one ', false], ['two ', false], ['three', true]]) socket.send(part, { fin: last });
  await until(() => socket.heard.length > at);
  check(`${name}: in fragments`, socket.heard[at]?.data.toString() === 'one two three');
  const before = socket.heard.length;
  for (let i = 0; i < 2000; i += 1) socket.send(`message ${i}`);
  await until(() => socket.heard.length === before + 2000, 10_000);
  check(`${name}: 2000 messages in order`, socket.heard.slice(before).every(({ data }, i) => data.toString() === `message ${i}`)
    && socket.heard.length === before + 2000, socket.heard.length - before);
  let pong = '';
  socket.on('pong', (data) => { pong = data.toString(); });
  socket.ping('hello?');
  check(`${name}: ping is answered`, await until(() => pong === 'hello?'));
  socket.close(1000, 'done');
  await until(() => socket.ended);
  check(`${name}: closes`, socket.ended?.code === 1000 && socket.ended.reason === 'done', JSON.stringify(socket.ended));
}
{
  const socket = open('/ping');
  check('a ping of the server is answered', await until(() => socket.heard[0]?.data.toString() === 'pong are you there'));
  socket.terminate();
}
{
  const socket = open('/echo', {}, ['chat.v1', 'chat.v2']);
  await socket.opened;
  check('a subprotocol is agreed on', socket.protocol === 'chat.v2', socket.protocol);
  socket.close();
}
for (const code of [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4999]) {
  const mine = open('/echo');
  await mine.opened;
  const before = ends('/echo', code);
  mine.close(code, 'as asked');
  await until(() => mine.ended);
  check(`the client closes with ${code}`, mine.ended?.code === code && await until(() => ends('/echo', code) > before),
    JSON.stringify(mine.ended));
  const theirs = open(`/close/${code}`);
  await until(() => theirs.ended);
  check(`the server closes with ${code}`, theirs.ended?.code === code && theirs.ended.reason === 'as asked',
    JSON.stringify(theirs.ended));
}
{
  const socket = open('/echo');
  await socket.opened;
  socket.close();
  await until(() => socket.ended);
  check('a close without a code', socket.ended?.code === 1005, JSON.stringify(socket.ended));
}
{
  const before = ends('/echo', 1006);
  const socket = open('/echo');
  await socket.opened;
  socket.terminate();
  check('a client that breaks off is missed by the server', await until(() => ends('/echo', 1006) > before));
}
{
  const before = ends('/echo', 1006);
  const socket = open('/echo');
  await socket.opened;
  socket._socket.resetAndDestroy();
  check('so is one whose connection breaks', await until(() => ends('/echo', 1006) > before));
}
{
  const socket = open('/drop');
  await socket.opened;
  socket.send('now');
  await until(() => socket.ended);
  check('a server that breaks off is missed by the client', socket.ended?.code === 1006, JSON.stringify(socket.ended));
}
{
  const socket = open('/refuse');
  let status = 0;
  socket.on('unexpected-response', (request, response) => { status = response.statusCode; request.destroy(); });
  await until(() => status);
  check('a refusal is passed on', status === 403, status);
}
{
  const all = Array.from({ length: 200 }, () => open('/echo'));
  await Promise.all(all.map((socket) => socket.opened));
  const heard = await Promise.all(all.map((socket, i) => echo(socket, `number ${i}`)));
  check('200 at once', heard.every((one, i) => one?.data.toString() === `number ${i}`));
  for (const socket of all) socket.close(1000);
  await until(() => all.every((socket) => socket.ended));
  check('200 close', all.every((socket) => socket.ended?.code === 1000));
}
{
  // Frames right behind the request, before it is answered.
  const socket = net.connect(port, '127.0.0.1');
  const frame = Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69]);
  let got = Buffer.alloc(0);
  socket.on('data', (data) => { got = Buffer.concat([got, data]); });
  socket.write(Buffer.concat([Buffer.from('GET /echo HTTP/1.1\r\nhost: shop.example\r\nconnection: upgrade\r\nupgrade: websocket\r\n'
    + 'sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'), frame]));
  await until(() => got.includes(Buffer.from([0x81, 0x02, 0x68, 0x69])));
  check('frames before the answer are held, not lost', got.includes(Buffer.from([0x81, 0x02, 0x68, 0x69]))
    && got.toString('latin1').toLowerCase().includes('sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo='), got.toString('latin1'));
  socket.destroy();
}
console.log(JSON.stringify({ done: true }));
process.exit(0);
