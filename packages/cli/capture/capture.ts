/** `podroute capture`: packets of this node, at each place where they pass. */

import { CliError } from '../errors.ts'
import type { Asked, ReportCommand } from '../report.ts'
import { addressesIn, namesOfAgent } from './node-names.ts'
import { captureOptions, expectSome, HOW, LIMITS, NOTHING, WHICH } from './options.ts'
import { fileSink, type Sink, textSink } from './sink.ts'
import { Tally } from './tally.ts'
import { withNeighbours } from './wanted.ts'

const HELP = `
A packet is a line at each place that it passes: a pod's interface, the bridge, the uplink. Where it is not seen any more it is lost.
It needs CAP_NET_RAW, which the agent's container does not have: run it as root on the node, or use kubectl podroute capture.
Ctrl-C ends it.

  podroute capture 10.244.1.5,10.96.0.10 --port 53
  podroute capture default/web --duration 30s --write web.pcapng`

export const capture: ReportCommand = {
  name: 'capture',
  summary: 'packets at each place of this node that they pass, with names for addresses',
  help: HELP,
  once: true,
  arguments: [
    {
      name: 'what',
      kind: 'argument',
      summary: 'addresses, Nodes, Services as namespace/name; joined by commas',
    },
    ...WHICH,
    { name: 'except', kind: 'option', takes: 'ports', summary: 'ports whose packets are left out' },
    ...LIMITS,
    ...HOW,
    {
      name: 'keep',
      kind: 'option',
      takes: 'bytes',
      summary: 'bytes of each packet at most',
      default: '65535',
    },
    {
      name: 'netns',
      kind: 'option',
      takes: 'name',
      summary: 'network namespace of the node; absent: that of this process',
    },
  ],
  async report(asked) {
    const { query, socket, say, signal } = asked
    const options = captureOptions(query)
    expectSome(query.what, options)
    const names = options.numeric ? new Map() : await namesOfAgent(socket)
    const addresses = query.what === undefined ? [] : addressesIn(query.what, names)
    // Loaded when it is wanted: it has native code.
    const { listen } = await import('./listen.ts')
    const tally = new Tally(options.limits)
    let sink: Sink | undefined
    await listen({
      ...{ options, tally, signal, netns: query.netns, keep: keepOf(query.keep) },
      wanted: { addresses: withNeighbours(addresses), ports: options.ports, except: options.except },
      began(where) {
        sink = sinkOf(asked, options.write, names)
        say(`listens at ${where}`)
      },
      seen: (packet) => sink?.packet(packet),
    })
    sink?.end(tally.lost)
    say(tally.text)
    return NOTHING
  },
}

function sinkOf(
  { format, write }: Asked,
  path: string | undefined,
  names: ReadonlyMap<string, string>,
): Sink {
  return path === undefined ? textSink(format, names, write) : fileSink(path, names)
}

/** All headers that are read, at least. @throws CliError */
function keepOf(text = ''): number {
  const bytes = Number(text)
  if (Number.isInteger(bytes) && bytes >= 128 && bytes <= 65_535) return bytes
  throw new CliError('usage', `--keep is 128 to 65535 bytes, not ${text}`)
}
