#include "tests/tls/mesh_pair.h"

namespace weft::tls::testing {

void Party::on_tls_ready(Stream& opened) {
  ready = true;
  opened.set_sink(&ear);
  if (greeting.empty()) return;
  opened.write(Buffer(greeting));
  opened.flush();
}

void Party::on_tls_failed(Stream&, const Error& error, HandshakeResult why) {
  failure = error;
  result = why;
}

void Party::say(std::string_view text) {
  stream->write(Buffer(text));
  stream->flush();
}

std::string Party::story() const {
  std::string text;
  if (ready) text = "ready";
  if (failure)
    text = std::string(name_of(result)) + " (" + std::string(name_of(failure->fault)) + ")";
  if (!ear.text.empty())
    text +=
        ", heard " + (ear.text.size() < 80 ? ear.text : std::to_string(ear.text.size()) + " bytes");
  if (ear.ended) text += ", end";
  if (ear.fault) text += ", fault " + std::string(name_of(ear.fault->fault));
  return text;
}

MeshPair::MeshPair(std::shared_ptr<const ClientContext> client_context,
                   std::shared_ptr<const ServerContext> server_context, const Options& options)
    : pipe(turn, options.pipe) {
  client.stream =
      Stream::connect(turn, pipe.take_left(), std::move(client_context), client, options.client);
  server.stream =
      Stream::accept(turn, pipe.take_right(), std::move(server_context), server, options.server);
}

void MeshPair::advance(Duration duration) {
  turn.advance(turn.now() + duration);
  turn.end();
}

std::shared_ptr<const ClientContext> Cast::client() const {
  return ClientContext::make(authority.material(client_identity), client_settings, library).value();
}

std::shared_ptr<const ServerContext> Cast::server() const {
  return ServerContext::make(authority.material(server_identity), server_settings, library).value();
}

}  // namespace weft::tls::testing
