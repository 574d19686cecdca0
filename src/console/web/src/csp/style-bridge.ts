/**
 * Lets libraries style their parts under a policy without `unsafe-inline`.
 *
 * The terminal and the code editor make `<style>` elements and set `style` attributes while they run, which the policy forbids.
 * Sheets that a script constructs, and properties that it sets, are allowed: so a `<style>` element that a script makes becomes a
 * constructed sheet, and a `style` attribute becomes properties. Must run before any library does.
 */
export function bridgeStyles(page: Document): void {
  const make = page.createElement.bind(page) as (name: string, options?: ElementCreationOptions) => HTMLElement
  page.createElement = ((name: string, options?: ElementCreationOptions) =>
    String(name).toLowerCase() === 'style' ? styleElement(page, make('template')) : make(name, options)) as typeof page.createElement
  const setAttribute = Element.prototype.setAttribute
  Element.prototype.setAttribute = function (this: Element, name: string, value: string) {
    if (name === 'style' && this instanceof HTMLElement) this.style.cssText = value
    else setAttribute.call(this, name, value)
  }
}

/** An inert element that feeds a constructed sheet with whatever is written into it. */
function styleElement(page: Document, element: HTMLElement): HTMLElement {
  const sheet = new CSSStyleSheet()
  const adopted = page.adoptedStyleSheets
  let text = ''
  const adopt = () => {
    if (!adopted.includes(sheet)) adopted.push(sheet)
  }
  const write = (value: string) => {
    text = value
    sheet.replaceSync(value)
    adopt()
  }
  for (const key of ['textContent', 'innerHTML', 'innerText'] as const) {
    Object.defineProperty(element, key, { get: () => text, set: (value: unknown) => write(String(value)) })
  }
  Object.defineProperty(element, 'sheet', {
    get: () => {
      adopt()
      return sheet
    },
  })
  const append = element.appendChild.bind(element)
  element.appendChild = ((node: Node) => {
    if (node.nodeType !== Node.TEXT_NODE) return append(node)
    write(text + node.nodeValue)
    return node
  }) as typeof element.appendChild
  const remove = element.remove.bind(element)
  element.remove = () => {
    const at = adopted.indexOf(sheet)
    if (at >= 0) adopted.splice(at, 1)
    remove()
  }
  return element
}
