/** Everything that takes what others write, by name. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type FuzzReport, type FuzzTarget, fuzz } from './engine.ts'
import { BGP } from './targets/bgp.ts'
import { CNI } from './targets/cni.ts'
import { CONFIGURATION } from './targets/configuration.ts'
import { NETLINK } from './targets/netlink.ts'
import { NODE_ANNOTATIONS } from './targets/node-annotations.ts'
import { ANNOTATIONS, ENDPOINT_SLICE, NODE_TARGET, SERVICE } from './targets/objects.ts'

export const CORPUS = join(import.meta.dirname, 'corpus')

export interface NamedTarget {
  readonly name: string
  /** Files of the corpus, by name: texts that found something once. */
  corpus(): ReadonlyMap<string, string>
  run(random: () => number, isOver: () => boolean): FuzzReport
}

export const TARGETS: readonly NamedTarget[] = [
  ...[named(ANNOTATIONS), named(SERVICE), named(ENDPOINT_SLICE), named(NODE_TARGET)],
  ...[named(NODE_ANNOTATIONS), named(CONFIGURATION), named(NETLINK), named(CNI), named(BGP)],
]

/** Lets the type of the inputs go. */
function named<Input>(target: FuzzTarget<Input>): NamedTarget {
  const corpus = () => {
    const folder = join(CORPUS, target.name)
    return new Map(readdirSync(folder).map((file) => [file, readFileSync(join(folder, file), 'utf8')]))
  }
  return {
    name: target.name,
    corpus,
    run: (random, isOver) => fuzz(target, [...corpus().values()], random, isOver),
  }
}
