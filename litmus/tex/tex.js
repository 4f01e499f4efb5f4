// Sets many formulas in one call. Definitions are TeX; what a formula defines stays in it.
const common = {}
const REFUSED_ARGUMENTS = new Set(["*", "[", "}", "&", "\\\\", "EOF"])
const ENDS = new Set(["}", "&", "\\\\", "\\cr", "\\right", "\\end", "EOF"])

function define(definitions, macros) {
  const options = {macros, globalGroup: true, strict: "ignore", throwOnError: true}
  katex.renderToString(definitions, options)
  return macros
}

function set({tex, display, definitions}) {
  try {
    const macros = define(definitions, {...common})
    const options = {displayMode: display, macros, strict: "ignore", maxExpand: 1000, maxSize: 100}
    return {html: katex.renderToString(tex, {...options, trust})}
  } catch (error) {
    return {error: error.rawMessage || error.message, position: error.position ?? null}
  }
}

// KaTeX would show the names of such commands in red, and go on.
function trust({command}) {
  throw new katex.ParseError(`${command} cannot be set`)
}

// Lets formulas use commands, by their forms; `required` are those that a \require brings.
function know(commands, required) {
  Object.assign(common, readers(commands), {"\\@whole": whole, "\\boldsymbol": heldBold, "\\bm": heldBold})
  for (const name of ["\\Braket", "\\Set"]) common[name] = context => singleBars(context, name)
  const read = common["\\require"]
  common["\\require"] = context => {
    context.consumeSpaces()
    const name = context.future().text === "{" ? argument(context) : null
    if (name) again(context, [name])
    const brought = readers(required[name && text(name).replace(/^\[tex\]\//, "")] ?? {})
    for (const [command, reader] of Object.entries(brought)) {
      const isOurs = context.macros.current[command] === common[command] // else its author's own
      if (isOurs) context.macros.set(command, reader, true)
    }
    return read(context)
  }
}

function readers(commands) {
  const made = Object.entries(commands).map(([name, [form, meaning]]) => {
    return [name, reader(name, form.split(" ").filter(Boolean), meaning)]
  })
  return Object.fromEntries(made)
}

// Reads what follows a command, and gives it back to KaTeX if the command has that form.
function reader(name, form, meaning) {
  return context => {
    const given = []
    for (const word of form) {
      const next = following(context)
      if (!fits(word, next)) refuse(name, form, next, context)
      if (word === "end" || (word[0] === "!" && word.length > 1)) continue
      given.push(argument(context, word[0] === ">" ? [word.slice(1)] : undefined))
      const isWrong = word === "letters" && given.at(-1).some(({text}) => !/^[A-Za-z0-9\s]$/.test(text))
      if (isWrong) refuse(name, form, "something else", context)
      if (word === "-") given.pop()
    }
    again(context, given)
    return meaning ?? itself(context, name)
  }
}

function fits(word, next) {
  if (word === "never") return false
  if (word === "end") return ENDS.has(next)
  if (word === "{}" || word === "-") return next === "{"
  if (word[0] === "!") return next !== word.slice(1)
  return word[0] === ">" || !REFUSED_ARGUMENTS.has(next)
}

function refuse(name, form, next, context) {
  const what = next === "EOF" ? "the formula ends" : `${next} follows`
  const known = form.map(word => ({"{}": "{…}", "-": "{…}", ".": "{…}", letters: "{letters}"})[word] ??
    (word[0] === ">" ? ` … ${word.slice(1)} ` : "")).join("")
  const why = `is set in the form ${name}${known} only, and here ${what}`
  throw new katex.ParseError(`${name} ${form[0] === "never" ? "cannot be set" : why}`, context.future())
}

function following(context) {
  context.consumeSpaces()
  return context.future().text
}

function argument(context, ending) {
  return context.consumeArg(ending).tokens
}

function again(context, given) {
  for (const tokens of given.reverse()) {
    context.pushToken(token(context, "}"))
    context.pushTokens(tokens)
    context.pushToken(token(context, "{"))
  }
}

function token(context, text) {
  const like = context.future()
  return Object.assign(Object.create(Object.getPrototypeOf(like)), {text, loc: like.loc})
}

// KaTeX's own command of a name, which its reader must not read again.
function itself(context, name) {
  return {tokens: [Object.assign(token(context, name), {noexpand: true})], numArgs: 0}
}

function text(tokens) {
  return [...tokens].reverse().map(({text}) => text).join("").trim()
}

// \boldsymbol within what looks at the letters that it makes bold.
function heldBold(context) {
  const tokens = argument(context)
  context.pushToken(token(context, "}"))
  again(context, [tokens])
  context.pushTokens(itself(context, "\\boldsymbol").tokens)
  context.pushToken(token(context, "{"))
  return {tokens: [token(context, "\\@bold")], numArgs: 0}
}

// Of two bars KaTeX would show one.
function singleBars(context, name) {
  const tokens = argument(context)
  if (text(tokens).includes("||")) throw new katex.ParseError(`${name} with || cannot be set`, context.future())
  again(context, [tokens])
  return context.macros.builtins[name]
}

// One sign as it is, with the spaces around it; more as one thing, for what is above and below it.
function whole(context) {
  const tokens = argument(context)
  if (tokens.length === 1) return {tokens, numArgs: 0}
  again(context, [tokens])
  return {tokens: [], numArgs: 0}
}
