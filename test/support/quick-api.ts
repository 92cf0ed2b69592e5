/** The API server by one open door, for tests that measure: kubectl takes longer to start than what is measured. */
import { request } from 'node:http'
import { join } from 'node:path'
import { buildControlPlane } from '../../lab/control-plane/build.ts'
import type { Processes } from '../../lab/processes.ts'
import { eventually } from './eventually.ts'

export interface Door {
  readonly directory: string
  /** Namespace in which the API server is reached. */
  readonly network: string
  readonly kubeconfig: string
  readonly processes: Processes
}

export class QuickApi {
  readonly #socket: string

  private constructor(socket: string) {
    this.#socket = socket
  }

  /** Sockets in the file system belong to no network namespace. */
  static async open({ directory, network, kubeconfig, processes }: Door): Promise<QuickApi> {
    const socket = join(directory, 'api.sock')
    const program = join(await buildControlPlane(), 'kubectl')
    const command = [program, `--kubeconfig=${kubeconfig}`, 'proxy', `--unix-socket=${socket}`]
    await processes.start('api-door', command, { netns: network })
    const api = new QuickApi(socket)
    await eventually(() => api.#send('GET', '/readyz').catch(() => undefined))
    return api
  }

  /** Resolves when the API server has it. */
  async create(path: string, object: object): Promise<void> {
    await this.#send('POST', path, object)
  }

  async replace(path: string, object: object): Promise<void> {
    await this.#send('PUT', path, object)
  }

  /** A merge patch. */
  async patch(path: string, change: object): Promise<void> {
    await this.#send('PATCH', path, change, 'application/merge-patch+json')
  }

  async delete(path: string): Promise<void> {
    await this.#send('DELETE', path)
  }

  #send(method: string, path: string, body?: object, type = 'application/json'): Promise<string> {
    return new Promise((resolve, reject) => {
      const headers = { host: 'localhost', 'content-type': type }
      const sent = request({ socketPath: this.#socket, method, path, headers }, (answer) => {
        let text = ''
        answer.setEncoding('utf8').on('data', (more: string) => (text += more))
        answer.on('end', () => {
          if (answer.statusCode! < 300) resolve(text)
          else reject(new Error(`${method} ${path}: ${answer.statusCode} ${text}`))
        })
      })
      sent.on('error', reject)
      sent.end(body && JSON.stringify(body))
    })
  }
}
