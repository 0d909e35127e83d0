// What an operation reads beyond the border of a picture, and the names by which Python asks for it.
#pragma once

#include <string>

enum class Border { kNone, kZeros, kMirror, kRepeat, kMirrorBlocks };

// `cells` and `quads`: whether WinogradConvolution knows the border with cells of one pixel or block, and with
// quads of four. `copies`: whether ContinuePicture knows it.
struct NamedBorder {
  Border border;
  const char* name;
  bool cells, quads, copies;
};

constexpr NamedBorder kBorders[] = {
    {Border::kNone, "none", true, true, false},
    {Border::kZeros, "zeros", true, true, false},
    {Border::kMirror, "mirror", true, false, true},
    {Border::kRepeat, "repeat", true, false, true},
    {Border::kMirrorBlocks, "mirror blocks", false, true, true},
};

inline const NamedBorder& find_border(const std::string& name) {
  for (const NamedBorder& each : kBorders) {
    if (name == each.name) return each;
  }
  return kBorders[0];  // TensorFlow has checked the attribute, so this is not reached
}

// The names of the borders for which `is_known` holds, each between two `quote`s, with commas between them.
template <typename Predicate>
std::string border_names(char quote, Predicate is_known) {
  std::string names;
  for (const NamedBorder& each : kBorders) {
    if (!is_known(each)) continue;
    names += (names.empty() ? "" : ", ");
    names += quote + std::string(each.name) + quote;
  }
  return names;
}
