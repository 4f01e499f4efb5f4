// What is wider than the screen can be scrolled with the keyboard, too: it takes the focus then.
(() => {
  const WIDE = ".katex-display, .md-typeset__scrollwrap, .claims-table, .highlight pre > code"
  const mark = () => document.querySelectorAll(WIDE).forEach((part) => {
    if (part.scrollWidth > part.clientWidth) part.tabIndex = 0
    else part.removeAttribute("tabindex")
  })
  addEventListener("load", mark)
  addEventListener("resize", mark)
  document.addEventListener("toggle", mark, true) // a fold that opens shows new parts
  window.document$?.subscribe(mark) // another page came without a load
})()
