// Sets many formulas in one call. Definitions are TeX; what a formula defines stays in it.
const common = {}

function define(definitions, macros) {
  const options = {macros, globalGroup: true, strict: "ignore", throwOnError: true}
  katex.renderToString(definitions, options)
  return macros
}

function set({tex, display, definitions}) {
  try {
    const macros = define(definitions, {...common})
    const options = {displayMode: display, macros, strict: "ignore", maxExpand: 1000, maxSize: 100}
    return {html: katex.renderToString(tex, options)}
  } catch (error) {
    return {error: error.rawMessage || error.message, position: error.position ?? null}
  }
}
