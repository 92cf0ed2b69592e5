/** Elements of the page. Text is always text: what objects of the cluster are called is never taken for HTML. */

type Child = Node | string | undefined

export interface Attributes {
  readonly class?: string
  readonly [name: string]: string | boolean | ((event: Event) => void) | undefined
}

/** Functions are listeners of the event that they are named after. */
export function h<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(key, value)
    else if (value === true) element.setAttribute(key, '')
    else if (typeof value === 'string') element.setAttribute(key, value)
  }
  element.append(...children.filter((child) => child !== undefined))
  return element
}

export function dot(): HTMLElement {
  return h('span', { class: 'dot', 'aria-hidden': 'true' })
}

/** Writes only what is different: a table that is shown anew every second costs nothing while it stays the same. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text
}

export function setAttribute(element: Element, name: string, value: string): void {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value)
}
