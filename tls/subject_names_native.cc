#include "tls/subject_names_native.h"

namespace weft::tls {

namespace {

bool push(GENERAL_NAMES* list, int type, ASN1_STRING* value) {
  GENERAL_NAME* name = GENERAL_NAME_new();
  if (name == nullptr || value == nullptr) {
    GENERAL_NAME_free(name);
    ASN1_STRING_free(value);
    return false;
  }
  GENERAL_NAME_set0_value(name, type, value);
  if (sk_GENERAL_NAME_push(list, name) > 0) return true;
  GENERAL_NAME_free(name);
  return false;
}

bool push_text(GENERAL_NAMES* list, int type, const std::string& text) {
  ASN1_IA5STRING* value = ASN1_IA5STRING_new();
  if (value != nullptr && ASN1_STRING_set(value, text.data(), static_cast<int>(text.size())) != 1) {
    ASN1_IA5STRING_free(value);
    value = nullptr;
  }
  return push(list, type, value);
}

}  // namespace

X509_EXTENSION* make_names_extension(const NamesToWrite& names, bool critical) {
  GENERAL_NAMES* list = GENERAL_NAMES_new();
  bool good = list != nullptr;
  for (const std::string& uri : names.uris) good = good && push_text(list, GEN_URI, uri);
  for (const std::string& dns : names.dns_names) good = good && push_text(list, GEN_DNS, dns);
  for (const std::string& text : names.addresses)
    good = good && push(list, GEN_IPADD, a2i_IPADDRESS(text.c_str()));
  X509_EXTENSION* extension =
      good ? X509V3_EXT_i2d(NID_subject_alt_name, critical ? 1 : 0, list) : nullptr;
  GENERAL_NAMES_free(list);
  return extension;
}

}  // namespace weft::tls
