// The sentences that scripts show, in the page's language. `data-messages` attributes of the page hold them as JSON.
import { formatMessage } from "./message-format.js";

const holders = [...document.querySelectorAll("[data-messages]")];
const messages = Object.assign({}, ...holders.map((holder) => JSON.parse(holder.dataset.messages)));
const rules = new Intl.PluralRules(document.documentElement.lang);

/** The message of this name, with its values filled in; `values.num` chooses between singular and plural. */
export const message = (name, values = {}) => formatMessage(messages[name], values, rules);
