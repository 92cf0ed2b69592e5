/** The kernel's load balancer: virtual servers and their destinations, listed and changed in batches. */
import { FeatureError, hasCode, type KernelError } from '../errors.ts'
import { loadModule } from '../modules.ts'
import { resolveFamily } from '../netlink/generic.ts'
import {
  NETLINK_GENERIC,
  type NetlinkOptions,
  type NetlinkRequest,
  NetlinkSocket,
} from '../netlink/socket.ts'
import type { Message, Writer } from '../netlink/wire.ts'
import {
  CMD,
  type Connections,
  type Counters,
  type Destination,
  IPVS_FAMILY,
  readCounters,
  readDestination,
  readServer,
  readTimeouts,
  readVersion,
  settingsEnd,
  type Timeouts,
  type VirtualServer,
  writeCommand,
  writeDestination,
  writeServer,
  writeServerKey,
  writeTimeouts,
} from './message.ts'

export type {
  Connections,
  Counters,
  Destination,
  Timeouts,
  VirtualServer,
} from './message.ts'
export { FLAG_PERSISTENT, FLAG_SCHED_1, FLAG_SCHED_2 } from './message.ts'

/**
 * `add` of what is there: EEXIST. `replace` and `remove` of what is not: ESRCH for a server, ENOENT for a destination; ESRCH also
 * for a destination of a server that is not there. ENOENT for a server: the kernel has no such scheduler.
 */
export type IpvsOp =
  | { readonly kind: 'add-server' | 'replace-server' | 'remove-server'; readonly server: VirtualServer }
  | {
      readonly kind: 'add-destination' | 'replace-destination' | 'remove-destination'
      readonly server: VirtualServer
      readonly destination: Destination
    }

/** Of one network namespace. */
export class Ipvs implements Disposable {
  readonly #socket: NetlinkSocket
  #family: Promise<number> | undefined

  private constructor(socket: NetlinkSocket) {
    this.#socket = socket
  }

  /** Opens the socket; whether the kernel has IPVS shows in the first call. @throws KernelError */
  static open(options: NetlinkOptions = {}): Ipvs {
    return new Ipvs(NetlinkSocket.open(NETLINK_GENERIC, options))
  }

  /** `1.2.1`. @throws FeatureError when the kernel has no IPVS and cannot load it */
  async version(): Promise<string> {
    const [reply] = await this.#exchange('IPVS_CMD_GET_INFO', (w) => writeCommand(w, CMD.getInfo))
    return reply ? readVersion(reply) : ''
  }

  /** @throws FeatureError, KernelError */
  servers(): Promise<VirtualServer[]> {
    return this.#dumpServers(readServer)
  }

  /**
   * A text that is another one when a server is, or its settings are; counters do not count. Costs a third of `servers`.
   * @throws FeatureError, KernelError
   */
  async revision(): Promise<string> {
    return this.#socket.digest(await this.#dumpRequest(), settingsEnd)
  }

  /** Each server with its counters. @throws FeatureError, KernelError */
  counters(): Promise<{ readonly server: VirtualServer; readonly counters: Counters }[]> {
    return this.#dumpServers((message) => {
      const server = readServer(message)
      return server && { server, counters: readCounters(message) }
    })
  }

  /** None for a server that is not there: the kernel does not tell them apart. @throws FeatureError, KernelError */
  async destinations(server: VirtualServer): Promise<(Destination & Connections)[]> {
    const request = await this.#request('IPVS_CMD_GET_DEST', (w) =>
      writeServerKey(w, CMD.getDestination, server),
    )
    return this.#socket.collect(request, (message) => readDestination(message, server.family))
  }

  /** One outcome for each operation, in order; null for success, EINVAL also for an address that is none. Not atomic. @throws FeatureError */
  async apply(ops: readonly IpvsOp[]): Promise<(KernelError | null)[]> {
    const type = await this.#familyId()
    return this.#socket.batch(ops.map((op) => ({ call: CALLS[op.kind], type, flags: 0, body: bodyOf(op) })))
  }

  /** Seconds; what is absent stays. @throws KernelError EINVAL out of range, FeatureError */
  async setTimeouts(timeouts: Timeouts): Promise<void> {
    await this.#socket.execute(await this.#request('IPVS_CMD_SET_CONFIG', (w) => writeTimeouts(w, timeouts)))
  }

  /** @throws FeatureError, KernelError */
  async timeouts(): Promise<Required<Timeouts>> {
    const [reply] = await this.#exchange('IPVS_CMD_GET_CONFIG', (w) => writeCommand(w, CMD.getConfig))
    return reply ? readTimeouts(reply) : { tcp: 0, tcpFin: 0, udp: 0 }
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]()
  }

  async #dumpServers<T>(read: (message: Message) => T | undefined): Promise<T[]> {
    return this.#socket.collect(await this.#dumpRequest(), read)
  }

  #dumpRequest(): Promise<NetlinkRequest> {
    return this.#request('IPVS_CMD_GET_SERVICE', (w) => writeCommand(w, CMD.getService))
  }

  async #exchange(call: string, body: (w: Writer) => void): Promise<Message[]> {
    return this.#socket.exchange(await this.#request(call, body))
  }

  async #request(call: string, body: (w: Writer) => void): Promise<NetlinkRequest> {
    return { call, type: await this.#familyId(), flags: 0, body }
  }

  /** Resolved once; a failure is forgotten, so that a module loaded later is found. */
  #familyId(): Promise<number> {
    this.#family ??= findFamily(this.#socket).catch((error: unknown) => {
      this.#family = undefined
      throw error
    })
    return this.#family
  }
}

async function findFamily(socket: NetlinkSocket): Promise<number> {
  try {
    return await resolveFamily(socket, IPVS_FAMILY)
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error
  }
  const loaded = await loadModule('ip_vs')
  try {
    return await resolveFamily(socket, IPVS_FAMILY)
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error
    throw new FeatureError(
      'ip_vs',
      loaded.ok ? 'the module is loaded, but IPVS does not answer' : loaded.reason,
      error,
    )
  }
}

const CALLS: Readonly<Record<IpvsOp['kind'], string>> = {
  'add-server': 'IPVS_CMD_NEW_SERVICE',
  'replace-server': 'IPVS_CMD_SET_SERVICE',
  'remove-server': 'IPVS_CMD_DEL_SERVICE',
  'add-destination': 'IPVS_CMD_NEW_DEST',
  'replace-destination': 'IPVS_CMD_SET_DEST',
  'remove-destination': 'IPVS_CMD_DEL_DEST',
}

function bodyOf(op: IpvsOp): (w: Writer) => void {
  switch (op.kind) {
    case 'add-server':
      return (w) => writeServer(w, CMD.newService, op.server)
    case 'replace-server':
      return (w) => writeServer(w, CMD.setService, op.server)
    case 'remove-server':
      return (w) => writeServerKey(w, CMD.delService, op.server)
    case 'add-destination':
      return (w) => writeDestination(w, CMD.newDestination, op.server, op.destination)
    case 'replace-destination':
      return (w) => writeDestination(w, CMD.setDestination, op.server, op.destination)
    case 'remove-destination':
      return (w) => writeDestination(w, CMD.delDestination, op.server, op.destination)
  }
}
