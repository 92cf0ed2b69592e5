// iptables and iptables-restore on the fake machine: the nat table as its lines, as `iptables -S` prints them.

import type { ChildResult } from '../system.ts'
import type { FakeMachine } from './fake-system.ts'

const DIRECTORY = '/usr/sbin'

export class FakeIptables {
  private chains = new Map<string, string[]>(
    ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'].map((name) => [name, []]),
  )

  /** Puts the two programs on the machine under the names of one family. */
  constructor(machine: FakeMachine, program: 'iptables' | 'ip6tables') {
    for (const name of [program, `${program}-restore`]) machine.files.write(`${DIRECTORY}/${name}`, '', 0o755)
    machine.programs.set(`${DIRECTORY}/${program}`, () => this.answer(this.list()))
    machine.programs.set(`${DIRECTORY}/${program}-restore`, (_args, input) => this.restore(input))
  }

  list(): string[] {
    const names = [...this.chains.keys()].filter((name) => name.startsWith('CNI'))
    return [...names.map((name) => `-N ${name}`), ...[...this.chains.values()].flat()]
  }

  private answer(lines: readonly string[]): ChildResult {
    return { status: 0, output: `${lines.join('\n')}\n`, error: '' }
  }

  private chain(name: string): string[] {
    const chain = this.chains.get(name)
    if (chain === undefined) throw new Error(`no chain ${name}`)
    return chain
  }

  /** All lines or none. */
  private restore(input: string): ChildResult {
    const before = structuredClone(this.chains)
    try {
      for (const line of input.trim().split('\n').slice(1, -1)) this.apply(line)
      return this.answer([])
    } catch (error) {
      this.chains = before
      return { status: 1, output: '', error: `${error}` }
    }
  }

  private apply(line: string): void {
    const [command, name] = line.split(' ') as [string, string]
    if (command.startsWith(':')) this.chains.set(command.slice(1), [])
    else if (command === '-A') this.chain(name).push(line)
    else if (command === '-I') this.chain(name).unshift(`-A ${name}${line.slice(`-I ${name} 1`.length)}`)
    else if (command === '-F') this.chain(name).splice(0)
    else if (command === '-X') this.chains.delete(name)
    else if (command === '-D') this.remove(this.chain(name), `-A${line.slice(2)}`)
    else throw new Error(`unknown line ${line}`)
  }

  private remove(chain: string[], rule: string): void {
    const at = chain.indexOf(rule)
    if (at < 0) throw new Error(`no rule ${rule}`)
    chain.splice(at, 1)
  }
}
