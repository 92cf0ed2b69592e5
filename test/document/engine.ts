/** A container engine with images under upstream's names and no registry; its "host" network is that of the namespace that it runs in. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { attempt, run } from '../../lab/command.ts'
import { readCompose } from '../../lab/control-plane/compose.ts'
import { CONTROL_PLANE } from '../../lab/control-plane/start.ts'
import { buildBase } from '../../lab/images/base.ts'
import type { Processes } from '../../lab/processes.ts'
import { eventually } from '../support/eventually.ts'
import { FRR_IMAGE, FRR_START, frrArchive } from './frr-image.ts'

/** Debian's client: another one may come first in the PATH. */
const CLIENT = '/usr/bin/docker'
const BASE_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

export class Engine implements AsyncDisposable {
  readonly #directory: string
  readonly #processes: Processes

  private constructor(directory: string, processes: Processes) {
    this.#directory = directory
    this.#processes = processes
  }

  get host(): string {
    return `unix://${join(this.#directory, 'docker.sock')}`
  }

  /** @param netns absent: the machine's own network */
  static async start(processes: Processes, netns?: string): Promise<Engine> {
    const engine = new Engine(await mkdtemp('/var/tmp/podroute-engine-'), processes)
    try {
      await engine.#start(netns)
      return engine
    } catch (error) {
      await engine[Symbol.asyncDispose]()
      throw error
    }
  }

  /**
   * The images of docs/lab.md.
   *
   * @param programs folder of the Kubernetes programs
   */
  async importLab(programs: string): Promise<void> {
    await this.#importPrograms(programs)
    await this.#importNode()
    await this.#importRouter()
  }

  docker(args: readonly string[]): Promise<string> {
    return run(CLIENT, ['-H', this.host, ...args])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const running = (await this.docker(['ps', '-q']).catch(() => '')).split('\n').filter(Boolean)
    if (running.length > 0) await this.docker(['rm', '-f', ...running]).catch(() => {})
    await this.#stop()
    await attempt('umount', [join(this.#directory, 'exec', 'netns', 'default')])
    // The engine makes a mount of its own of it.
    await attempt('umount', ['-R', join(this.#directory, 'data')])
    await rm(this.#directory, { recursive: true, force: true })
    await attempt('find', ['/sys/fs/cgroup', '-depth', '-name', 'docker', '-type', 'd', '-empty', '-delete'])
  }

  /** By its own signal, so that it unmounts what it has mounted and ends its containerd. */
  async #stop(): Promise<void> {
    const pid = await readFile(join(this.#directory, 'pid'), 'utf8').catch(() => '')
    if (pid !== '') process.kill(Number(pid), 'SIGTERM')
    await eventually(() => !this.#processes.isRunning('engine'), 20_000).catch(() => {})
    await this.#processes.stop((name) => name === 'engine')
  }

  async #start(netns?: string): Promise<void> {
    const at = (name: string) => join(this.#directory, name)
    const command = [
      // Not `ip netns exec`, which mounts another /sys, without control groups.
      ...(netns === undefined ? [] : ['nsenter', `--net=/run/netns/${netns}`]),
      ...['dockerd', '-H', this.host],
      ...['--data-root', at('data'), '--exec-root', at('exec'), '--pidfile', at('pid')],
      ...['--iptables=false', '--bridge=none', '--storage-driver=overlay2'],
    ]
    await this.#processes.start('engine', command)
    await eventually(async () => {
      await this.#processes.expectRunning('engine')
      return (await attempt(CLIENT, ['-H', this.host, 'version'])).code === 0
    })
  }

  /** One image with all programs, under the names that docker-compose.yaml has. */
  async #importPrograms(programs: string): Promise<void> {
    const services = await readCompose({ STATE: this.#directory })
    const [first, ...others] = CONTROL_PLANE.map((name) => services.get(name)!.image)
    const files = ['./kubernetes', ...CONTROL_PLANE.map((name) => `./${name}`)]
    await this.#import(
      `tar -C ${programs} --transform 's,^\\./,usr/local/bin/,' -c ${files.join(' ')}`,
      'ENV PATH=/usr/local/bin',
      first!,
    )
    for (const image of others) await this.docker(['tag', first!, image])
  }

  /** What makes the certificates: a Debian with this Node.js and openssl. */
  async #importNode(): Promise<void> {
    const { image } = (await readCompose({ STATE: this.#directory })).get('certificates')!
    await this.importBase('base')
    const context = join(this.#directory, 'node')
    await mkdir(context)
    await run('cp', ['-L', process.execPath, join(context, 'node')])
    await writeFile(join(context, 'Dockerfile'), 'FROM base\nCOPY node /usr/local/bin/node\n')
    await this.docker(['build', '-q', '-t', image, context])
  }

  /** The Debian that the lab makes from the package archive. */
  async importBase(name: string): Promise<void> {
    await this.#import(`cat ${await buildBase()}`, `ENV PATH=${BASE_PATH}`, name)
  }

  async #importRouter(): Promise<void> {
    const folder = join(this.#directory, 'frr')
    await mkdir(folder)
    await this.#import(`cat ${await frrArchive(folder)}`, `ENTRYPOINT ["${FRR_START}"]`, FRR_IMAGE)
  }

  async #import(archive: string, change: string, name: string): Promise<void> {
    await run('sh', ['-c', `${archive} | ${CLIENT} -H ${this.host} import --change '${change}' - ${name}`])
  }
}
