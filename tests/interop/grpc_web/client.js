// node client.js PORT FORM: what a browser asks by gRPC-Web, FORM binary or text; one line of JSON for each check.
import XMLHttpRequest from 'xhr2';
import grpcWeb from 'grpc-web';

global.XMLHttpRequest = XMLHttpRequest;
const [port, form] = process.argv.slice(2);
const client = new grpcWeb.GrpcWebClientBase({ format: form });
const check = (what, holds, seen) => console.log(JSON.stringify({ check: what, holds: Boolean(holds), seen: seen ?? '' }));
const bytes = (size) => new Uint8Array(size).map((_, i) => (i * 7) & 255);
const same = (one, other) => one?.length === other.length && other.every((byte, i) => one[i] === byte);
const words = (text) => new TextEncoder().encode(text);
const url = (name) => `http://localhost:${port}/weft.Echo/${name}`;
const method = (name, type) => new grpcWeb.MethodDescriptor(`/weft.Echo/${name}`, type, Uint8Array, Uint8Array,
  (message) => message, (message) => new Uint8Array(message));

// Everything that one call is told.
function ask(name, type, message, metadata = {}) {
  return new Promise((done) => {
    const heard = { messages: [] };
    const descriptor = method(name, type);
    if (type === grpcWeb.MethodType.UNARY) {
      const call = client.rpcCall(url(name), message, metadata, descriptor, (error, answer) => {
        heard.error = error;
        if (answer) heard.messages.push(answer);
        setTimeout(() => done(heard), 20);
      });
      call.on('status', (status) => { heard.status = status; });
      call.on('metadata', (head) => { heard.metadata = head; });
      return;
    }
    const call = client.serverStreaming(url(name), message, metadata, descriptor);
    call.on('data', (answer) => heard.messages.push(answer));
    call.on('status', (status) => { heard.status = status; });
    call.on('metadata', (head) => { heard.metadata = head; });
    call.on('error', (error) => { heard.error = error; setTimeout(() => done(heard), 20); });
    call.on('end', () => done(heard));
  });
}

const { UNARY, SERVER_STREAMING } = grpcWeb.MethodType;
for (const size of [0, 1, 2, 3, 70_000, 300_000]) {
  const heard = await ask('Unary', UNARY, bytes(size), { 'x-echo': 'one' });
  check(`unary, ${size} bytes`, same(heard.messages[0], bytes(size)), heard.error?.message ?? heard.messages[0]?.length);
}
{
  const heard = await ask('Fail', UNARY, words(JSON.stringify({ code: 5, details: 'no such thing' })));
  check('a status without a message', heard.error?.code === 5 && heard.error.message === 'no such thing', JSON.stringify(heard.error));
}
{
  const heard = await ask('Nothing', UNARY, bytes(3));
  check('an unknown method', heard.error?.code === 12, JSON.stringify(heard.error));
}
{
  const heard = await ask('Hang', UNARY, bytes(3), { deadline: String(Date.now() + 300) });
  check('a deadline', heard.error?.code === 4, JSON.stringify(heard.error));
}
// Streams are for the text form: a browser shows no bytes of an answer before its end.
if (form === 'text') {
  const heard = await ask('Stream', SERVER_STREAMING, words(JSON.stringify({ count: 50, size: 1001 })));
  const whole = heard.messages.every((message, i) => same(message, new Uint8Array(1001).fill(i + 1)));
  check('a stream', heard.messages.length === 50 && whole, heard.messages.length);
  const late = await ask('FailLate', SERVER_STREAMING, bytes(1));
  check('a status behind a message', late.messages.length === 1 && late.error?.code === 15, JSON.stringify(late.error));
}
console.log(JSON.stringify({ done: true }));
process.exit(0);
