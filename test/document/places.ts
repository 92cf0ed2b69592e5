/** Where commands of docs/lab.md run: the machine of the control plane, and the nodes; and what stands for a person's tools there. */
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { API_ADDRESS, LAB_NAMESPACE } from '../../lab/addresses.ts'
import { attempt, type CommandResult } from '../../lab/command.ts'
import { NODE_ENVIRONMENT, nodeFiles, runOnNode, SYSTEM_PATH } from '../../lab/node/node.ts'
import { STATE } from '../../lab/state.ts'
import type { Block } from './blocks.ts'

export const TOP = new URL('../..', import.meta.url).pathname

export interface PlacesOptions {
  readonly directory: string
  /** Folder of the Kubernetes programs. */
  readonly programs: string
  /** Of the container engine. */
  readonly dockerHost: string
}

export class Places {
  readonly #options: PlacesOptions
  /** Variables that blocks have exported on the control plane's machine. */
  readonly #exports: string

  constructor(options: PlacesOptions) {
    this.#options = options
    this.#exports = join(options.directory, 'exports')
  }

  /** Programs that a person has, and this machine has otherwise. */
  async prepare(): Promise<void> {
    const { directory, programs } = this.#options
    const bin = join(directory, 'bin')
    await mkdir(bin)
    const program = async (name: string, text: string) => {
      await writeFile(join(bin, name), `#!/bin/sh\n${text}\n`)
      await chmod(join(bin, name), 0o755)
    }
    // Debian 12 has Compose as a program of its own.
    await program(
      'docker',
      `if [ "$1" = compose ]; then shift; exec docker-compose "$@"; fi\nexec /usr/bin/docker "$@"`,
    )
    await program('kubectl', `exec ${join(programs, 'kubectl')} "$@"`)
    // scp FILE… NODE: what a node sees in its folder.
    const folder = nodeFiles(STATE, '$node')
    await program(
      'scp',
      `for node; do :; done; node=\${node%:}\nfor file; do [ "$file" = "$node:" ] || cp "$file" "${folder}/"; done`,
    )
    await writeFile(this.#exports, '')
  }

  run(block: Block): Promise<CommandResult> {
    return block.place === 'control' ? this.#onControl(block) : this.#onNode(block)
  }

  #onControl({ commands }: Block): Promise<CommandResult> {
    const { directory, dockerHost } = this.#options
    const script = `set -e -o pipefail\n. ${this.#exports}\n${commands}\nexport -p > ${this.#exports}`
    return attempt('nsenter', [`--net=/run/netns/${LAB_NAMESPACE}`, 'bash', '-c', script], {
      cwd: TOP,
      env: {
        PATH: `${join(directory, 'bin')}:${SYSTEM_PATH}`,
        DOCKER_HOST: dockerHost,
        // The namespace has no way to the rest of the world, by which the control plane would find its address.
        API_ADDRESS,
      },
      timeout: 150_000,
    })
  }

  #onNode({ place, commands, foreground }: Block): Promise<CommandResult> {
    const files = nodeFiles(STATE, place)
    const detached = `setsid ${commands} </dev/null >/var/log/kubelet.log 2>&1 &`
    return runOnNode(STATE, place, foreground ? detached : commands, {
      cwd: files,
      env: { ...NODE_ENVIRONMENT, PATH: `${this.#options.programs}:${SYSTEM_PATH}` },
      timeout: 120_000,
    })
  }
}

export function readDocument(name: string): Promise<string> {
  return readFile(join(TOP, 'docs', name), 'utf8')
}
