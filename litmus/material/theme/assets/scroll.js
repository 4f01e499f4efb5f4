// What is wider than the screen can be scrolled with the keyboard, too: it takes the focus then.
(() => {
  const WIDE = ".katex-display, .md-typeset__scrollwrap, .claims-table, .assumption-matrix, pre > code"
  const parts = () => document.querySelectorAll(WIDE)
  const mark = (part) => {
    if (part.scrollWidth > part.clientWidth) part.tabIndex = 0
    else part.removeAttribute("tabindex")
  }
  // Told of each new size: of the window, or of a fold that opens and shows its parts.
  const sizes = new ResizeObserver((changed) => changed.forEach(({ target }) => mark(target)))
  const watch = () => parts().forEach((part) => sizes.observe(part))
  addEventListener("load", watch)
  document.fonts.addEventListener("loadingdone", () => parts().forEach(mark)) // wider letters
  window.document$?.subscribe(watch) // another page came without a load
})()
