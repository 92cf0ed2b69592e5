/** When the CNI configuration is written, and what is in it: its table wants one file, or none yet. */
import type { ClusterNode } from '@podroute/cluster/objects/node.ts'
import type { Logger } from '@podroute/reconcile/log.ts'
import type { Table } from '@podroute/reconcile/table.ts'
import type { PodNetworkSettings } from '../settings.ts'
import { planConflist } from './conflist.ts'
import { type InterfaceState, mtuOf } from './host-interfaces.ts'

export interface ConflistWriterOptions {
  readonly table: Pick<Table<string, string>, 'desired' | 'acknowledged' | 'set' | 'delete'>
  readonly log: Logger
  settings(): PodNetworkSettings
  interfaces(): InterfaceState
  /** What others have the plugin `bridge` do. */
  pluginFields(): Readonly<Record<string, unknown>>
}

export class ConflistWriter {
  readonly #options: ConflistWriterOptions

  constructor(options: ConflistWriterOptions) {
    this.#options = options
  }

  /** Whether another file, or another text, is wanted now. */
  differs(local: ClusterNode): boolean {
    const { table, settings } = this.#options
    const wanted = table.desired()
    if (!settings().cni) return wanted.size > 0 || table.acknowledged(settings().conflist) !== undefined
    return wanted.size !== 1 || wanted.get(this.#options.settings().conflist) !== this.#text(local)
  }

  /** Wants the file as it is to be now, and no other one; none where another plugin gives pods their network, and not one of before. */
  plan(local: ClusterNode): void {
    const { table, log, settings } = this.#options
    const path = settings().conflist
    if (!settings().cni) {
      for (const known of [...table.desired().keys(), path]) table.delete(known)
      return
    }
    log.info('the CNI configuration is written', { path })
    table.set(path, this.#text(local))
    for (const other of table.desired().keys()) if (other !== path) table.delete(other)
  }

  #text(local: ClusterNode): string {
    const settings = this.#options.settings()
    const mtu = mtuOf(local, settings, this.#options.interfaces())
    return planConflist(local, mtu, settings, this.#options.pluginFields())
  }
}
