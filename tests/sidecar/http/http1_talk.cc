#include "tests/sidecar/http/http1_talk.h"

#include "sidecar/core/strings.h"

namespace weft::http {

std::string print(const Headers& headers) {
  std::string text;
  for (const Field& field : headers) {
    text += " | " + std::string(field.name) + ": " + escape(field.value, 4096);
  }
  return text;
}

std::string print(const RequestHead& head) {
  std::string text = std::string(head.method_name) + " " + std::string(head.authority) + " " +
                     std::string(head.target);
  if (head.version == Version::kHttp10) text += " (1.0)";
  if (head.content_length) text += " length=" + std::to_string(*head.content_length);
  if (head.expects_continue) text += " expects";
  if (!head.protocol.empty()) text += " wants=" + std::string(head.protocol);
  return text + print(head.headers);
}

std::string print(const ResponseHead& head) {
  std::string text = std::to_string(head.status);
  if (head.content_length) text += " length=" + std::to_string(*head.content_length);
  return text + print(head.headers);
}

ResponseHead response(std::uint16_t status,
                      std::initializer_list<std::pair<std::string_view, std::string_view>> fields) {
  ResponseHead head;
  head.status = status;
  for (const auto& [name, value] : fields) head.headers.add(name, value);
  return head;
}

// ---- Talk ----

void Talk::feed(std::string_view piece) {
  input_.append(piece);
  if (!paused_) feed_input();
  turn();
}

void Talk::feed_input() {
  if (broken_) {
    input_.clear();
    return;
  }
  if (Status status = codec().feed(input_); !status) {
    broken_ = true;
    log("error " + to_string(status.error()));
  }
}

void Talk::feed_end() {
  if (Status status = codec().feed_end(); !status) log("error " + to_string(status.error()));
  turn();
}

void Talk::turn() {
  while (true) {
    woken_ = false;
    Buffer out;
    codec().produce(out, produce_room);
    wire_ += out.to_string();
    const std::size_t before = input_.size();
    if (!paused_ && !input_.empty()) feed_input();
    if (out.empty() && input_.size() == before && !codec().wants_output()) return;
  }
}

void Talk::log(std::string_view line) {
  flush_log();
  log_ += line;
  log_ += '\n';
}

void Talk::log_body(const Buffer& bytes, bool end) {
  body_ += bytes.to_string();
  body_open_ = true;
  if (consumes && stream() != nullptr) stream()->consume(bytes.size());
  if (end) {
    flush_log();
    log_ += "end\n";
  }
}

void Talk::flush_log() {
  if (body_open_ && !body_.empty()) {
    log_ += body_.size() > 1000 ? "body of " + std::to_string(body_.size())
                                : "body " + escape(body_, 4096);
    log_ += '\n';
  }
  body_open_ = false;
  body_.clear();
}

std::string Talk::transcript() {
  flush_log();
  std::string text = log_;
  if (codec().finished()) text += codec().aborted() ? "aborted\n" : "closed\n";
  return text;
}

std::string Talk::take_transcript() {
  std::string text = transcript();
  log_.clear();
  return text;
}

// ---- ServerTalk ----

void ServerTalk::on_request(std::unique_ptr<ServerStream> stream, RequestHead&& head, bool end) {
  log(print(head) + (end ? " end" : ""));
  stream->set_sink(this);
  request_stream = std::move(stream);
  ++requests;
  if (answers == Answers::kAtHead || (answers == Answers::kAtEnd && end)) answer();
}

void ServerTalk::on_malformed(const Error& error, std::uint16_t status) {
  log("malformed " + std::to_string(status) + " " + to_string(error));
}

void ServerTalk::on_body(Buffer&& bytes, bool end) {
  log_body(bytes, end);
  if (end && answers == Answers::kAtEnd) answer();
}

void ServerTalk::on_trailers(Headers&& trailers) {
  log("trailers" + print(trailers));
  if (answers == Answers::kAtEnd) answer();
}

void ServerTalk::on_stream_fault(const Error& error) {
  log("fault " + to_string(error));
  request_stream.reset();
}

void ServerTalk::answer() {
  const std::string body = std::to_string(requests);
  ResponseHead head = response(200);
  head.content_length = body.size();
  request_stream->send_head(head, false);
  request_stream->send_body(Buffer(body), true);
}

// ---- ClientTalk ----

RequestHead ClientTalk::head(Method method, std::string_view target) {
  RequestHead head;
  head.method = method;
  head.method_name = name_of(method);
  head.authority = "cart:80";
  head.target = target;
  return head;
}

std::string ClientTalk::ask(const RequestHead& head, bool end) {
  request_stream = client->open(head, end, *this);
  turn();
  return take_wire();
}

void ClientTalk::on_informational(ResponseHead&& head) { log("informational " + print(head)); }

void ClientTalk::on_response_head(ResponseHead&& head, bool end) {
  log(print(head) + (end ? " end" : ""));
}

void ClientTalk::on_body(Buffer&& bytes, bool end) { log_body(bytes, end); }

void ClientTalk::on_trailers(Headers&& trailers) { log("trailers" + print(trailers)); }

void ClientTalk::on_stream_fault(const Error& error) {
  log("fault " + to_string(error));
  request_stream.reset();
}

}  // namespace weft::http
