#include "tls/dialer.h"

#include <utility>

#include "sidecar/core/assert.h"

namespace weft::tls {

class Dialer::Attempt final : public Dial, public DialHolder, public Stream::Owner {
 public:
  Attempt(Dialer& dialer, DialHolder& holder)
      : turn_(dialer.turn_),
        context_(dialer.context_),
        options_(dialer.options_.tls),
        holder_(holder) {
    connecting_ =
        dialer.connector_.connect(dialer.options_.address, dialer.options_.connect, *this);
  }

  void on_dialed(std::unique_ptr<Transport> transport) override {
    WEFT_ASSERT(connecting_ != nullptr && stream_ == nullptr);
    connecting_.reset();
    stream_ = Stream::connect(turn_, std::move(transport), std::move(context_), *this, options_);
  }
  void on_dial_failed(const Error& error) override { holder_.on_dial_failed(error); }

  void on_tls_ready(Stream&) override { holder_.on_dialed(std::move(stream_)); }
  void on_tls_failed(Stream&, const Error& error, HandshakeResult) override {
    holder_.on_dial_failed(error);
  }

 private:
  Turn& turn_;
  std::shared_ptr<const ClientContext> context_;
  const Stream::Options options_;
  DialHolder& holder_;
  std::unique_ptr<Dial> connecting_;
  std::unique_ptr<Stream> stream_;
};

Dialer::Dialer(Turn& turn, Connector& connector, std::shared_ptr<const ClientContext> context,
               Options options)
    : turn_(turn),
      connector_(connector),
      context_(std::move(context)),
      options_(std::move(options)) {}

std::unique_ptr<Dial> Dialer::dial(DialHolder& holder) {
  return std::make_unique<Attempt>(*this, holder);
}

}  // namespace weft::tls
