// The two masks: where the painting shows ("mask"), and where the second style does ("style_mask").

export const MASK_KINDS = {
  mask: {
    empty: 255, // the grey level of a new mask
    tools: { first: { level: 0, label: "photo" }, second: { level: 255, label: "painting" } },
    help: "paintMask",
  },
  style_mask: {
    empty: 0,
    tools: { first: { level: 255, label: "secondStyle" }, second: { level: 0, label: "firstStyle" } },
    help: "paintStyleMask",
  },
};
