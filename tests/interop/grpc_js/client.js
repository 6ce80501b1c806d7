// node client.js PORT: every kind of call through a sidecar at that port; one line of JSON for each check.
import grpc from '@grpc/grpc-js';
import { service } from './service.js';

const Client = grpc.makeGenericClientConstructor(service, 'Echo');
const UNLIMITED = { 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 };
const connect = (options = {}) => new Client(`localhost:${process.argv[2]}`, grpc.credentials.createInsecure(),
  { ...UNLIMITED, ...options });
const check = (what, holds, seen) => console.log(JSON.stringify({ check: what, holds: Boolean(holds), seen: seen ?? '' }));
const pause = (ms) => new Promise((done) => { setTimeout(done, ms); });
const bytes = (size) => Buffer.alloc(size, 'weft');

// Everything that one call is told: its messages, metadata, trailers and status.
function listen(call, heard = {}) {
  return new Promise((done) => {
    heard.messages = [];
    call.on('metadata', (metadata) => { heard.metadata = metadata; });
    call.on('data', (message) => heard.messages.push(message));
    call.on('error', () => {});
    call.on('status', (status) => { heard.status = status; });
    call.on('end', () => {});
    call.on('close', () => done(heard));
    call.on('status', () => setImmediate(() => done(heard)));
  });
}

function unary(client, name, message, metadata = new grpc.Metadata(), options = {}) {
  return new Promise((done) => {
    const heard = {};
    const call = client[name](message, metadata, options, (error, answer) => {
      heard.error = error;
      heard.answer = answer;
      setImmediate(() => done(heard));
    });
    heard.call = call;
    call.on('metadata', (head) => { heard.metadata = head; });
    call.on('status', (status) => { heard.status = status; });
  });
}

function echoing() {
  const metadata = new grpc.Metadata();
  metadata.add('x-echo', 'one');
  metadata.add('x-echo', 'two');
  metadata.add('x-echo-bin', Buffer.from([0, 1, 2, 254, 255]));
  return metadata;
}

// Repeated fields may travel as one line.
const echoed = (metadata) => metadata?.get('x-echo').join(', ') === 'one, two';
const echoedBinary = (status) => status?.metadata.get('x-echo-bin')[0]?.equals(Buffer.from([0, 1, 2, 254, 255]));

async function calls(client, name) {
  for (const size of [0, 1, 70_000, 3_000_000]) {
    const heard = await unary(client, 'unary', bytes(size), echoing());
    check(`${name}: unary, ${size} bytes`, heard.answer?.equals(bytes(size)) && heard.status.code === 0, heard.error?.message);
    check(`${name}: unary, metadata and binary trailers`, echoed(heard.metadata) && echoedBinary(heard.status));
  }
  {
    const heard = {};
    const answered = new Promise((done) => {
      const call = client.collect(echoing(), (error, answer) => { heard.error = error; heard.answer = answer; done(); });
      for (let i = 0; i < 200; i += 1) call.write(bytes(5_000));
      call.end();
    });
    await answered;
    check(`${name}: client streaming`, heard.answer?.toString() === '{"bytes":1000000,"messages":200}',
      heard.error?.message ?? heard.answer.toString());
  }
  {
    const heard = await listen(client.stream(Buffer.from(JSON.stringify({ count: 300, size: 7_000 })), echoing()));
    const whole = heard.messages.every((message, i) => message.equals(Buffer.alloc(7_000, i + 1)));
    check(`${name}: server streaming`, heard.messages.length === 300 && whole && heard.status.code === 0, heard.messages.length);
    check(`${name}: server streaming, trailers`, echoed(heard.metadata) && echoedBinary(heard.status));
  }
  {
    // Each message is sent only after the one before it came back.
    const call = client.chat(echoing());
    let turns = 0;
    call.write(bytes(10));
    call.on('data', () => {
      turns += 1;
      if (turns < 50) call.write(bytes(turns * 100 + 1)); else call.end();
    });
    const heard = await listen(call);
    check(`${name}: a conversation`, turns === 50 && heard.status.code === 0 && echoedBinary(heard.status), turns);
  }
  {
    const call = client.chat();
    call.end();
    const heard = await listen(call);
    check(`${name}: a stream without a message`, heard.messages.length === 0 && heard.status.code === 0, heard.status?.code);
  }
  {
    const all = await Promise.all(Array.from({ length: 300 }, (_, i) => unary(client, 'unary', bytes(i))));
    check(`${name}: 300 calls at once`, all.every((heard, i) => heard.answer?.length === i),
      all.find((heard) => heard.error)?.error.message);
  }
}

async function statuses(client) {
  const details = 'why: 100 % \u00fc\u4e16\n\t"ok"';
  for (let code = 1; code <= 16; code += 1) {
    const { error } = await unary(client, 'fail', Buffer.from(JSON.stringify({ code, details })));
    check(`status ${code}`, error?.code === code && error.details === details && error.metadata.get('x-why')[0] === 'asked for',
      `${error?.code} ${error?.details}`);
  }
  const heard = await listen(client.failLate(Buffer.alloc(0)));
  check('a status after a message', heard.messages.length === 1 && heard.status.code === grpc.status.DATA_LOSS
    && heard.status.details === 'after one message', heard.status?.details);
  const unknown = new (grpc.makeGenericClientConstructor({ none: { ...service.unary, path: '/weft.Echo/None' } }, 'None'))(
    `localhost:${process.argv[2]}`, grpc.credentials.createInsecure());
  const { error } = await unary(unknown, 'none', bytes(1));
  check('a method that nobody has', error?.code === grpc.status.UNIMPLEMENTED, error?.message);
  unknown.close();
}

async function ended(client, what, least) {
  let seen = 0;
  for (let i = 0; i < 100; i += 1) {
    const { answer } = await unary(client, 'ended', Buffer.alloc(0));
    seen = JSON.parse(answer)[what] ?? 0;
    if (seen >= least) break;
    await pause(20);
  }
  return seen;
}

async function endings(client) {
  {
    const before = await ended(client, 'hang', 0);
    const start = Date.now();
    const { error } = await unary(client, 'hang', bytes(1), undefined, { deadline: start + 300 });
    const took = Date.now() - start;
    check('a deadline', error?.code === grpc.status.DEADLINE_EXCEEDED && took >= 290 && took < 2000, `${error?.code} ${took} ms`);
    check('a deadline reaches the server', await ended(client, 'hang', before + 1) > before);
  }
  {
    const { answer } = await unary(client, 'deadline', bytes(0), undefined, { deadline: Date.now() + 5000 });
    const left = Number(answer);
    check('the server knows how much time is left', left > 3000 && left <= 5000, left);
  }
  {
    const before = await ended(client, 'chat', 0);
    const call = client.chat();
    const closed = listen(call);
    call.write(bytes(3));
    await new Promise((done) => { call.once('data', done); });
    call.cancel();
    const heard = await closed;
    check('cancelled after the first answer', heard.status?.code === grpc.status.CANCELLED, heard.status?.code);
    check('the server hears of it', await ended(client, 'chat', before + 1) > before);
  }
  {
    const call = client.collect(() => {});
    const heard = listen(call);
    call.cancel();
    check('cancelled at once', (await heard).status?.code === grpc.status.CANCELLED);
  }
}

const client = connect();
await calls(client, 'plain');
await statuses(client);
await endings(client);
client.close();
for (const [name, algorithm] of [['deflate', 1], ['gzip', 2]]) {
  const compressing = connect({ 'grpc.default_compression_algorithm': algorithm });
  await calls(compressing, name);
  compressing.close();
}
console.log(JSON.stringify({ done: true }));
// A call that was cancelled before it began keeps the loop alive.
process.exit(0);
