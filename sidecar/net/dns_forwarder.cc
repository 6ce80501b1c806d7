#include "sidecar/net/dns_forwarder.h"

#include <ares.h>
#include <sys/random.h>

#include <optional>
#include <string>
#include <utility>

#include "sidecar/core/assert.h"

namespace weft::net {

struct DnsForwarder::Pending {
  DnsForwarder* forwarder;
  Asked* asked;  // null once nobody listens
  std::uint16_t number;
};

class DnsForwarder::Asked final : public Question, private Deferred, private TimerSink {
 public:
  Asked(DnsForwarder& forwarder, ForwardHolder& holder)
      : forwarder_(forwarder),
        holder_(holder),
        since_(forwarder.loop_.now()),
        deadline_(forwarder.loop_.timers(), *this) {
    deadline_.arm(forwarder.options_.timeout);
  }
  ~Asked() override { let_go(); }

  void put(const std::vector<std::uint8_t>& query, std::uint16_t number);
  void hear(int status, Bytes message);

 private:
  void let_go() {
    deadline_.cancel();
    if (pending_ != nullptr) std::exchange(pending_, nullptr)->asked = nullptr;
  }
  void on_timer(Timer&) override;
  void on_deferred() override;

  DnsForwarder& forwarder_;
  ForwardHolder& holder_;
  const TimePoint since_;
  Timer deadline_;
  Pending* pending_ = nullptr;
  std::vector<std::uint8_t> message_;
  std::optional<Error> error_;
};

void DnsForwarder::Asked::put(const std::vector<std::uint8_t>& query, std::uint16_t number) {
  pending_ = std::make_unique<Pending>(Pending{&forwarder_, this, number})
                 .release();  // answered() takes it back
  ares_channeldata* const ares = forwarder_.channel_.get();
  if (ares == nullptr) return answered(pending_, ARES_ENOTINITIALIZED, 0, nullptr, 0);
  // May answer from inside.
  ares_send(ares, query.data(), static_cast<int>(query.size()), answered, pending_);
  forwarder_.channel_.rearm();
}

// From inside c-ares; the holder is told later.
void DnsForwarder::Asked::hear(int status, Bytes message) {
  pending_ = nullptr;
  deadline_.cancel();
  if (status == ARES_SUCCESS) {
    message_.assign(message.begin(), message.end());
  } else {
    const bool silent = status == ARES_ETIMEOUT;
    error_ = Error{silent ? Fault::kTimeout : Fault::kConnect, Side::kUpstream,
                   status == ARES_ENOTINITIALIZED ? "there is no server to ask"
                                                  : std::string(ares_strerror(status))};
  }
  forwarder_.loop_.defer(*this);
}

void DnsForwarder::Asked::on_timer(Timer&) {
  let_go();
  error_ = Error{Fault::kTimeout, Side::kUpstream, "no answer in time"};
  on_deferred();
}

void DnsForwarder::Asked::on_deferred() {
  Stats& stats = forwarder_.stats_;
  if (!error_) {
    stats.answered.add();
    stats.time.observe(forwarder_.loop_.now() - since_);
    return holder_.on_forward_answer(message_);
  }
  (error_->fault == Fault::kTimeout ? stats.timeouts : stats.failures).add();
  const Error error = *error_;
  holder_.on_forward_failure(error);
}

DnsForwarder::DnsForwarder(Loop& loop, Options options)
    : loop_(loop), options_(std::move(options)), channel_(loop, options_.channel) {}

DnsForwarder::~DnsForwarder() { channel_.close(); }

std::unique_ptr<DnsForwarder::Question> DnsForwarder::ask(std::vector<std::uint8_t> query,
                                                          ForwardHolder& holder) {
  WEFT_ASSERT(query.size() >= 12);
  if (numbers_.size() >= options_.questions_max) {
    stats_.refused.add();
    return nullptr;
  }
  if (numbers_.empty()) channel_.refresh();
  const std::uint16_t number = choose_number();
  query[0] = static_cast<std::uint8_t>(number >> 8);
  query[1] = static_cast<std::uint8_t>(number & 0xffU);
  stats_.asked.add();
  stats_.under_way.set(static_cast<std::int64_t>(numbers_.size()));
  auto asked = std::make_unique<Asked>(*this, holder);
  asked->put(query, number);
  return asked;
}

// Whoever could foretell it could answer in the server's place.
std::uint16_t DnsForwarder::choose_number() {
  while (true) {
    std::uint16_t number = 0;
    WEFT_ASSERT(::getrandom(&number, sizeof number, 0) == ssize_t{sizeof number});
    if (numbers_.insert(number).second) return number;
  }
}

void DnsForwarder::answered(void* argument, int status, int, unsigned char* message, int size) {
  const std::unique_ptr<Pending> pending(static_cast<Pending*>(argument));
  DnsForwarder& forwarder = *pending->forwarder;
  forwarder.numbers_.erase(pending->number);
  forwarder.stats_.under_way.set(static_cast<std::int64_t>(forwarder.numbers_.size()));
  if (pending->asked == nullptr) return;
  pending->asked->hear(status, {message, message == nullptr ? 0 : static_cast<std::size_t>(size)});
}

}  // namespace weft::net
