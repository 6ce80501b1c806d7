// A gRPC server of opaque bytes. Prints {"port": N}; what it hears about cancelled calls it tells with the method Ended.
import grpc from '@grpc/grpc-js';
import { service } from './service.js';

const ended = {};
const count = (what) => { ended[what] = (ended[what] ?? 0) + 1; };

// What the caller sent comes back: as a header and, binary, as a trailer.
function answerMetadata(call) {
  const head = new grpc.Metadata();
  for (const value of call.metadata.get('x-echo')) head.add('x-echo', value);
  call.sendMetadata(head);
  const trailers = new grpc.Metadata();
  for (const value of call.metadata.get('x-echo-bin')) trailers.add('x-echo-bin', value);
  return trailers;
}

const server = new grpc.Server({ 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 });
server.addService(service, {
  unary(call, answer) { answer(null, call.request, answerMetadata(call)); },
  collect(call, answer) {
    let bytes = 0;
    let messages = 0;
    const trailers = answerMetadata(call);
    call.on('data', (message) => { bytes += message.length; messages += 1; });
    call.on('end', () => answer(null, Buffer.from(JSON.stringify({ bytes, messages })), trailers));
  },
  stream(call) {
    const { count: messages, size } = JSON.parse(call.request);
    let sent = 0;
    const trailers = answerMetadata(call);
    const more = () => {
      while (sent < messages) {
        sent += 1;
        if (!call.write(Buffer.alloc(size, sent))) { call.once('drain', more); return; }
      }
      call.end(trailers);
    };
    more();
  },
  chat(call) {
    const trailers = answerMetadata(call);
    call.on('data', (message) => call.write(message));
    call.on('end', () => call.end(trailers));
    call.on('cancelled', () => count('chat'));
  },
  fail(call, answer) {
    const { code, details } = JSON.parse(call.request);
    const metadata = new grpc.Metadata();
    metadata.add('x-why', 'asked for');
    answer({ code, details, metadata });
  },
  failLate(call) {
    call.write(Buffer.from('first'));
    call.emit('error', { code: grpc.status.DATA_LOSS, details: 'after one message' });
  },
  hang(call) { call.on('cancelled', () => count('hang')); },
  deadline(call, answer) {
    const at = call.getDeadline();
    answer(null, Buffer.from(String(at === Infinity ? -1 : Number(at) - Date.now())));
  },
  ended(call, answer) { answer(null, Buffer.from(JSON.stringify(ended))); },
});
server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  console.log(JSON.stringify({ port }));
});
