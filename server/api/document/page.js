"use strict";
// The page is whole without this: it adds a search, and opens the list where there is room.
const box = document.getElementById("search");
const list = document.querySelector("nav details");
const wide = matchMedia("(min-width: 64rem)");
const fit = () => { list.open = wide.matches; };
wide.addEventListener("change", fit);
fit();
box.hidden = false;
box.addEventListener("input", () => {
  const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length) list.open = true;
  for (const group of document.querySelectorAll("nav ul")) {
    let shown = 0;
    for (const item of group.querySelectorAll("[data-words]")) {
      item.hidden = !words.every((word) => item.dataset.words.includes(word));
      shown += !item.hidden;
    }
    group.hidden = !shown;
  }
});
