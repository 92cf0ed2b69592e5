// ExaBGP: configuration, and what it hears, which it writes as JSON to a helper process of its own. It has no tables.
import { closeSync, existsSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import {
  type Daemon,
  eventually,
  NamespaceProcess,
  output,
  type Scenario,
  THEIR_ID,
  type TheirRoute,
  temporaryDirectory,
} from './daemon.ts'
import { ADDRESS, type Link } from './link.ts'

/** @param helper the program that it runs, whose input are its events and whose output are commands to it */
function configuration(scenario: Scenario, helper: string): string {
  const { theirAsn, ourAsn, over, announce, addPath, extendedNextHop } = scenario
  const routes = announce.flatMap((prefix, i) => {
    const nextHop = ADDRESS.theirs[prefix.includes(':') || extendedNextHop ? 6 : 4]
    const tags = 'large-community [ 65000:1:2 ] extended-community [ target:65000:5 ] med 77'
    const route = (value: number, path: number) =>
      `route ${prefix} next-hop ${nextHop} community [ 65000:${value} ] ${tags} ${addPath ? `path-information 0.0.0.${path}` : ''};`
    return i % 2 === 0 && addPath ? [route(100, 1), route(200, 2)] : [route(100, 1)]
  })
  return `
process helper {
  run ${helper};
  encoder json;
}
neighbor ${ADDRESS.ours[over]} {
  router-id ${THEIR_ID};
  local-address ${ADDRESS.theirs[over]};
  local-as ${theirAsn};
  peer-as ${ourAsn};
  hold-time 90;
  adj-rib-out true;
  ${scenario.password === undefined ? '' : `md5-password "${scenario.password}";\n  md5-base64 false;`}
  ${scenario.ttlSecurity ? 'outgoing-ttl 255;\n  incoming-ttl 255;' : ''}
  capability {
    route-refresh enable;
    ${extendedNextHop ? 'nexthop enable;' : ''}
    ${addPath ? 'add-path send/receive;' : ''}
    ${scenario.gracefulRestart === undefined ? '' : `graceful-restart ${scenario.gracefulRestart};`}
  }
  family {
    ipv4 unicast;
    ipv6 unicast;
  }
  ${extendedNextHop ? 'nexthop {\n    ipv4 unicast ipv6;\n  }' : ''}
  ${addPath ? 'add-path {\n    ipv4 unicast;\n    ipv6 unicast;\n  }' : ''}
  api {
    processes [ helper ];
    neighbor-changes;
    receive {
      parsed;
      update;
    }
  }
  static {
    ${routes.join('\n    ')}
  }
}
`
}

interface Attributes {
  readonly 'as-path'?: readonly number[] | Readonly<Record<string, { readonly value: readonly number[] }>>
  readonly community?: readonly (readonly number[])[]
  readonly 'large-community'?: readonly (readonly number[])[]
  readonly 'extended-community'?: readonly { readonly string: string }[]
  readonly 'originator-id'?: string
  readonly 'cluster-list'?: readonly string[]
}

interface Nlri {
  readonly nlri: string
  readonly 'path-information'?: string
}

/** A line of its JSON, as far as it is read. */
interface Event {
  readonly type: string
  readonly neighbor?: {
    readonly state?: string
    readonly message?: {
      readonly update?: {
        readonly attribute?: Attributes
        readonly announce?: Readonly<Record<string, Readonly<Record<string, readonly Nlri[]>>>>
        readonly withdraw?: Readonly<Record<string, readonly Nlri[]>>
      }
    }
  }
}

export class ExaBgp implements Daemon {
  readonly name = 'ExaBGP'
  readonly #directory = temporaryDirectory('exabgp')
  #process: NamespaceProcess | undefined
  #commands: number | undefined

  async start(link: Link, scenario: Scenario): Promise<void> {
    const config = this.#path('exabgp.conf')
    const helper = this.#path('helper')
    // A process in the background has no input but the one that it is given.
    const script = `exec 3<&0\ncat <&3 >${this.#path('events')} &\nexec cat ${this.#path('commands')}`
    writeFileSync(helper, `#!/bin/sh\n${script}\n`, { mode: 0o755 })
    writeFileSync(config, configuration(scenario, helper))
    await output('mkfifo', [this.#path('commands')])
    // For reading too: a FIFO without a reader cannot be opened for writing only.
    this.#commands = openSync(this.#path('commands'), 'r+')
    const env = {
      ...process.env,
      'exabgp.daemon.user': 'root',
      'exabgp.daemon.drop': 'false',
      'exabgp.tcp.bind': ADDRESS.theirs[scenario.over],
      'exabgp.tcp.port': '179',
      'exabgp.api.cli': 'false',
      'exabgp.api.ack': 'false',
    }
    this.#process = new NamespaceProcess(link.theirs, 'exabgp', [config], env)
    await eventually(() => existsSync(this.#path('events')), Boolean)
  }

  async routes(): Promise<readonly TheirRoute[]> {
    const routes = new Map<string, TheirRoute>()
    // The last line may be half written.
    for (const line of readFileSync(this.#path('events'), 'utf8').split('\n').slice(0, -1))
      apply(JSON.parse(line) as Event, routes)
    return [...routes.values()]
  }

  async refresh(): Promise<void> {
    for (const family of ['ipv4', 'ipv6'])
      writeSync(this.#commands!, `announce route-refresh ${family} unicast\n`)
  }

  async stop(signal?: NodeJS.Signals): Promise<void> {
    if (this.#commands !== undefined) closeSync(this.#commands)
    this.#commands = undefined
    await this.#process?.stop(signal)
    this.#directory.remove()
  }

  #path(name: string): string {
    return join(this.#directory.path, name)
  }
}

/** Does to the table what the event says. */
function apply({ type, neighbor }: Event, routes: Map<string, TheirRoute>): void {
  if (type === 'state' && neighbor?.state === 'down') routes.clear()
  const { attribute = {}, announce = {}, withdraw = {} } = neighbor?.message?.update ?? {}
  const key = (nlri: Nlri) => `${nlri.nlri} ${nlri['path-information'] ?? ''}`
  for (const gone of Object.values(withdraw).flat()) routes.delete(key(gone))
  for (const byNextHop of Object.values(announce))
    for (const [nextHop, list] of Object.entries(byNextHop))
      for (const there of list) routes.set(key(there), routeOf(there.nlri, nextHop, attribute))
}

function routeOf(prefix: string, nextHop: string, attribute: Attributes): TheirRoute {
  const path = attribute['as-path'] ?? []
  const originatorId = attribute['originator-id']
  return {
    prefix,
    nextHop,
    asPath: Array.isArray(path) ? path : Object.values(path).flatMap(({ value }) => value),
    communities: [
      ...(attribute.community ?? []).map((parts) => parts.join(':')),
      ...(attribute['large-community'] ?? []).map((parts) => parts.join(':')),
      ...(attribute['extended-community'] ?? []).map(({ string }) => string.replace(/^target:/, 'rt ')),
    ],
    ...(originatorId === undefined ? {} : { originatorId }),
    clusterList: attribute['cluster-list'] ?? [],
  }
}
