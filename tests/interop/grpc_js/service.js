// The methods both sides know. Messages are bytes, so no proto file stands between a check and what was on the wire.
const method = (name, requestStream = false, responseStream = false) => ({
  path: `/weft.Echo/${name}`,
  requestStream,
  responseStream,
  requestSerialize: (bytes) => bytes,
  requestDeserialize: (bytes) => bytes,
  responseSerialize: (bytes) => bytes,
  responseDeserialize: (bytes) => bytes,
});

export const service = {
  unary: method('Unary'),
  collect: method('Collect', true, false),
  stream: method('Stream', false, true),
  chat: method('Chat', true, true),
  fail: method('Fail'),
  failLate: method('FailLate', false, true),
  hang: method('Hang'),
  deadline: method('Deadline'),
  ended: method('Ended'),
};
