// Access logs of xDS: a file or a stream, text or JSON, everything or errors only. Our fields are
// fixed: a format of the author's own chooses between text and JSON and is otherwise passed over,
// with a note.

#include <fmt/format.h>

#include "sidecar/core/strings.h"
#include "xds/extensions.h"
#include "xds/http_settings.h"
#include "xds/proto/access_log_file.pb.h"
#include "xds/proto/access_log_stream.pb.h"

namespace weft::xds {

namespace al = envoy::config::accesslog::v3;
namespace core = envoy::config::core::v3;
namespace file = envoy::extensions::access_loggers::file::v3;
namespace stream = envoy::extensions::access_loggers::stream::v3;

namespace {

using Format = config::AccessLog::Format;

constexpr std::string_view kOurFields = "the fields are weft's own, in text or JSON";

Format format_of(const core::SubstitutionFormatString& format, const FieldPath& path, Reading& in) {
  if (format.has_text_format_source())
    in.data(format.text_format_source(), path / "text_format_source");
  // JSON without a word on its fields asks for ours.
  if (!format.has_json_format() || !format.json_format().fields().empty())
    in.note(path, kOurFields);
  return format.has_json_format() ? Format::kJson : Format::kText;
}

config::AccessLog read_file(const file::FileAccessLog& log, const FieldPath& path, Reading& in) {
  config::AccessLog out{.path = log.path()};
  switch (log.access_log_format_case()) {
    case file::FileAccessLog::kLogFormat:
      out.format = format_of(log.log_format(), path / "log_format", in);
      break;
    case file::FileAccessLog::kJsonFormat:
    case file::FileAccessLog::kTypedJsonFormat:
      in.note(path, kOurFields);
      out.format = Format::kJson;
      break;
    case file::FileAccessLog::kFormat:
      if (!log.format().empty()) in.note(path / "format", kOurFields);
      break;
    case file::FileAccessLog::ACCESS_LOG_FORMAT_NOT_SET:
      break;
  }
  return out;
}

// 500 and above, any flag: what a log of errors holds anyway.
bool finds_errors(const al::AccessLogFilter& filter) {
  if (filter.has_response_flag_filter()) return filter.response_flag_filter().flags().empty();
  if (filter.has_or_filter()) {
    for (const auto& part : filter.or_filter().filters()) {
      if (!finds_errors(part)) return false;
    }
    return true;
  }
  const auto& comparison = filter.status_code_filter().comparison();
  return filter.has_status_code_filter() && comparison.op() == al::ComparisonFilter::GE &&
         comparison.value().default_value() == 500;
}

bool read_one(const al::AccessLog& log, const FieldPath& path, Reading& in,
              config::AccessLog& out) {
  const auto at = path / "typed_config";
  const auto type = type_of(log.typed_config());
  if (type == file::FileAccessLog::descriptor()->full_name()) {
    file::FileAccessLog read;
    if (!in.unpack(log.typed_config(), at, read)) return false;
    out = read_file(read, at, in);
  } else if (type == stream::StdoutAccessLog::descriptor()->full_name()) {
    stream::StdoutAccessLog read;
    if (!in.unpack(log.typed_config(), at, read)) return false;
    out.path = "/dev/stdout";
    if (read.has_log_format()) out.format = format_of(read.log_format(), at / "log_format", in);
  } else if (type == stream::StderrAccessLog::descriptor()->full_name()) {
    stream::StderrAccessLog read;
    if (!in.unpack(log.typed_config(), at, read)) return false;
    out.path = "/dev/stderr";
    if (read.has_log_format()) out.format = format_of(read.log_format(), at / "log_format", in);
  } else {
    in.refuse(at, type.empty() ? std::string("is required")
                               : fmt::format("unknown access log {}", escape(type)));
    return false;
  }
  return true;
}

}  // namespace

std::vector<config::AccessLog> read_access_logs(
    const google::protobuf::RepeatedPtrField<al::AccessLog>& logs, const FieldPath& path,
    Reading& in) {
  std::vector<config::AccessLog> out;
  for (int index = 0; index < logs.size(); ++index) {
    const auto& log = logs[index];
    const auto at = path.at("access_log", index);
    config::AccessLog read;
    if (!read_one(log, at, in, read)) continue;
    if (log.has_filter()) {
      if (finds_errors(log.filter())) {
        read.mode = config::AccessLog::Mode::kErrors;
      } else {
        in.note(at / "filter", "is not applied: everything is logged");
      }
    }
    out.push_back(std::move(read));
  }
  return out;
}

}  // namespace weft::xds
