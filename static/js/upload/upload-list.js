// The list of uploads: a line with a progress bar for each photo.
import { message } from "../messages.js";

export class UploadList {
  #list;

  constructor(list) {
    this.#list = list;
  }

  clear() {
    this.#list.replaceChildren();
  }

  /** Add a photo's line. Returns { progress(share), fail(sentence) }. */
  add(name) {
    const title = document.createElement("span");
    title.textContent = name;
    const bar = progressBar(name);
    const item = this.#append(title, bar);
    return {
      progress: (share) => (bar.value = share * 100),
      fail: (sentence) => {
        bar.remove();
        item.className = "flash flash-error";
        title.setAttribute("role", "alert");
        title.textContent = `${name}: ${sentence}`;
      },
    };
  }

  /** Add a link to go on without the failed photos. */
  addContinue(address) {
    const link = document.createElement("a");
    link.href = address;
    link.className = "button button-small";
    link.textContent = message("goOn");
    this.#append(link);
  }

  #append(...children) {
    const item = document.createElement("li");
    item.append(...children);
    this.#list.append(item);
    return item;
  }
}

function progressBar(name) {
  const bar = document.createElement("progress");
  bar.className = "progress";
  bar.max = 100;
  bar.value = 0;
  bar.setAttribute("aria-label", message("uploading", { name }));
  return bar;
}
