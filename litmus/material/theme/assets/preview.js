// A card with what a link leads to: a claim's statement, a note's opening, a section, a block.
// Shown when a mouse rests on the link or the keyboard reaches it; touch just follows the link.
(() => {
  const REST = 250 // milliseconds before a card shows, so that crossing a line of links shows none
  const LENGTH = 6 // blocks of a note or section that a card shows
  const pages = new Map()
  let card = null
  let link = null
  let timer = 0

  const page = (url) => {
    if (!pages.has(url)) {
      pages.set(url, fetch(url).then((answer) => {
        if (!answer.ok) throw new Error(answer.statusText)
        return answer.text()
      }).then((text) => new DOMParser().parseFromString(text, "text/html")))
    }
    return pages.get(url)
  }

  const section = (heading) => {
    const blocks = [heading]
    let next = heading.nextElementSibling
    while (next && !/^H[1-6]$/.test(next.tagName) && blocks.length <= LENGTH) {
      blocks.push(next)
      next = next.nextElementSibling
    }
    return blocks
  }

  const excerpt = (document, fragment) => {
    const article = document.querySelector("article")
    const target = fragment && document.getElementById(decodeURIComponent(fragment))
    if (target && article.contains(target)) {
      return /^H[1-6]$/.test(target.tagName) ? section(target) : [target]
    }
    return section(article.querySelector("h1"))
  }

  const show = async (from) => {
    const url = new URL(from.href)
    const fragment = url.hash.slice(1)
    url.hash = ""
    const found = excerpt(await page(url.href).catch(() => null) ?? document, fragment)
    if (from !== link) return // the mouse has moved on
    hide()
    link = from
    card = document.createElement("div")
    card.className = "preview-card md-typeset"
    card.id = "preview-card"
    card.setAttribute("role", "tooltip")
    for (const block of found) card.append(document.importNode(block, true))
    card.querySelectorAll(".headerlink, .claim-part, button.copy").forEach((part) => part.remove())
    card.querySelectorAll("[id]").forEach((part) => part.removeAttribute("id"))
    for (const name of ["src", "href"]) {
      card.querySelectorAll(`[${name}]`).forEach((part) => {
        part[name] = new URL(part.getAttribute(name), url).href
      })
    }
    document.body.append(card)
    from.setAttribute("aria-describedby", card.id)
    place(from.getClientRects()[0])
  }

  const place = (line) => {
    const { width, height } = card.getBoundingClientRect()
    const left = Math.min(line.left, innerWidth - width - 12)
    const fits = line.bottom + height + 8 < innerHeight
    card.style.left = `${Math.max(12, left) + scrollX}px`
    card.style.top = `${(fits ? line.bottom + 8 : Math.max(8, line.top - height - 8)) + scrollY}px`
  }

  const hide = () => {
    clearTimeout(timer)
    link?.removeAttribute("aria-describedby")
    card?.remove()
    card = link = null
  }

  const enter = (event) => {
    const here = event.target.closest?.("a[data-card]")
    if (!here) {
      if (!event.target.closest?.(".preview-card")) hide()
      return
    }
    if (here === link || here.closest(".preview-card")) return
    hide()
    link = here
    timer = setTimeout(show, REST, here)
  }

  addEventListener("pointerover", (event) => event.pointerType === "mouse" && enter(event))
  addEventListener("focusin", (event) => event.target.matches?.(":focus-visible") && enter(event))
  addEventListener("keydown", (event) => event.key === "Escape" && hide())
  addEventListener("click", hide)
})()
