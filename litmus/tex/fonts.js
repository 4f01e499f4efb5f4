// Letters that KaTeX's fonts lack, which it would show in another font without a word.
const SMALL = /^[0-9a-z]$/
const NO_BLACKBOARD = /^[0-9a-jl-z]$/ // of k there is one
const BOLD_AS_THEY_ARE = new Set(["mathbf", "mathbb", "mathtt", "boldsymbol"])

function defineFonts() {
  const props = {numArgs: 1, allowedInArgument: true}
  katex.__defineFunction({type: "font", names: ["\\mathbb"], props, handler: blackboard})
  katex.__defineFunction({type: "font", names: ["\\mathcal", "\\mathscr"], props, handler: script})
  katex.__defineFunction({type: "font", names: ["\\cal"], props: {numArgs: 0}, handler: scriptFromHere})
  katex.__defineFunction({type: "font", names: ["\\@bold"], props, handler: bold})
}

// Digits and small letters by their own signs.
function blackboard({parser}, [argument]) {
  const body = without(argument)
  if (isLetter(body) && NO_BLACKBOARD.test(body.text)) return doubleStruck(body)
  return {type: "font", mode: parser.mode, font: "mathbb", body: each(body, node => {
    return isLetter(node) && NO_BLACKBOARD.test(node.text) ? doubleStruck(node) : node
  })}
}

function doubleStruck(letter) {
  const first = letter.text < "a" ? 0x1d7d8 - 48 : 0x1d552 - 97
  const text = String.fromCodePoint(first + letter.text.charCodeAt(0))
  const group = body => ({type: "ordgroup", mode: "math", body})
  const sign = {type: "text", mode: "math", font: "\\text", body: [{type: "textord", mode: "text", text}]}
  return group([{type: "vphantom", mode: "math", body: group([letter])}, sign])
}

function script({parser, funcName, token}, [argument]) {
  return {type: "font", mode: parser.mode, font: funcName.slice(1), body: capitals(funcName, without(argument), token)}
}

function scriptFromHere({parser, funcName, token, breakOnTokenText}) {
  parser.consumeSpaces()
  const body = {type: "ordgroup", mode: parser.mode, body: parser.parseExpression(true, breakOnTokenText)}
  return {type: "font", mode: parser.mode, font: "mathcal", body: capitals(funcName, body, token)}
}

function capitals(name, body, token) {
  return each(body, node => {
    const isWrong = isLetter(node) && SMALL.test(node.text)
    if (isWrong) throw new katex.ParseError(`${name} is set of capital letters only, and here of ${node.text}`, token)
    return node
  })
}

// What is in another font stays as it is in KaTeX, and is bold in MathJax.
function bold({token}, [argument]) {
  const [made] = argument.body
  const refuse = what => { throw new katex.ParseError(`\\boldsymbol of ${what} cannot be set`, token) }
  each(made, node => {
    if (node.type === "font" && !BOLD_AS_THEY_ARE.has(node.font)) refuse(`\\${node.font}`)
    if (node.type === "op" && node.symbol) refuse(node.name)
    if (node.type === "operatorname") refuse("\\operatorname")
    return node
  }, node => node.type === "font" && node.font === "boldsymbol")
  return made
}

function isLetter(node) {
  return node.type === "mathord" || node.type === "textord"
}

function without(argument) {
  return argument.type === "ordgroup" && argument.body.length === 1 ? argument.body[0] : argument
}

// Replaces the nodes of a tree, but for words and what is in a font of its own.
function each(node, replaced, isPassed = () => false) {
  if (Array.isArray(node)) return node.map(inner => each(inner, replaced, isPassed))
  if (!node || typeof node !== "object" || typeof node.type !== "string") return node
  const made = replaced(node)
  const isClosed = made !== node || ["text", "operatorname"].includes(node.type) || (node.type === "font" && !isPassed(node))
  if (isClosed) return made
  for (const [key, inner] of Object.entries(node)) {
    if (key !== "loc" && inner && typeof inner === "object") node[key] = each(inner, replaced, isPassed)
  }
  return node
}
