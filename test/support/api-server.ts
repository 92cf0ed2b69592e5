/** A real API server and no nodes, for tests that talk to it from this process: it listens in a namespace of its own. */

import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { KubeConfig } from '@kubernetes/client-node/dist/config.js'
import { type ApiClient, createApiClient } from '@podroute/cluster/api/client.ts'
import { createNetns, removeNetns } from '@podroute/linux/netns.ts'
import { run } from '../../lab/command.ts'
import { type ControlPlane, startControlPlane } from '../../lab/control-plane/start.ts'
import { Processes } from '../../lab/processes.ts'
import { eventually } from './eventually.ts'

/** Hands connections of a unix socket on to the API server, in whose namespace it runs: such a socket is of no namespace. */
const FORWARD = `const net = require('node:net')
net.createServer((from) => {
  const to = net.connect(6443, '127.0.0.1')
  from.pipe(to).pipe(from)
  for (const [one, other] of [[from, to], [to, from]]) one.on('error', () => other.destroy())
}).listen(process.argv[1])`

export interface TestApiServer extends AsyncDisposable {
  readonly control: ControlPlane
  /** With all rights. */
  readonly client: ApiClient
}

/** @param name tells test files apart */
export async function startApiServer(name: string): Promise<TestApiServer> {
  const directory = await mkdtemp(join(tmpdir(), 'podroute-api-'))
  const processes = new Processes(directory, true)
  const netns = `pr-api-${name}`
  let local: Server | undefined
  const dispose = async () => {
    local?.close()
    await processes.stop()
    removeNetns(netns)
    await rm(directory, { recursive: true, force: true })
  }
  try {
    createNetns(netns)
    await run('ip', ['-n', netns, 'link', 'set', 'lo', 'up'])
    const control = await startControlPlane({ directory: join(directory, 'kubernetes'), processes, netns })
    const socket = join(directory, 'api.sock')
    await processes.start('forward', [process.execPath, '-e', FORWARD, socket], { netns })
    local = createServer((from) => {
      const to = connect(socket)
      from.pipe(to).pipe(from)
      from.on('error', () => to.destroy())
      to.on('error', () => from.destroy())
    })
    local.listen(0, '127.0.0.1')
    await once(local, 'listening')
    const { port } = local.address() as AddressInfo
    const text = await readFile(control.kubeconfig, 'utf8')
    const config = new KubeConfig()
    config.loadFromString(text.replace(':6443', `:${port}`))
    const client = createApiClient(config)
    await eventually(() => client.getJson('/api/v1/namespaces/default', {}, new AbortController().signal))
    return { control, client, [Symbol.asyncDispose]: dispose }
  } catch (error) {
    await dispose()
    throw error
  }
}
