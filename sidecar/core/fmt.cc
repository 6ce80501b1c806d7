// libfmt's own code, compiled once for the whole tree.
//
// Debian has libfmt as a shared library only, which a static binary cannot take, and compiled into
// every file that includes its headers it is more than half of that file's build time under the
// sanitizers. Its headers carry the sources, so this file is the library: without FMT_HEADER_ONLY
// the functions of format-inl.h are ordinary ones, and the templates that format.h leaves to the
// library (and those it only declares) are named below.
#include <fmt/format-inl.h>

FMT_BEGIN_NAMESPACE
namespace detail {

template FMT_API void buffer<char>::append(const char*, const char*);
template FMT_API void vformat_to(buffer<char>&, string_view,
                                 basic_format_args<buffer_context<char>>, locale_ref);
template FMT_API thousands_sep_result<char> thousands_sep_impl<char>(locale_ref);
template FMT_API char decimal_point_impl<char>(locale_ref);
template FMT_API dragonbox::decimal_fp<float> dragonbox::to_decimal(float) noexcept;
template FMT_API dragonbox::decimal_fp<double> dragonbox::to_decimal(double) noexcept;
template FMT_API locale_ref::locale_ref(const std::locale&);
template FMT_API std::locale locale_ref::get<std::locale>() const;

}  // namespace detail
FMT_END_NAMESPACE
