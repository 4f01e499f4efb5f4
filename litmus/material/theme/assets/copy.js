// The button that copies a block of code. Material's own puts each into a landmark without a name.
addEventListener("click", async (event) => {
  const button = event.target.closest?.("button.copy")
  if (!button) return
  await navigator.clipboard.writeText(button.parentElement.querySelector("code").textContent)
  const label = button.textContent
  button.textContent = "copied"
  setTimeout(() => { button.textContent = label }, 1500)
})
