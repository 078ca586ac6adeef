// What a page can do beyond being read. Without it nothing is missing: times stand in UTC, and an address
// can be selected where it stands.
"use strict";

{
  const copied = async (field) => {
    if (navigator.clipboard) {
      try {
        await navigator.clipboard.writeText(field.textContent);
        return true;
      } catch {
        // Not allowed here: the older way may be.
      }
    }
    getSelection().selectAllChildren(field);
    return document.execCommand("copy");
  };

  const said = document.createElement("p");
  said.className = "unseen";
  said.setAttribute("role", "status");
  document.body.append(said);

  for (const button of document.querySelectorAll("button[data-copies]")) {
    const field = document.getElementById(button.dataset.copies);
    const word = button.firstChild;
    const before = word.data;
    let timer;
    button.hidden = false;
    button.addEventListener("click", async () => {
      const done = await copied(field);
      word.data = done ? "Copied" : "Press Ctrl+C";
      said.textContent = done ? "Address copied" : "Press Ctrl and C to copy the address";
      button.classList.toggle("done", done);
      clearTimeout(timer);
      timer = setTimeout(() => {
        word.data = before;
        said.textContent = "";
        button.classList.remove("done");
      }, 2500);
    });
  }

  // Times as the reader counts them; the element keeps the exact instant, its title the reader's own clock.
  const ago = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
  const day = new Intl.DateTimeFormat("en-GB", { dateStyle: "long" });
  const exact = new Intl.DateTimeFormat("en-GB", { dateStyle: "full", timeStyle: "short" });
  const steps = [["second", 60], ["minute", 60], ["hour", 24], ["day", 7]];
  const spoken = (at) => {
    let count = (at - Date.now()) / 1000;
    for (const [unit, size] of steps) {
      if (Math.abs(count) < size) {
        return unit === "second" ? "just now" : ago.format(Math.trunc(count), unit);
      }
      count /= size;
    }
    return day.format(at);
  };
  const moments = document.querySelectorAll("time[data-moment]");
  const tell = () => {
    for (const moment of moments) {
      const at = new Date(moment.dateTime);
      const words = spoken(at);
      if (moment.textContent !== words) {
        moment.textContent = words;
      }
      moment.title = exact.format(at);
    }
  };
  tell();
  setInterval(tell, 30000);
}
