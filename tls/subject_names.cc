#include "tls/subject_names.h"

#include <openssl/x509v3.h>

#include <algorithm>

#include "sidecar/core/address.h"
#include "sidecar/core/strings.h"
#include "tls/openssl_error.h"

namespace weft::tls {

namespace {

bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

void add_text(const ASN1_IA5STRING& value, std::vector<std::string>& list, SubjectNames& names) {
  const std::string_view text(reinterpret_cast<const char*>(ASN1_STRING_get0_data(&value)),
                              static_cast<std::size_t>(ASN1_STRING_length(&value)));
  if (text.empty() || !is_printable(text)) {
    names.malformed = true;
  } else {
    list.emplace_back(text);
  }
}

void add_address(const ASN1_OCTET_STRING& value, SubjectNames& names) {
  const unsigned char* bytes = ASN1_STRING_get0_data(&value);
  const int size = ASN1_STRING_length(&value);
  if (size == 4) {
    const std::uint32_t host = (std::uint32_t{bytes[0]} << 24U) | (std::uint32_t{bytes[1]} << 16U) |
                               (std::uint32_t{bytes[2]} << 8U) | bytes[3];
    names.addresses.push_back(IpAddress::v4(host).to_string());
  } else if (size == 16) {
    std::array<std::uint8_t, 16> all{};
    std::copy(bytes, bytes + 16, all.begin());
    names.addresses.push_back(IpAddress::v6(all).to_string());
  } else {
    names.malformed = true;
  }
}

// `found` is OpenSSL's account of the search: -1 when the extension is absent, -2 when it comes
// twice.
SubjectNames names_in(GENERAL_NAMES* list, int found) {
  SubjectNames names;
  if (list == nullptr) {
    names.malformed = found != -1;
    clear_openssl_errors();
    return names;
  }
  for (int i = 0; i < sk_GENERAL_NAME_num(list); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(list, i);
    switch (name->type) {
      case GEN_URI:
        add_text(*name->d.uniformResourceIdentifier, names.uris, names);
        break;
      case GEN_DNS:
        add_text(*name->d.dNSName, names.dns_names, names);
        break;
      case GEN_EMAIL:
        add_text(*name->d.rfc822Name, names.emails, names);
        break;
      case GEN_IPADD:
        add_address(*name->d.iPAddress, names);
        break;
      default:
        ++names.others;
        break;
    }
  }
  GENERAL_NAMES_free(list);
  return names;
}

bool matches_text(const SanMatcher& matcher, std::string_view value, bool ignore_case) {
  const std::string folded_value = ignore_case ? to_lower(value) : std::string(value);
  const std::string wanted = ignore_case ? to_lower(matcher.value) : matcher.value;
  switch (matcher.how) {
    case SanMatcher::How::kExact:
      return folded_value == wanted;
    case SanMatcher::How::kPrefix:
      return folded_value.starts_with(wanted);
    case SanMatcher::How::kSuffix:
      return folded_value.ends_with(wanted);
    case SanMatcher::How::kContains:
      return folded_value.find(wanted) != std::string::npos;
    case SanMatcher::How::kRegex:
      return false;
  }
  return false;
}

// "*.b.c" covers "a.b.c", not "b.c", not "x.a.b.c"; there must be two labels after the star.
bool covers_by_wildcard(std::string_view pattern, std::string_view host) {
  if (!pattern.starts_with("*.")) return false;
  const std::string_view suffix = pattern.substr(1);
  if (suffix.find('.', 1) == std::string_view::npos || suffix.find('*') != std::string_view::npos)
    return false;
  if (host.size() <= suffix.size()) return false;
  const std::string_view label = host.substr(0, host.size() - suffix.size());
  return label.find('.') == std::string_view::npos &&
         equals_ignore_case(host.substr(label.size()), suffix);
}

bool matches_dns(const SanMatcher& matcher, const std::string& name) {
  if (matches_text(matcher, name, true)) return true;
  return matcher.how == SanMatcher::How::kExact && covers_by_wildcard(name, matcher.value);
}

}  // namespace

SubjectNames names_of(const x509_st& certificate) {
  int found = -1;
  auto* list = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(&certificate, NID_subject_alt_name, &found, nullptr));
  return names_in(list, found);
}

SubjectNames names_of(const stack_st_X509_EXTENSION& extensions) {
  int found = -1;
  auto* list = static_cast<GENERAL_NAMES*>(
      X509V3_get_d2i(&extensions, NID_subject_alt_name, &found, nullptr));
  return names_in(list, found);
}

bool matches(const SanMatcher& matcher, const SubjectNames& names) {
  const auto any = [&](const std::vector<std::string>& list) {
    return std::any_of(list.begin(), list.end(), [&](const std::string& name) {
      return matches_text(matcher, name, matcher.ignore_case);
    });
  };
  switch (matcher.type) {
    case SanMatcher::Type::kUri:
      return any(names.uris);
    case SanMatcher::Type::kEmail:
      return any(names.emails);
    case SanMatcher::Type::kIp:
      return any(names.addresses);
    case SanMatcher::Type::kDns:
      return std::any_of(names.dns_names.begin(), names.dns_names.end(),
                         [&](const std::string& name) { return matches_dns(matcher, name); });
  }
  return false;
}

Status check_matcher(const SanMatcher& matcher) {
  if (matcher.how == SanMatcher::How::kRegex) {
    return fail(
        Fault::kInvalid,
        "peer name matcher: regular expressions are not supported, use exact, prefix, suffix "
        "or contains");
  }
  // An empty prefix accepts everybody; whoever means that leaves the list empty.
  if (matcher.value.empty()) return fail(Fault::kInvalid, "peer name matcher: empty value");
  if (matcher.type == SanMatcher::Type::kIp && matcher.how == SanMatcher::How::kExact) {
    const Result<IpAddress> address = IpAddress::parse(matcher.value);
    if (!address || address->to_string() != matcher.value) {
      return fail(Fault::kInvalid, "peer name matcher: '" + escape(matcher.value) +
                                       "' is not an IP address as we print it");
    }
  }
  return {};
}

}  // namespace weft::tls
