#include "tests/house/local_names.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <utility>

namespace weft::house {

namespace {

struct Scope {
  bool is_namespace = false;
  std::string name;  // empty: anonymous
};

// Without white space at its ends; a statement may begin lines below where the last one ended.
std::string_view bare(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

bool in_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

bool begins_with_word(std::string_view text, std::string_view word) {
  return text.starts_with(word) && (text.size() == word.size() || !in_word(text[word.size()]));
}

// The identifier at the end of the text.
std::string_view last_word(std::string_view text) {
  text = bare(text);
  std::size_t begin = text.size();
  while (begin > 0 && in_word(text[begin - 1])) --begin;
  return text.substr(begin);
}

std::string without_blanks(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::isspace(static_cast<unsigned char>(c)) == 0) out += c;
  }
  return out;
}

// Splits at commas outside of any bracket.
std::vector<std::string_view> at_commas(std::string_view text) {
  std::vector<std::string_view> out;
  int depth = 0;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (std::string_view("(<[{").find(text[i]) != std::string_view::npos) ++depth;
    if (std::string_view(")>]}").find(text[i]) != std::string_view::npos) --depth;
    if (text[i] != ',' || depth != 0) continue;
    out.push_back(text.substr(begin, i - begin));
    begin = i + 1;
  }
  out.push_back(text.substr(begin));
  return out;
}

// "const Json& pod, int from = 0" -> "const Json&|int|": parameters by type, without their names.
std::string types_of(std::string_view parameters) {
  std::string out;
  for (std::string_view one : at_commas(parameters)) {
    one = bare(one.substr(0, one.find('=')));
    const std::string_view name = last_word(one);
    const std::string_view before = bare(one.substr(0, one.size() - name.size()));
    out += without_blanks(before.empty() || before.ends_with("::") ? one : before) + "|";
  }
  return out;
}

// "template <typename T> ", "[[nodiscard]] " and the like.
std::string_view without_heads(std::string_view text) {
  while (true) {
    text = bare(text);
    if (text.starts_with("[[")) {
      const std::size_t end = text.find("]]");
      if (end == std::string_view::npos) return {};
      text.remove_prefix(end + 2);
    } else if (begins_with_word(text, "template")) {
      std::size_t i = text.find('<');
      int depth = 0;
      for (; i < text.size(); ++i) {
        depth += text[i] == '<' ? 1 : text[i] == '>' ? -1 : 0;
        if (depth == 0) break;
      }
      if (i >= text.size()) return {};
      text.remove_prefix(i + 1);
    } else {
      return text;
    }
  }
}

// Where a function's parameters begin, or npos: the first '(' outside of <>.
std::size_t parameters_at(std::string_view text) {
  int depth = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '<') ++depth;
    if (text[i] == '>') --depth;
    if (text[i] == '(' && depth == 0) return i;
    if (text[i] == '=' && depth == 0) return std::string_view::npos;
  }
  return std::string_view::npos;
}

// One statement at namespace scope, without what it ends by; `opens`: that was a brace.
bool read_statement(std::string_view text, bool opens, bool anonymous, LocalName& out) {
  text = without_heads(text);
  for (const std::string_view alias : {"namespace", "using"}) {
    if (!begins_with_word(text, alias) || begins_with_word(text, "using namespace") ||
        begins_with_word(text, "using enum"))
      continue;
    const std::size_t equal = text.find('=');
    if (equal == std::string_view::npos) {
      // using a::b::C;
      out.kind = LocalName::Kind::kAlias;
      out.meaning = without_blanks(text.substr(alias.size()));
      out.name = last_word(text);
      return alias == "using" && !opens && out.meaning.find("::") != std::string::npos;
    }
    out.kind = LocalName::Kind::kAlias;
    out.name = last_word(text.substr(0, equal));
    out.meaning = without_blanks(text.substr(equal + 1));
    return !out.name.empty();
  }
  if (!anonymous || text.empty()) return false;
  for (const std::string_view word :
       {"namespace", "using", "static_assert", "friend", "extern", "public", "private", "return"}) {
    if (begins_with_word(text, word)) return false;
  }
  for (const std::string_view word : {"struct", "class", "union", "enum class", "enum"}) {
    if (!begins_with_word(text, word)) continue;
    const std::string_view rest = bare(text.substr(word.size()));
    std::size_t end = 0;
    while (end < rest.size() && in_word(rest[end])) ++end;
    out.name = rest.substr(0, end);
    // Only said to be there: it may be said again.
    return opens && !out.name.empty();
  }
  if (text.find("operator") != std::string_view::npos) return false;
  if (const std::size_t open = parameters_at(text); open != std::string_view::npos) {
    const std::size_t close = text.rfind(')');
    const std::string_view name = last_word(text.substr(0, open));
    const std::string_view before =
        bare(text.substr(0, open)).substr(0, bare(text.substr(0, open)).size() - name.size());
    // A member of something, or a macro.
    if (name.empty() || before.empty() || before.ends_with(':') || before.ends_with('~') ||
        close < open)
      return false;
    out.kind = LocalName::Kind::kFunction;
    out.name = name;
    out.meaning = "(" + types_of(text.substr(open + 1, close - open - 1));
    return true;
  }
  std::string_view declared = bare(text.substr(0, text.find('=')));
  if (const std::size_t bracket = declared.rfind('['); declared.ends_with(']'))
    declared = declared.substr(0, bracket);
  const std::string_view name = last_word(declared);
  // A type stands before it.
  if (name.empty() || name.size() == declared.size()) return false;
  out.name = name;
  return true;
}

std::string path_of(const std::vector<Scope>& scopes) {
  std::string out;
  for (const Scope& scope : scopes) {
    if (scope.name.empty()) continue;
    out += (out.empty() ? "" : "::") + scope.name;
  }
  return out;
}

bool clash(const LocalName& a, const LocalName& b) {
  using enum LocalName::Kind;
  if (a.kind == b.kind && a.kind == kFunction) return a.meaning == b.meaning;
  if (a.kind == b.kind && a.kind == kAlias) return a.meaning != b.meaning;
  return true;
}

}  // namespace

std::vector<LocalName> local_names(std::string_view whole) {
  const std::string code = code_only(whole);
  std::vector<LocalName> out;
  std::vector<Scope> scopes;
  std::size_t begin = 0;  // of the statement
  std::size_t line = 1;
  std::size_t line_of_statement = 0;
  int parentheses = 0;
  const auto begin_after = [&](std::size_t i) {
    begin = i + 1;
    line_of_statement = 0;
  };
  const auto take = [&](std::size_t end, bool opens) {
    const bool outside = std::ranges::all_of(scopes, &Scope::is_namespace);
    if (!outside) return;
    const bool anonymous =
        std::ranges::any_of(scopes, [](const Scope& one) { return one.name.empty(); });
    LocalName name{.name_space = path_of(scopes), .line = line_of_statement};
    if (read_statement(std::string_view(code).substr(begin, end - begin), opens, anonymous, name))
      out.push_back(std::move(name));
  };
  for (std::size_t i = 0; i < code.size(); ++i) {
    const char c = code[i];
    if (c == '\n') ++line;
    if (c == '#' && bare(std::string_view(code).substr(begin, i - begin)).empty()) {
      // A directive is no statement; one that goes on over several lines neither.
      while (i < code.size() && (code[i] != '\n' || code[i - 1] == '\\'))
        line += code[i++] == '\n' ? 1U : 0U;
      if (i < code.size()) ++line;
      begin_after(i);
      continue;
    }
    if (line_of_statement == 0 && std::isspace(static_cast<unsigned char>(c)) == 0)
      line_of_statement = line;
    if (c == '(') ++parentheses;
    if (c == ')') --parentheses;
    if (c == '{') {
      const std::string_view head = bare(std::string_view(code).substr(begin, i - begin));
      Scope scope;
      if (parentheses == 0 &&
          (begins_with_word(head, "namespace") || begins_with_word(head, "inline namespace"))) {
        scope.is_namespace = true;
        const std::size_t at = head.find("namespace") + 9;
        scope.name = std::string(bare(head.substr(at)));
      } else if (parentheses == 0) {
        take(i, true);
      }
      scopes.push_back(std::move(scope));
      if (parentheses == 0) begin_after(i);
    } else if (c == '}') {
      if (!scopes.empty()) scopes.pop_back();
      if (parentheses == 0) begin_after(i);
    } else if (c == ';' && parentheses == 0) {
      take(i, false);
      begin_after(i);
    }
  }
  return out;
}

std::vector<Finding> clashes(const std::vector<File>& files) {
  std::vector<Finding> out;
  // By namespace and name: where it was seen.
  std::map<std::pair<std::string, std::string>, std::vector<std::pair<const File*, LocalName>>>
      seen;
  for (const File& file : files) {
    for (const LocalName& name : local_names(file.text)) {
      auto& others = seen[{name.name_space, name.name}];
      for (const auto& [other, its] : others) {
        if (other == &file || !clash(its, name)) continue;
        out.push_back({file.path, name.line,
                       name.name + " is in " + other->path + ":" + std::to_string(its.line) +
                           " as well, and both are compiled as one"});
        break;
      }
      others.emplace_back(&file, name);
    }
  }
  return out;
}

}  // namespace weft::house
