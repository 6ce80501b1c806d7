#ifdef WEFT_LLHTTP

#include "tests/differential/llhttp_reading.h"

#include <llhttp/llhttp.h>

#include <algorithm>

#include "sidecar/core/strings.h"

namespace weft::differential {

namespace {

struct State {
  Reading reading;
  Message message;
  std::string name;
  std::string value;
  bool in_message = false;
  bool head_read = false;
  bool stopped = false;
};

State& state_of(llhttp_t* parser) { return *static_cast<State*>(parser->data); }

void end_field(State& state) {
  if (state.head_read) return;  // a trailer
  std::transform(state.name.begin(), state.name.end(), state.name.begin(),
                 [](char c) { return to_lower(c); });
  std::string value(trim(state.value));
  if (state.name == "transfer-encoding")
    std::transform(value.begin(), value.end(), value.begin(), [](char c) { return to_lower(c); });
  state.message.fields.emplace_back(state.name, value);
  state.name.clear();
  state.value.clear();
}

int on_begin(llhttp_t* parser) {
  State& state = state_of(parser);
  state.message = {};
  state.name.clear();
  state.value.clear();
  state.in_message = true;
  state.head_read = false;
  return 0;
}

int on_complete(llhttp_t* parser) {
  State& state = state_of(parser);
  state.in_message = false;
  const bool to_the_end = llhttp_message_needs_eof(parser) != 0;
  state.message.persists = llhttp_should_keep_alive(parser) != 0 && !to_the_end;
  state.message.tunnel = parser->upgrade != 0;
  // It has nothing to say about the persistence of what is no HTTP any more.
  if (state.message.tunnel) state.message.persists = true;
  state.reading.messages.push_back(state.message);
  state.stopped = state.message.tunnel || !state.message.persists;
  return state.stopped ? HPE_PAUSED : 0;
}

llhttp_settings_t settings() {
  llhttp_settings_t made;
  llhttp_settings_init(&made);
  made.on_message_begin = on_begin;
  made.on_url = [](llhttp_t* parser, const char* at, std::size_t size) {
    state_of(parser).message.target.append(at, size);
    return 0;
  };
  made.on_header_field = [](llhttp_t* parser, const char* at, std::size_t size) {
    state_of(parser).name.append(at, size);
    return 0;
  };
  made.on_header_value = [](llhttp_t* parser, const char* at, std::size_t size) {
    state_of(parser).value.append(at, size);
    return 0;
  };
  made.on_header_value_complete = [](llhttp_t* parser) {
    end_field(state_of(parser));
    return 0;
  };
  made.on_headers_complete = [](llhttp_t* parser) {
    State& state = state_of(parser);
    state.head_read = true;
    state.message.version =
        std::to_string(parser->http_major) + "." + std::to_string(parser->http_minor);
    state.message.method = parser->type == HTTP_REQUEST
                               ? llhttp_method_name(static_cast<llhttp_method_t>(parser->method))
                               : std::to_string(parser->status_code);
    return 0;
  };
  made.on_body = [](llhttp_t* parser, const char* at, std::size_t size) {
    state_of(parser).message.body.append(at, size);
    return 0;
  };
  made.on_message_complete = on_complete;
  return made;
}

}  // namespace

Reading read_by_llhttp(Kind kind, std::string_view text) {
  static const llhttp_settings_t kSettings = settings();
  State state;
  llhttp_t parser;
  llhttp_init(&parser, kind == Kind::kRequests ? HTTP_REQUEST : HTTP_RESPONSE, &kSettings);
  parser.data = &state;
  const llhttp_errno_t error = llhttp_execute(&parser, text.data(), text.size());
  Reading& reading = state.reading;
  if (state.stopped) return reading;
  if (error == HPE_PAUSED_H2_UPGRADE) {
    reading.end = End::kRefused;
    reading.why = "HTTP/2 begins";
  } else if (error != HPE_OK) {
    reading.end = End::kRefused;
    const char* const reason = llhttp_get_error_reason(&parser);
    reading.why = reason != nullptr ? reason : llhttp_errno_name(error);
  } else if (state.in_message && state.head_read && kind == Kind::kResponses &&
             llhttp_message_needs_eof(&parser) != 0) {
    state.message.persists = false;
    reading.messages.push_back(state.message);
  } else if (state.in_message) {
    reading.end = state.head_read ? End::kInBody : End::kInHead;
  }
  return reading;
}

}  // namespace weft::differential

#endif
