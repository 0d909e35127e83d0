// The ways to pad a picture, and their names in Python.
#pragma once

#include <string>

enum class Border { kNone, kZeros, kMirror, kRepeat, kMirrorBlocks };

// `cells`, `quads`: whether WinogradConvolution supports the border with cells of one pixel or block, and with
// quads. `copies`: whether ContinuePicture supports it.
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

// The quoted names of the borders with `is_known`, with commas in between.
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
