#pragma once
// ManifestTemplate: a manifest with holes, filled for `weft install`, or turned into a Helm
// template.
//
// In a text stand `${name}`, and on lines of their own `#if name`, `#end` and `#helm text`, the
// last of which only a chart has. One text makes both, so that they cannot differ. A value may be a
// block of several lines, with holes of its own: its lines stand as far in as the hole. Pure.

#include <map>
#include <string>
#include <string_view>

namespace weft::control::cli {

using TemplateWords = std::map<std::string, std::string, std::less<>>;

// `holds`: what of the conditions is true ("yes") or not there. REQUIRES a text of ours: a name
// that is not known, or an `#if` without its `#end`, is our own mistake.
[[nodiscard]] std::string fill_template(std::string_view text, const TemplateWords& values,
                                        const TemplateWords& holds);

// The same text for Helm: `values` and `conditions` say what each name is there.
[[nodiscard]] std::string helm_template(std::string_view text, const TemplateWords& values,
                                        const TemplateWords& conditions);

}  // namespace weft::control::cli
