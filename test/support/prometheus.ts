/** Debian's Prometheus with deploy/observability/prometheus.yaml, but for who asks the API server: it is built without that, and reads a file of targets. */
import { readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { expect } from 'chai'
import { parse, stringify } from 'yaml'
import { attempt } from '../../lab/command.ts'
import type { AgentCluster } from './agent-cluster.ts'

const FOLDER = resolve(import.meta.dirname, '../../deploy/observability')
export const ALERTS = join(FOLDER, 'alerts.yaml')
export const CONFIGURATION = join(FOLDER, 'prometheus.yaml')
const PORT = 19_090

interface Reply {
  readonly result?: readonly { readonly metric: Readonly<Record<string, string>> }[]
  readonly groups?: readonly { readonly rules: readonly { readonly health: string }[] }[]
}

/** Of `kubernetes_sd_configs`. */
export interface Discovery {
  readonly role: string
  readonly namespaces: { readonly names: readonly string[] }
  readonly selectors: readonly { readonly role: string; readonly label: string }[]
}

export async function shippedDiscovery(): Promise<readonly Discovery[]> {
  return parse(await readFile(CONFIGURATION, 'utf8')).scrape_configs[0].kubernetes_sd_configs
}

export class Prometheus {
  readonly #cluster: AgentCluster

  private constructor(cluster: AgentCluster) {
    this.#cluster = cluster
  }

  /** Beside the control plane. @param targets file of `file_sd_configs` */
  static async start(cluster: AgentCluster, targets: string): Promise<Prometheus> {
    const config = parse(await readFile(CONFIGURATION, 'utf8'))
    const [{ kubernetes_sd_configs: _, ...job }] = config.scrape_configs
    const file = join(cluster.directory, 'prometheus.yaml')
    const made = {
      global: { scrape_interval: '1s', evaluation_interval: '1s' },
      rule_files: [ALERTS],
      scrape_configs: [{ ...job, file_sd_configs: [{ files: [targets], refresh_interval: '1s' }] }],
    }
    await writeFile(file, stringify(made))
    const checked = await attempt('promtool', ['check', 'config', file])
    expect(checked.code, checked.stderr).to.equal(0)
    const storage = `--storage.tsdb.path=${join(cluster.directory, 'prometheus')}`
    const program = ['prometheus', `--config.file=${file}`, storage]
    await cluster.processes.start('prometheus', [...program, `--web.listen-address=127.0.0.1:${PORT}`], {
      netns: cluster.network,
    })
    return new Prometheus(cluster)
  }

  async api(path: string): Promise<Reply> {
    const url = `http://127.0.0.1:${PORT}/api/v1/${path}`
    const { status, data } = JSON.parse(await this.#cluster.inNetwork('curl', '-s', url)) as {
      status: string
      data: Reply
    }
    expect(status, path).to.equal('success')
    return data
  }

  async query(expr: string) {
    return (await this.api(`query?query=${encodeURIComponent(expr)}`)).result!
  }
}
