// What a rate, a decay and a momentum come to: snippets/calculator.py once more, as an element
// <rate-and-decay> for a page. The tests hold the two equal; it asks nobody for anything.
//
// No `type="module"`: that waits for the whole page, which would move when the element appears. One
// name is left behind, and a page that is visited again finds it.

globalThis.rateAndDecay ??= (() => {

const FLOAT32 = (2 - 2 ** -23) * 2 ** 127, FP16 = 65504 // their largest numbers

class Refused extends Error {}

function sgd(rate, decay, momentum) {
  const x = product(rate, decay, momentum), gap = 1 - Math.sqrt(momentum)
  if (x >= gap * gap)
    throw new Refused(`Rate times decay is ${short(x)}, and must be below (1 − √momentum)² = ` +
      `${short(gap * gap)}: beyond that, no run without decay computes the same.`)
  const total = 1 - momentum + x
  const lost = 2 * x / (total + Math.sqrt(Math.max(0, total * total - 4 * x))) // 1 − α
  const [gain, angle] = balance(x, momentum, 1 - momentum)
  return {
    root: 1 - lost, norm: Math.sqrt(rate) * Math.sqrt(Math.sqrt(gain)), angle,
    forgets: -1 / Math.log1p(-lost), settles: settling(x, momentum, 1 - momentum),
    ...ends(lost, 2, rate),
  }
}

function adamw(rate, decay, momentum) {
  const x = product(rate, decay, momentum)
  if (x >= 1)
    throw new Refused(`Rate times decay is ${short(x)}, and must be below 1: a step would take ` +
      "off all weights.")
  const [gain, angle] = balance(x * (1 - momentum), (1 - x) * momentum, 1 - momentum + x * momentum)
  const forgets = -1 / (1 - x > momentum ? Math.log1p(-x) : Math.log(momentum))
  return {
    root: 1 - x, norm: rate * (1 - momentum) * Math.sqrt(gain), angle,
    forgets, settles: forgets / 2, ...ends(x, 1, rate),
  }
}

function product(rate, decay, momentum) {
  for (const [name, value] of [["rate", rate], ["decay", decay]])
    if (!(1e-30 <= value && value <= 1e30))
      throw new Refused(`The ${name} must be a number from 1e-30 to 1e30.`)
  if (!(0 <= momentum && momentum < 1))
    throw new Refused("The momentum must be a number of at least 0 and below 1.")
  return rate * decay
}

function balance(missing, q, rest) {
  const gain = (1 + q) / (rest * missing * (2 * (1 + q) - missing))
  return [gain, 2 * Math.asin(Math.sqrt(missing / (2 * (1 + q))))]
}

function settling(missing, q, rest) {
  const lost = missing * (2 * (1 + q) - missing), push = rest * lost / (1 + q)
  const b = rest * (2 + q) + lost + push
  const c = rest * rest * (1 + q) + (2 - q) * lost + (2 + q) * push
  const d = 2 * rest * lost
  let low = 0, high = b + 1
  for (let i = 0; i < 300; i++) {
    const w = (low + high) / 2
    if (((w - b) * w + c) * w < d) low = w
    else high = w
  }
  const others = d / high
  const total = high * high > others ? (c - others) / high : b - high
  const square = total * total - 4 * others
  if (square < 0) return -1 / Math.max(log(high), Math.log1p(others - total) / 2)
  const larger = (total + Math.sqrt(square)) / 2
  return -1 / Math.max(log(high), log(larger), log(others / larger))
}

function log(w) {
  if (w === 1) return -Infinity
  return w < 1 ? Math.log1p(-w) : Math.log(w - 1)
}

function ends(lost, power, rate) {
  const growth = -Math.log1p(-lost)
  const first = t => Math.max(0, Math.floor(t) + 1)
  const rates = [FLOAT32, FP16].map(most => first((Math.log(most / rate) / growth - 1) / power))
  const weights = [FLOAT32, FP16].map(most => first(Math.log(most) / growth))
  return {
    rate_float32: rates[0], rate_fp16: rates[1],
    weights_float32: weights[0], weights_fp16: weights[1],
  }
}

// ---------------------------------------------------------------------------------------------
// What a reader writes into the fields, and what the page answers.

const short = number => String(Number(number.toPrecision(4)))
const steps = number =>
  100 <= number && number < 1e6 ? Math.round(number).toLocaleString("en") : short(number)
const NUMBER = /^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i

function read(name, text) {
  if (!text.trim()) throw new Refused(`The ${name} is empty: write a number, such as 0.1 or 3e-4.`)
  if (!NUMBER.test(text)) throw new Refused(`The ${name} is no number: write it like 0.1 or 3e-4.`)
  return Number(text)
}

// Return rows of a label and a value; an Error says in a sentence what cannot be.
function answer(kind, texts) {
  const [rate, decay, momentum, last, factor] =
    ["rate", "decay", "momentum", "steps", "factor"].map(name => read(name, texts[name]))
  const found = (kind === "AdamW" ? adamw : sgd)(rate, decay, momentum)
  if (!(1 <= last && last <= 1e15)) throw new Refused("The steps must be a number from 1 to 1e15.")
  if (!(1e-6 <= factor && factor <= 1e6))
    throw new Refused("The factor must be a number from 1e-6 to 1e6.")
  const longer = kind === "AdamW" ? factor : Math.sqrt(factor)
  return [
    ["Rate times decay", short(rate * decay)],
    ["α, what decay leaves of the weights per step", found.root.toPrecision(10)],
    [kind === "AdamW" ? "Norm over √d in equilibrium" : "Norm over √G in equilibrium", short(found.norm)],
    ["Angle of a step", `${short(found.angle * 180 / Math.PI)}°`],
    ["Steps in which the direction forgets", steps(found.forgets)],
    ["… how often in all steps", short(last / found.forgets)],
    ["Steps in which the norm settles", steps(found.settles)],
    ["… how often in all steps", short(last / found.settles)],
    ["Without decay, the rate leaves float32 at step", steps(found.rate_float32)],
    ["… and fp16", steps(found.rate_fp16)],
    ["Without decay, a weight of size 1 leaves float32 at step", steps(found.weights_float32)],
    ["… and fp16", steps(found.weights_fp16)],
    [`At ${short(factor)} times the rate, the decay that keeps the rotation`, short(decay / factor)],
    ["… with a norm that is so many times as long", short(longer)],
  ]
}

const FIELDS = [
  ["rate", "Rate η", "0.1"], ["decay", "Decay λ", "5e-4"], ["momentum", "Momentum γ, or β₁", "0.9"],
  ["steps", "Steps", "78000"], ["factor", "Rate times …", "2"],
]
const LOOK = `
  rate-and-decay { display: block }
  rate-and-decay form { display: grid; gap: .6rem; grid-template-columns: repeat(auto-fill, minmax(8.5rem, 1fr)) }
  rate-and-decay label { display: block; font-size: .7rem }
  rate-and-decay :is(input, select) { background: var(--md-default-bg-color); border: 1px solid currentcolor;
    border-radius: .1rem; box-sizing: border-box; color: inherit; display: block; font: inherit; padding: .3rem; width: 100% }
  rate-and-decay :is(input, select):focus-visible { outline: 2px solid var(--md-typeset-a-color); outline-offset: 1px }
  .md-typeset rate-and-decay tbody th { border-top: .05rem solid var(--md-typeset-table-color); font-weight: 400 }
  .md-typeset rate-and-decay td { text-align: right; white-space: nowrap }
`

function made(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties)
  element.append(...children)
  return element
}

if (globalThis.customElements)
  customElements.define("rate-and-decay", class extends HTMLElement {
    connectedCallback() {
      const options = ["SGD", "AdamW"].map(name => made("option", {}, name))
      const kind = made("select", { name: "optimizer" }, ...options)
      const inputs = FIELDS.map(([name, , value]) =>
        made("input", { name, value, inputMode: "decimal", autocomplete: "off", spellcheck: false }))
      const labels = FIELDS.map(([, label], i) => made("label", {}, label, inputs[i]))
      const form = made("form", {}, made("label", {}, "Optimizer", kind), ...labels)
      const said = made("p", { role: "status" })
      const rows = made("tbody", {})
      const table = made("table", {}, made("caption", {}, "What these settings come to"), rows)
      const show = () => {
        const texts = Object.fromEntries(inputs.map(input => [input.name, input.value]))
        try {
          const found = answer(kind.value, texts)
          rows.replaceChildren(...found.map(([label, value]) =>
            made("tr", {}, made("th", { scope: "row" }, label), made("td", {}, value))))
          said.textContent = ""
          table.hidden = false
        } catch (error) {
          if (!(error instanceof Refused)) throw error
          rows.replaceChildren()
          table.hidden = true
          said.textContent = error.message
        }
      }
      form.addEventListener("input", show)
      form.addEventListener("submit", event => event.preventDefault())
      this.replaceChildren(made("style", {}, LOOK), form, said, table)
      show()
    }
  })

return { sgd, adamw, answer }

})()
