#include "sidecar/http/client.h"

#include <gtest/gtest.h>

#include <deque>

#include "sidecar/http/service.h"
#include "tests/support/memory_transport.h"

namespace weft::http {
namespace {

using namespace std::chrono_literals;
using weft::testing::MemoryPipe;

// Dials into a Service through a new MemoryPipe each time.
class ServiceDialer final : public Dialer {
 public:
  ServiceDialer(Turn& turn, Service& service) : turn_(turn), service_(service) {}

  struct Pending final : Dial, TimerSink {
    Pending(ServiceDialer& dialer_in, DialHolder& holder_in)
        : dialer(dialer_in), holder(holder_in), timer(dialer_in.turn_.timers(), *this) {
      timer.arm(Duration::zero());
    }
    void on_timer(Timer&) override {
      if (dialer.refuse) return holder.on_dial_failed(error);
      dialer.pipes.push_back(std::make_unique<MemoryPipe>(dialer.turn_));
      std::unique_ptr<Transport> mine = dialer.pipes.back()->take_left();
      dialer.service_.adopt(dialer.pipes.back()->take_right());
      holder.on_dialed(std::move(mine));
    }
    ServiceDialer& dialer;
    DialHolder& holder;
    Timer timer;
    const Error error{Fault::kConnect, Side::kUpstream, "refused: nobody answers at that door"};
  };
  [[nodiscard]] std::unique_ptr<Dial> dial(DialHolder& holder) override {
    ++dials;
    if (silent) return std::make_unique<Dial>();
    return std::make_unique<Pending>(*this, holder);
  }

  std::deque<std::unique_ptr<MemoryPipe>> pipes;
  int dials = 0;
  bool refuse = false;
  bool silent = false;

 private:
  Turn& turn_;
  Service& service_;
};

struct Holder final : CallHolder {
  std::string text;
  std::string detail;
  std::unique_ptr<Call> call;
  ClientResponse response;
  void on_response(Call&, ClientResponse&& r) override {
    text += "[" + std::to_string(r.head.status) + " " + r.body + "]";
    response = std::move(r);
    call.reset();
  }
  void on_failure(Call&, const Error& error) override {
    text += "[" + std::string(name_of(error.fault)) + "]";
    detail = error.detail;
    call.reset();
  }
};

class Clients : public ::testing::TestWithParam<Client::Speaks> {
 protected:
  Clients() {
    service.handle("GET", "/hello", [](const ServiceRequest&) { return Reply{.body = "hello"}; });
    service.handle("POST", "/echo", [](const ServiceRequest& request) {
      return Reply{.body = std::string(request.body)};
    });
    service.handle("GET", "/large", [](const ServiceRequest&) {
      return Reply{.body = std::string(1024 * 1024, 'x')};
    });
    service.handle_stream(
        "/silence", [this](std::unique_ptr<ServerStream> stream, RequestHead&&, bool, Transport&) {
          silent_streams.push_back(std::move(stream));
        });
    options.speaks = GetParam();
  }
  ~Clients() override {
    client.reset();
    turn.end();
  }

  Client& make() {
    client = std::make_unique<Client>(turn, dialer, options);
    return *client;
  }
  void run() {
    for (int quiet = 0; quiet < 3;) {
      bool moved = false;
      turn.advance(turn.now() + 10ms);
      for (std::size_t i = 0; i < dialer.pipes.size(); ++i)
        moved = dialer.pipes[i]->step() || moved;
      turn.end();
      quiet = moved ? 0 : quiet + 1;
    }
  }
  void pass(Duration time) {
    const TimePoint end = turn.now() + time;
    while (turn.now() < end) run();
  }
  static ClientRequest post(std::string body) {
    ClientRequest request;
    request.method = "POST";
    request.authority = "shop:80";
    request.target = "/echo";
    request.body = std::move(body);
    return request;
  }
  static ClientRequest get(std::string target) {
    ClientRequest request;
    request.authority = "shop:80";
    request.target = std::move(target);
    return request;
  }

  Turn turn{TimePoint(1h)};
  Service service{turn, {}};
  std::vector<std::unique_ptr<ServerStream>> silent_streams;
  ServiceDialer dialer{turn, service};
  Client::Options options;
  std::unique_ptr<Client> client;
};

std::string speaks_name(const ::testing::TestParamInfo<Client::Speaks>& info) {
  return info.param == Client::Speaks::kHttp2 ? "Http2" : "Http1";
}
INSTANTIATE_TEST_SUITE_P(Over, Clients,
                         ::testing::Values(Client::Speaks::kHttp1, Client::Speaks::kHttp2),
                         speaks_name);

TEST_P(Clients, AskAndHearTheWholeAnswer) {
  make();
  Holder holder;
  holder.call = client->send(get("/hello"), holder);
  EXPECT_EQ(holder.text, "");
  run();
  EXPECT_EQ(holder.text, "[200 hello]");
  EXPECT_EQ(holder.response.head.headers.find("content-type"), "text/plain; charset=utf-8");
  holder.call = client->send(post("some body"), holder);
  run();
  EXPECT_EQ(holder.text, "[200 hello][200 some body]");
  EXPECT_EQ(dialer.dials, 1);  // the connection was kept
}

TEST_P(Clients, KeepNoConnectionWhenToldSo) {
  options.keep = false;
  make();
  Holder holder;
  for (int i = 0; i < 3; ++i) {
    holder.call = client->send(get("/hello"), holder);
    run();
  }
  EXPECT_EQ(holder.text, "[200 hello][200 hello][200 hello]");
  EXPECT_EQ(dialer.dials, 3);
  pass(3s);
  EXPECT_EQ(service.connections(), 0U);
}

TEST_P(Clients, SayWhenNobodyAnswersTheDoor) {
  dialer.refuse = true;
  make();
  Holder holder;
  holder.call = client->send(get("/hello"), holder);
  run();
  EXPECT_EQ(holder.text, "[connect]");
  EXPECT_EQ(holder.detail, "refused: nobody answers at that door");
}

TEST_P(Clients, GiveUpAtTheDeadline) {
  options.timeout = 2s;
  make();
  Holder waiting;
  waiting.call = client->send(get("/silence"), waiting);
  waiting.call.reset();
  ClientRequest silence = get("/silence");
  silence.method = "POST";
  waiting.call = client->send(std::move(silence), waiting);
  pass(1900ms);
  EXPECT_EQ(waiting.text, "");
  EXPECT_EQ(silent_streams.size(), 1U);
  pass(300ms);
  EXPECT_EQ(waiting.text, "[timeout]");
  dialer.silent = true;
  client->close_idle();
  run();
  make();
  Holder dialing;
  dialing.call = client->send(get("/hello"), dialing);
  pass(2100ms);
  EXPECT_EQ(dialing.text, "[timeout]");
}

TEST_P(Clients, RefuseAnAnswerLargerThanTheLimit) {
  options.body_bytes_max = 1024 * 1024 - 1;
  make();
  Holder holder;
  holder.call = client->send(get("/large"), holder);
  run();
  EXPECT_EQ(holder.text, "[body too large]");
  options.body_bytes_max = 1024 * 1024;
  make();
  holder.call = client->send(get("/large"), holder);
  run();
  EXPECT_EQ(holder.response.body.size(), 1024U * 1024);
}

TEST_P(Clients, CancelByLettingGo) {
  make();
  Holder holder;
  ClientRequest silence = get("/silence");
  silence.method = "POST";
  holder.call = client->send(std::move(silence), holder);
  run();
  holder.call.reset();
  run();
  EXPECT_EQ(holder.text, "");
  holder.call = client->send(get("/hello"), holder);  // before anything was dialed
  holder.call.reset();
  run();
  EXPECT_EQ(holder.text, "");
}

TEST_P(Clients, AskAgainWhenTheKeptConnectionHasGone) {
  make();
  Holder holder;
  holder.call = client->send(get("/hello"), holder);
  run();
  // The peer's end is on its way while the next request is.
  dialer.pipes[0]->break_end(MemoryPipe::End::kLeft,
                             {Fault::kReset, Side::kLocal, "closed while idle"});
  holder.call = client->send(get("/hello"), holder);
  run();
  EXPECT_EQ(holder.text, "[200 hello][200 hello]");
  EXPECT_EQ(dialer.dials, 2);
  // A POST may have been acted upon.
  dialer.pipes[1]->break_end(MemoryPipe::End::kLeft,
                             {Fault::kReset, Side::kLocal, "closed while idle"});
  holder.call = client->send(post("x"), holder);
  run();
  EXPECT_EQ(holder.text, "[200 hello][200 hello][reset]");
}

TEST_P(Clients, LetAnIdleConnectionGo) {
  options.idle = 5s;
  make();
  Holder holder;
  holder.call = client->send(get("/hello"), holder);
  run();
  EXPECT_EQ(service.connections(), 1U);
  pass(8s);
  EXPECT_EQ(service.connections(), 0U);
}

}  // namespace
}  // namespace weft::http
