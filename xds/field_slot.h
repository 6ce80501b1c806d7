#pragma once
// FieldSlot: a field of a message, one of its items, or half of a map entry: where a value goes,
// set or added.
//
// The setter must be the one of the field's type. Borrowed: the message outlives it.

#include <google/protobuf/message.h>

#include <cstdint>
#include <string>
#include <utility>

namespace weft::xds {

class FieldSlot final {
 public:
  using Reflection = google::protobuf::Reflection;

  FieldSlot(google::protobuf::Message& message, const google::protobuf::FieldDescriptor& field)
      : message_(message), field_(field) {}

  [[nodiscard]] const google::protobuf::FieldDescriptor& field() const { return field_; }
  [[nodiscard]] google::protobuf::Message& message() {
    const Reflection& reflection = *message_.GetReflection();
    return field_.is_repeated() ? *reflection.AddMessage(&message_, &field_)
                                : *reflection.MutableMessage(&message_, &field_);
  }
  void set(std::int32_t v) { put(&Reflection::SetInt32, &Reflection::AddInt32, v); }
  void set(std::int64_t v) { put(&Reflection::SetInt64, &Reflection::AddInt64, v); }
  void set(std::uint32_t v) { put(&Reflection::SetUInt32, &Reflection::AddUInt32, v); }
  void set(std::uint64_t v) { put(&Reflection::SetUInt64, &Reflection::AddUInt64, v); }
  void set(float v) { put(&Reflection::SetFloat, &Reflection::AddFloat, v); }
  void set(double v) { put(&Reflection::SetDouble, &Reflection::AddDouble, v); }
  void set(bool v) { put(&Reflection::SetBool, &Reflection::AddBool, v); }
  void set(const google::protobuf::EnumValueDescriptor* v) {
    put(&Reflection::SetEnum, &Reflection::AddEnum, v);
  }
  void set(std::string v) { put(&Reflection::SetString, &Reflection::AddString, std::move(v)); }

 private:
  template <typename Setter, typename Adder, typename T>
  void put(Setter setter, Adder adder, T v) {
    const Reflection& reflection = *message_.GetReflection();
    if (field_.is_repeated()) {
      (reflection.*adder)(&message_, &field_, std::move(v));
    } else {
      (reflection.*setter)(&message_, &field_, std::move(v));
    }
  }

  google::protobuf::Message& message_;
  const google::protobuf::FieldDescriptor& field_;
};

}  // namespace weft::xds
