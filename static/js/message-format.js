// Fills values into the sentences of the page.

/**
 * The sentence with its values: "{name} is ready" becomes "Ada is ready". A placeholder without a value stays.
 *
 * `forms` is one sentence, or an object of plural forms ("one", "other"). `values.num` chooses the form by the
 * language's rules, an Intl.PluralRules.
 */
export function formatMessage(forms, values, rules) {
  const sentence = typeof forms === "string" ? forms : (forms[rules.select(values.num)] ?? forms.other);
  return sentence.replace(/\{(\w+)\}/g, (placeholder, name) => values[name] ?? placeholder);
}
