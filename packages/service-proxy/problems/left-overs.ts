/** What another service proxy left behind on the node: said once for each interface, and a condition for as long as it is there. */
import { type Condition, condition } from '@podroute/feature/condition.ts'
import type { LeftOver } from '@podroute/kernel/addresses/host-addresses.ts'

export class LeftOvers {
  readonly #say: (detail: string) => void
  #details: ReadonlyMap<string, string> = new Map()

  constructor(say: (detail: string) => void) {
    this.#say = say
  }

  /** Those that there are now. */
  found(leftOvers: readonly LeftOver[]): void {
    const before = this.#details
    this.#details = new Map(leftOvers.map((leftOver) => [leftOver.interface, detailOf(leftOver)]))
    for (const [name, detail] of this.#details) if (!before.has(name)) this.#say(detail)
  }

  /** Services work all the same. */
  condition(): Condition {
    const details = [...this.#details.values()]
    return { ...condition('other service proxies', details.join('; ') || undefined), advisory: true }
  }
}

function detailOf({ interface: name, program, addresses }: LeftOver): string {
  const held = addresses.length === 1 ? '1 address' : `${addresses.length} addresses`
  return `${name} of ${program} is still there, with ${held} of Services, which do not count as the node's: end ${program} on this node, then "ip link delete ${name}"`
}
