#include "sidecar/redirect/netlink.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>

namespace weft::redirect {

namespace {

// The kernel answers at once; one that does not is not to hold up a pod's start.
constexpr int kAnswerSeconds = 5;
constexpr std::size_t kAnswerBytes = 64 * 1024;
constexpr std::size_t kHeadBytes = NLMSG_ALIGN(sizeof(nlmsghdr));

class NetlinkSocket final {
 public:
  NetlinkSocket() : fd_(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)) {
    const timeval patience{.tv_sec = kAnswerSeconds, .tv_usec = 0};
    if (fd_ >= 0) ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  ~NetlinkSocket() {
    if (fd_ >= 0) ::close(fd_);
  }
  NetlinkSocket(const NetlinkSocket&) = delete;
  NetlinkSocket& operator=(const NetlinkSocket&) = delete;

  [[nodiscard]] int send(std::span<const std::uint8_t> bytes) const {
    if (fd_ < 0) return EAFNOSUPPORT;
    return ::send(fd_, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size())
               ? 0
               : error_now();
  }
  [[nodiscard]] int receive(std::vector<std::uint8_t>& out) const {
    out.resize(kAnswerBytes);
    const ssize_t got = ::recv(fd_, out.data(), out.size(), 0);
    if (got <= 0) return error_now();
    out.resize(static_cast<std::size_t>(got));
    return 0;
  }

 private:
  static int error_now() { return errno != 0 ? errno : EIO; }
  const int fd_;
};

// One message off the front of `bytes`; false when no whole one is left.
bool take_message(std::span<const std::uint8_t>& bytes, nlmsghdr& head,
                  std::span<const std::uint8_t>& payload) {
  if (bytes.size() < sizeof head) return false;
  ::memcpy(&head, bytes.data(), sizeof head);
  if (head.nlmsg_len < kHeadBytes || head.nlmsg_len > bytes.size()) return false;
  payload = bytes.subspan(kHeadBytes, head.nlmsg_len - kHeadBytes);
  const std::size_t step = NLMSG_ALIGN(head.nlmsg_len);
  bytes = bytes.subspan(std::min(step, bytes.size()));
  return true;
}

int error_in(std::span<const std::uint8_t> payload) {
  std::int32_t error = 0;
  if (payload.size() < sizeof error) return EPROTO;
  ::memcpy(&error, payload.data(), sizeof error);
  return -error;
}

}  // namespace

NetlinkRequest::NetlinkRequest(std::uint16_t type, std::uint16_t flags) {
  nlmsghdr head{};
  head.nlmsg_type = type;
  head.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  append(&head, sizeof head);
}

void NetlinkRequest::append(const void* data, std::size_t size) {
  const auto* from = static_cast<const std::uint8_t*>(data);
  bytes_.insert(bytes_.end(), from, from + size);
  bytes_.resize(NLMSG_ALIGN(bytes_.size()));
  const auto length = static_cast<std::uint32_t>(bytes_.size());
  ::memcpy(bytes_.data(), &length, sizeof length);  // nlmsg_len is the head's first field
}

void NetlinkRequest::add_attribute(std::uint16_t type, std::span<const std::uint8_t> value) {
  const rtattr head{.rta_len = static_cast<std::uint16_t>(RTA_LENGTH(value.size())),
                    .rta_type = type};
  append(&head, sizeof head);
  append(value.data(), value.size());
}

void NetlinkRequest::add_attribute(std::uint16_t type, std::uint32_t value) {
  std::array<std::uint8_t, sizeof value> bytes{};
  ::memcpy(bytes.data(), &value, sizeof value);
  add_attribute(type, bytes);
}

std::vector<std::uint8_t> NetlinkRequest::with_flag(std::uint16_t flag) const {
  std::vector<std::uint8_t> request = bytes_;
  nlmsghdr head{};
  ::memcpy(&head, request.data(), sizeof head);
  head.nlmsg_flags = static_cast<std::uint16_t>(head.nlmsg_flags | flag);
  ::memcpy(request.data(), &head, sizeof head);
  return request;
}

int NetlinkRequest::change() const {
  const NetlinkSocket socket;
  if (const int error = socket.send(with_flag(NLM_F_ACK)); error != 0) return error;
  nlmsghdr head{};
  std::vector<std::uint8_t> answer;
  if (const int error = socket.receive(answer); error != 0) return error;
  std::span<const std::uint8_t> rest(answer);
  std::span<const std::uint8_t> payload;
  if (!take_message(rest, head, payload) || head.nlmsg_type != NLMSG_ERROR) return EPROTO;
  return error_in(payload);
}

int NetlinkRequest::dump(const EachMessage& each) const {
  const NetlinkSocket socket;
  if (const int error = socket.send(with_flag(NLM_F_DUMP)); error != 0) return error;
  nlmsghdr head{};
  std::vector<std::uint8_t> answer;
  while (true) {
    if (const int error = socket.receive(answer); error != 0) return error;
    std::span<const std::uint8_t> rest(answer);
    std::span<const std::uint8_t> payload;
    while (take_message(rest, head, payload)) {
      if (head.nlmsg_type == NLMSG_DONE) return 0;
      if (head.nlmsg_type == NLMSG_ERROR) return error_in(payload);
      each(payload);
    }
  }
}

std::uint32_t NetlinkRequest::attribute_of(std::span<const std::uint8_t> payload, std::size_t body,
                                           std::uint16_t type) {
  std::size_t at = NLMSG_ALIGN(body);
  while (at + sizeof(rtattr) <= payload.size()) {
    rtattr head{};
    ::memcpy(&head, payload.data() + at, sizeof head);
    if (head.rta_len < sizeof head || at + head.rta_len > payload.size()) return 0;
    std::uint32_t value = 0;
    if (head.rta_type == type && head.rta_len == RTA_LENGTH(sizeof value)) {
      ::memcpy(&value, payload.data() + at + RTA_LENGTH(0), sizeof value);
      return value;
    }
    at += RTA_ALIGN(head.rta_len);
  }
  return 0;
}

}  // namespace weft::redirect
