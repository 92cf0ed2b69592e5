/** Kernel parameters in memory: those that it was made with, and no other, can be written. */
import type { SysctlApi } from '../kernel.ts'
import { FakeError } from './fake-error.ts'

export class FakeSysctls implements SysctlApi {
  /** The state itself; tests change it behind everybody's back. */
  readonly values: Map<string, string>
  /** What was written, in order: `net/ipv4/ip_forward=1`. */
  readonly writes: string[] = []

  constructor(values: Readonly<Record<string, string>>) {
    this.values = new Map(Object.entries(values))
  }

  read(name: string): string | undefined {
    return this.values.get(name)
  }

  write(name: string, value: string): void {
    if (!this.values.has(name)) throw new FakeError('ENOENT')
    this.writes.push(`${name}=${value}`)
    this.values.set(name, value)
  }
}
