// What scripts say, in the page's language: the server writes the sentences into the page, as JSON in attributes.

const holders = [...document.querySelectorAll("[data-sentences]")];
const sentences = Object.assign({}, ...holders.map((holder) => JSON.parse(holder.dataset.sentences)));
const rules = new Intl.PluralRules(document.documentElement.lang);

/** The sentence of that name with its values in their places; where there are several, the one for `num`. */
export function words(name, values = {}) {
  const said = sentences[name];
  const sentence = typeof said === "string" ? said : (said[rules.select(values.num)] ?? said.other);
  return sentence.replace(/\{(\w+)\}/g, (place, key) => values[key] ?? place);
}
