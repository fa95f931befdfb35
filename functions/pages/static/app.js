// What HTML and htmx do not do by themselves. Every page works for reading without it.
(() => {
  "use strict";

  // Moments in the reader's own time and way of writing. Dates of the PSA's calendar stay.
  const format = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  const localise = (root) => {
    for (const time of root.querySelectorAll("time[data-moment]")) {
      time.title = time.textContent;
      time.textContent = format.format(new Date(time.dateTime));
      time.removeAttribute("data-moment");
    }
  };

  // Where the focus was: the ids around it, the nearest first, and its row of a table. What had it
  // may be switched off or replaced meanwhile; then the focus goes to what stands in its place.
  const placeOf = (element) => {
    if (!element || element === document.body) return null;
    const ids = [];
    for (let one = element; one && one !== document.body; one = one.parentElement) {
      if (one.id) ids.push(one.id);
    }
    return { ids, row: element.closest("tbody tr")?.sectionRowIndex ?? -1 };
  };
  const CAN_HAVE_FOCUS =
    "a[href], button:not([disabled]), input:not([type=hidden]):not([disabled]), " +
    "select:not([disabled]), textarea:not([disabled]), summary";
  const firstIn = (element) => {
    if (!element) return null;
    if (element.matches(CAN_HAVE_FOCUS)) return element;
    return [...element.querySelectorAll(CAN_HAVE_FOCUS)].find((one) => one.checkVisibility());
  };
  const focusOn = (place) => {
    for (const id of place?.ids ?? []) {
      const element = document.getElementById(id);
      if (element && ["main", "drawer-body", "drawer"].includes(id)) break;
      const row = element?.querySelectorAll("tbody tr")[place.row];
      const found = firstIn(row) || firstIn(element);
      if (found) return found.focus();
    }
    (drawer().open ? document.getElementById("drawer-title") : document.getElementById("main"))?.focus();
  };
  const isLost = () => !document.activeElement || document.activeElement === document.body;

  // The drawer: opened by whatever was loaded into it, closed by Escape, its button, or a save.
  const drawer = () => document.getElementById("drawer");
  let opener = null;
  const back = () => {
    focusOn(opener);
    opener = null;
  };
  const openDrawer = () => {
    if (!drawer().open) drawer().showModal();
    // The first button has the focus now; who listens begins with the title.
    document.getElementById("drawer-title")?.focus();
  };

  const note = (text, tone = "danger") => {
    const box = document.createElement("div");
    box.className = `alert alert-${tone} note`;
    if (tone === "danger") box.setAttribute("role", "alert");
    const words = document.createElement("div");
    words.textContent = text;
    const close = document.createElement("button");
    close.type = "button";
    close.className = "btn-close";
    close.dataset.dismiss = "";
    close.setAttribute("aria-label", "Close this message");
    box.append(words, close);
    document.getElementById("toasts").append(box);
  };

  // Messages stand above an open drawer, which hides everything outside it.
  const placeToasts = () => {
    const toasts = document.getElementById("toasts");
    const home = drawer().open ? drawer() : document.body;
    if (toasts.parentElement !== home) home.append(toasts);
  };

  document.addEventListener("DOMContentLoaded", () => {
    localise(document);
    drawer().addEventListener("close", () => {
      document.getElementById("drawer-body").replaceChildren();
      placeToasts();
      back();
    });
    // What happened is put in once more, because only what comes later is read out.
    const said = document.getElementById("said");
    if (said) {
      document.getElementById("main").focus();
      said.remove();
      setTimeout(() => document.getElementById("toasts").append(said));
    }
    // A message is said once: not again when the page is loaded again.
    const address = new URL(location.href);
    if (address.searchParams.has("said")) {
      address.searchParams.delete("said");
      history.replaceState(null, "", address);
    }
    const menu = document.getElementById("menu");
    menu.addEventListener("keydown", (event) => {
      if (event.key === "Escape") menu.open = false;
    });
  });

  document.addEventListener("click", (event) => {
    const dismiss = event.target.closest("[data-dismiss]");
    if (dismiss) {
      dismiss.closest(".note").remove();
      document.getElementById(drawer().open ? "drawer-title" : "main").focus();
    }
  });

  // A button that copies a field; without a script the field is there to be marked.
  document.addEventListener("DOMContentLoaded", () => {
    if (!navigator.clipboard) return;
    for (const button of document.querySelectorAll("[data-copy]")) button.hidden = false;
  });
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const field = document.getElementById(button.dataset.copy);
    await navigator.clipboard.writeText(field.value);
    note("Copied.", "success");
  });

  // A box that ticks all boxes of a name.
  document.addEventListener("change", (event) => {
    const name = event.target.dataset?.ticks;
    if (!name) return;
    for (const box of document.querySelectorAll(`input[type=checkbox][name="${name}"]`)) {
      box.checked = event.target.checked;
    }
  });

  // A file that is chosen is read into the field that is sent.
  document.addEventListener("DOMContentLoaded", () => {
    for (const choose of document.querySelectorAll("[data-read-into]")) {
      choose.closest(".field").hidden = false;
      choose.addEventListener("change", async () => {
        const [file] = choose.files;
        if (file) document.getElementById(choose.dataset.readInto).value = await file.text();
      });
    }
  });

  // A form is sent once, however often its button is pressed.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || form.hasAttribute("hx-post")) return;
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "true";
  });
  addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  });

  let focused = null;
  const remember = () => {
    if (!isLost()) focused = placeOf(document.activeElement);
  };
  const recover = () => {
    if (isLost() && focused) focusOn(focused);
  };
  document.addEventListener("focusin", remember);
  document.addEventListener("htmx:beforeRequest", (event) => {
    remember();
    if (event.detail.target?.id === "drawer-body" && !drawer().open) opener = placeOf(event.detail.elt);
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target.id === "drawer-body") openDrawer();
    placeToasts();
  });
  document.addEventListener("htmx:afterSettle", (event) => localise(event.detail.elt));
  // After the request is quite over: what it had switched off can have the focus again.
  document.addEventListener("htmx:afterRequest", () => setTimeout(recover));
  document.addEventListener("htmx:oobAfterSwap", (event) => localise(event.detail.target));
  for (const failure of ["htmx:sendError", "htmx:timeout"]) {
    document.addEventListener(failure, () => {
      note(
        "The server could not be reached, or your session has ended. What you typed is still " +
          "here: sign in in another tab if needed, then try again.",
      );
      placeToasts();
    });
  }
  document.addEventListener("seatsync:saved", () => drawer().close());
})();
