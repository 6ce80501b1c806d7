#pragma once
// The frames of HTTP/2 as numbers: heads, types, flags, settings, error codes (RFC 9113 sections 4,
// 6 and 7; RFC 8441; RFC 9218).

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "sidecar/core/buffer.h"

namespace weft::http {

inline constexpr std::size_t kFrameHeadBytes = 9;
inline constexpr std::string_view kHttp2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
inline constexpr std::uint32_t kDefaultFrameBytes = 16 * 1024;
inline constexpr std::uint32_t kFrameBytesLimit = (1U << 24U) - 1;
inline constexpr std::uint32_t kDefaultWindow = 65'535;
inline constexpr std::uint32_t kWindowLimit = 0x7fffffff;
inline constexpr std::uint32_t kDefaultTableBytes = 4096;
inline constexpr std::int32_t kStreamIdLimit = 0x7fffffff;
inline constexpr std::uint32_t kSettingBytes = 6;
inline constexpr std::uint32_t kPriorityBytes = 5;
inline constexpr std::size_t kGoawayBytes = 8;
inline constexpr std::size_t kPingBytes = 8;

enum class FrameType : std::uint8_t {
  kData = 0,
  kHeaders = 1,
  kPriority = 2,
  kRstStream = 3,
  kSettings = 4,
  kPushPromise = 5,
  kPing = 6,
  kGoaway = 7,
  kWindowUpdate = 8,
  kContinuation = 9
};

struct FrameFlag {
  static constexpr std::uint8_t kEndStream = 0x1;
  static constexpr std::uint8_t kAck = 0x1;
  static constexpr std::uint8_t kEndHeaders = 0x4;
  static constexpr std::uint8_t kPadded = 0x8;
  static constexpr std::uint8_t kPriority = 0x20;
};

enum class Setting : std::uint16_t {
  kHeaderTableSize = 1,
  kEnablePush = 2,
  kMaxConcurrentStreams = 3,
  kInitialWindowSize = 4,
  kMaxFrameSize = 5,
  kMaxHeaderListSize = 6,
  kEnableConnectProtocol = 8,
  kNoRfc7540Priorities = 9
};

enum class Http2Code : std::uint32_t {
  kNoError = 0,
  kProtocolError = 1,
  kInternalError = 2,
  kFlowControlError = 3,
  kSettingsTimeout = 4,
  kStreamClosed = 5,
  kFrameSizeError = 6,
  kRefusedStream = 7,
  kCancel = 8,
  kCompressionError = 9,
  kConnectError = 10,
  kEnhanceYourCalm = 11,
  kInadequateSecurity = 12,
  kHttp11Required = 13
};

// "PROTOCOL_ERROR"; "unknown" for a code that the RFC does not name.
[[nodiscard]] constexpr std::string_view name_of(Http2Code code) {
  constexpr std::array<std::string_view, 14> kNames{"NO_ERROR",
                                                    "PROTOCOL_ERROR",
                                                    "INTERNAL_ERROR",
                                                    "FLOW_CONTROL_ERROR",
                                                    "SETTINGS_TIMEOUT",
                                                    "STREAM_CLOSED",
                                                    "FRAME_SIZE_ERROR",
                                                    "REFUSED_STREAM",
                                                    "CANCEL",
                                                    "COMPRESSION_ERROR",
                                                    "CONNECT_ERROR",
                                                    "ENHANCE_YOUR_CALM",
                                                    "INADEQUATE_SECURITY",
                                                    "HTTP_1_1_REQUIRED"};
  const auto index = static_cast<std::size_t>(code);
  return index < kNames.size() ? kNames[index] : "unknown";
}

struct FrameHead {
  std::uint32_t size = 0;
  FrameType type = FrameType::kData;
  std::uint8_t flags = 0;
  std::int32_t id = 0;

  [[nodiscard]] bool has(std::uint8_t flag) const { return (flags & flag) != 0; }
};

[[nodiscard]] constexpr std::uint32_t read_u32(const std::uint8_t* at) {
  return std::uint32_t{at[0]} << 24U | std::uint32_t{at[1]} << 16U | std::uint32_t{at[2]} << 8U |
         std::uint32_t{at[3]};
}
constexpr void write_u32(std::uint8_t* at, std::uint32_t value) {
  at[0] = static_cast<std::uint8_t>(value >> 24U);
  at[1] = static_cast<std::uint8_t>(value >> 16U);
  at[2] = static_cast<std::uint8_t>(value >> 8U);
  at[3] = static_cast<std::uint8_t>(value);
}

[[nodiscard]] constexpr FrameHead read_frame_head(const std::uint8_t* at) {
  // The reserved bit is ignored (section 4.1).
  return {.size = std::uint32_t{at[0]} << 16U | std::uint32_t{at[1]} << 8U | std::uint32_t{at[2]},
          .type = static_cast<FrameType>(at[3]),
          .flags = at[4],
          .id = static_cast<std::int32_t>(read_u32(at + 5) & kWindowLimit)};
}
constexpr void write_frame_head(std::uint8_t* at, const FrameHead& head) {
  at[0] = static_cast<std::uint8_t>(head.size >> 16U);
  at[1] = static_cast<std::uint8_t>(head.size >> 8U);
  at[2] = static_cast<std::uint8_t>(head.size);
  at[3] = static_cast<std::uint8_t>(head.type);
  at[4] = head.flags;
  write_u32(at + 5, static_cast<std::uint32_t>(head.id));
}

}  // namespace weft::http
