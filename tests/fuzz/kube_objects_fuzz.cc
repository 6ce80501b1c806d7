// What an API server may say, all the way: a list or the lines of a watch, facts, Workloads, the
// model, a Mesh. Nothing breaks; what is accepted is printable and reads again as itself.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "control/kubernetes/line_splitter.h"
#include "control/kubernetes/reflector.h"
#include "control/kubernetes/translation.h"
#include "control/model/object.h"
#include "sidecar/config/document.h"

namespace {

using namespace weft::control;

void kube_require(bool holds) {
  if (!holds) std::abort();
}

class KubeStore final : public kube::Reflector::Store {
 public:
  void on_list_begun() override {}
  void on_list_item(const ObjectName& name, kube::Json&& object) override { take(name, object); }
  void on_listed() override {}
  void on_put(const ObjectName& name, kube::Json&& object) override { take(name, object); }
  void on_removed(const ObjectName& name) override {
    made.remove_pod(name);
    made.remove_slice(name);
    made.remove_service(name);
    look();
  }

 private:
  void take(const ObjectName& name, const kube::Json& object) {
    if (auto pod = kube::read_pod(object)) made.put(name, std::move(*pod));
    made.put(name, kube::read_node(object));
    made.put(name, kube::read_slice(object));
    made.put(name, kube::read_service_facts(object));
    read(kube::service_document(object));
    read(kube::plain_document(kube::Json(object), "HTTPRoute", "gateway.networking.k8s.io/v1"));
    look();
  }
  void look() {
    for (const ObjectName& name : made.take_changed()) {
      const auto workload = made.workload(name);
      if (!workload) continue;
      const std::string text = kube::workload_document(*workload);
      const auto documents = weft::config::parse_documents(text, "x");
      kube_require(documents.has_value() && documents->size() == 1);
      (void)read_object(documents->front());
    }
  }
  static void read(const kube::Json& document) {
    if (document.is_null()) return;
    const std::string text = document.dump(-1, ' ', true, kube::Json::error_handler_t::replace);
    const auto documents = weft::config::parse_documents(text, "x");
    if (!documents) return;
    for (const auto& one : *documents) (void)read_object(one);
  }

  kube::Translation made;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 64 * 1024) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  KubeStore store;
  weft::Random random(1);
  const kube::Resource things{
      .name = "things", .group = "", .versions = {"v1"}, .plural = "things", .kind = "Thing"};
  kube::Reflector reflector(things, store, random);
  (void)reflector.next();
  reflector.on_page(text);
  reflector.on_page(R"({"metadata":{"resourceVersion":"1"},"items":[]})");
  for (int i = 0; i < 4 && reflector.next().what != kube::Reflector::Step::What::kWatch; ++i) {
  }
  kube::LineSplitter lines(4096);
  lines.add(text);
  while (const auto line = lines.next()) reflector.on_line(line->text, line->too_long);
  return 0;
}
