// Material asks for the search index on every first view, though few readers search at once, and it
// grows with the vault. Here the request waits until the search field is opened.
(() => {
  const send = XMLHttpRequest.prototype.send
  const open = XMLHttpRequest.prototype.open
  const wanted = new Promise((resolve) => {
    if (new URLSearchParams(location.search).has("q")) resolve()
    document.addEventListener("focusin", (event) => {
      if (event.target.matches?.(".md-search__input")) resolve()
    })
    document.addEventListener("change", (event) => {
      if (event.target.id === "__search") resolve()
    })
  })
  XMLHttpRequest.prototype.open = function (method, url, ...rest) {
    this.waits = String(url).endsWith("search/search_index.json")
    return open.call(this, method, url, ...rest)
  }
  XMLHttpRequest.prototype.send = function (body) {
    if (this.waits) wanted.then(() => send.call(this, body))
    else send.call(this, body)
  }
})()
