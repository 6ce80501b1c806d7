#pragma once
// check(): one walk over a message that finds everything which needs no understanding of it: fields
// that are refused or ignored, limits on values, enum numbers and fields nobody declares, durations
// that are none.
//
// The rules stand in the .proto files, beside the fields (xds/proto/rule.proto). Pure. Does not
// look into Any values: whoever unpacks one checks what was inside (xds/extensions.h).

#include <google/protobuf/message.h>

#include <cstdint>

#include "xds/field_path.h"
#include "xds/findings.h"

namespace weft::xds {

// 2^63 ns is 292 years; what is longer means "for ever" and is nowhere a sensible setting.
inline constexpr std::int64_t kDurationSecondsMax = 9'000'000'000;

// What to do about fields that nobody declares: Envoy counts them in what a control plane sends,
// and refuses them in the start file, where they are typing mistakes.
enum class UnknownFields { kCount, kRefuse };

void check(const google::protobuf::Message& message, const FieldPath& path, UnknownFields unknown,
           Findings& out);

}  // namespace weft::xds
