// Draws the diagrams of Mermaid with a script from our own site, which is asked for when the first
// of them comes in sight. One that cannot be drawn keeps its source on view, with the reason.
(() => {
  const script = new URL("mermaid/mermaid.min.js", document.currentScript.src).href
  let library = null
  let count = 0

  const load = () => library ??= new Promise((resolve, reject) => {
    const tag = document.createElement("script")
    tag.src = script
    tag.onload = () => resolve(window.mermaid)
    tag.onerror = () => reject(new Error("its script did not load"))
    document.head.append(tag)
  })

  const scheme = () => document.body.dataset.mdColorScheme === "slate" ? "dark" : "neutral"

  // Folds the source away below the drawing, where whoever cannot see that can still read it.
  const fold = (figure) => {
    const details = document.createElement("details")
    const summary = document.createElement("summary")
    summary.textContent = "Source of the diagram"
    details.append(summary, figure.querySelector("pre"))
    figure.append(details)
    return details
  }

  const draw = async (figure) => {
    const details = figure.querySelector("details") ?? fold(figure)
    const drawn = document.createElement("div")
    const theme = scheme()
    try {
      const mermaid = await load()
      mermaid.initialize({
        startOnLoad: false,
        securityLevel: "strict",
        theme,
        themeVariables: theme === "dark" ? { edgeLabelBackground: "#15161c" } : {},
        fontFamily: getComputedStyle(document.body).fontFamily,
      })
      const source = details.querySelector("code").textContent
      const { svg, diagramType } = await mermaid.render(`diagram-${++count}`, source)
      drawn.className = "diagram-drawn"
      drawn.innerHTML = svg
      const picture = drawn.querySelector("svg")
      picture.setAttribute("role", "img")
      picture.removeAttribute("aria-roledescription")
      if (!picture.hasAttribute("aria-labelledby")) {
        picture.setAttribute("aria-label", `Diagram (${diagramType}); its source follows`)
      }
      details.open = false
    } catch (error) {
      document.getElementById(`ddiagram-${count}`)?.remove() // where the library tried to draw it
      drawn.className = "diagram-failed"
      drawn.textContent = `This diagram cannot be drawn: ${String(error.message).split("\n")[0]}`
      details.open = true
    }
    figure.querySelectorAll(".diagram-drawn, .diagram-failed").forEach((old) => old.remove())
    figure.prepend(drawn)
    figure.dataset.theme = theme
  }

  let waiting = Promise.resolve() // the library draws one at a time
  const inSight = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue
      inSight.unobserve(target)
      waiting = waiting.then(() => draw(target))
    }
  }, { rootMargin: "200px" })

  const watch = () => document.querySelectorAll("figure.diagram").forEach((figure) => {
    if (figure.dataset.theme !== scheme()) inSight.observe(figure)
  })
  addEventListener("DOMContentLoaded", () => {
    watch()
    const light = { attributes: true, attributeFilter: ["data-md-color-scheme"] }
    new MutationObserver(watch).observe(document.body, light)
  })
  addEventListener("load", () => window.document$?.subscribe(watch)) // a page that comes without a load
})()
